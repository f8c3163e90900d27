"""How much of what a picture knows survives in the features, for tasks the core was never trained for."""
