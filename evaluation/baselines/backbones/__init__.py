"""Feature extractors with the key names of the checkpoints that are published for them."""
