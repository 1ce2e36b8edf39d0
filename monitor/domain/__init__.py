"""What a healthy platform is: pure, synchronous; no clock, no socket, no log."""
