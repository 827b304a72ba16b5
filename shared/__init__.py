"""What two services must agree on. Knows no service."""
