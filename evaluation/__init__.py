"""The bench: metrics, dataset adapters and comparisons on real material."""
