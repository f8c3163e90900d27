"""What happens to features at the far end: heads, overlay and results."""
