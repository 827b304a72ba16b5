"""Asks the service of this container whether it is ready: what a container's health check runs."""
