"""The image and docker-compose.yml for real, under podman: `make containers`."""
