"""Ways in: they turn the outside world into signals, and know nothing of who listens."""
