"""The addresses of the one port, by subject."""
