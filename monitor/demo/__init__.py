"""A platform to try the monitor on: it behaves like HUPH and breaks when told to; they meet on the wire only."""
