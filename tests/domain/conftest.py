"""How hypothesis searches here: no deadline, for a busy computer stutters; nothing is written beside the tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("domain", deadline=None, max_examples=100, database=None)
settings.load_profile("domain")
