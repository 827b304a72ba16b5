"""What stands in deploy/, looked at by the programs that those who run it use: `make tools`."""
