"""The figures that the project promises, each measured by one module, and the page that keeps them."""
