"""Training of the core network: the only part of `core_network` that needs torch."""
