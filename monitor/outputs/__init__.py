"""Ways out: each is given changes, and none can delay the engine."""
