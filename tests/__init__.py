"""The tests: what the monitor promises, on real PostgreSQL, real sockets and a real browser."""
