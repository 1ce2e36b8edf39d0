"""Benchmarks that anyone can run: each prints a table with ratios and goals, or one JSON object."""
