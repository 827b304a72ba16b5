"""What leaves: one module per channel."""
