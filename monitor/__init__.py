"""huph-monitor: a live health monitor driven by the events of the platform's own PostgreSQL."""

__version__ = "0.1.0"
