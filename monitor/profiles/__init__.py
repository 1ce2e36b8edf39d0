"""How platforms are shaped: channels, triggers, thresholds and queries, as data."""
