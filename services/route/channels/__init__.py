"""How alerts leave: one file per kind of channel."""
