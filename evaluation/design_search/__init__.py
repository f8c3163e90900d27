"""The design search of the core network: short runs and codings beside what was predicted of each."""
