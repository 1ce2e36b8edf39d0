"""The one door by which the monitor writes: a setting is edited, and the platform's audit log tells of it."""
