"""The six services, and `local`, which runs them all on one machine."""
