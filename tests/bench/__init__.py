"""Measurements of the running product; nothing here passes or fails."""
