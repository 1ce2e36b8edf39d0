"""The file of feature flags, as it lies beside a real huph-api: an .env that holds secrets too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.demo.state import replace
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

# The values beside the flags are plainly no secrets, and easy to find wherever they do not belong.
_WHOLE = """\
# HUPH: huph-api reads this file when it starts.

# Feature flags
BILINGUAL_ENABLED=true
INTENT_LLM_ENABLED=true
FOLLOW_UP_ENABLED=true
HANDOVER_ENABLED=true
RAG_ENABLED=true
# After so many answers of the bot a counselor is asked.
MAX_BOT_TURNS=8
DEFAULT_LANGUAGE="id"
SOCKET_REDIS_ADAPTER=false

# Secrets
ANTHROPIC_API_KEY=canary-flagfile-anthropic-api-key
NEXTAUTH_SECRET="canary-flagfile-nextauth-secret"
DATABASE_URL=postgresql://canary-flagfile-user:canary-flagfile-password@db.example.test:5432/huph
"""
CANARY = "canary-flagfile"
_TURNS = re.compile(r"^(MAX_BOT_TURNS=)(\d+)", re.MULTILINE)


class FlagFile:
    """One such file: written whole, edited, moved away and brought back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside = path.with_name(f"{path.name}.removed")

    @property
    def there(self) -> bool:
        return self.path.exists()

    def write(self) -> None:
        """Make it as on the first day, whatever has been done to it."""
        replace(self.path, _WHOLE, mode=0o600)
        self._aside.unlink(missing_ok=True)

    def edit(self) -> None:
        """Give one flag another value, as an editor does: the old file is replaced by a new one."""
        try:
            text = self.path.read_text()
        except OSError as error:
            raise MonitorError(f"The flag file cannot be read: {error.strerror}; mend remove-flags first.") from error
        edited = _TURNS.sub(lambda found: found[1] + ("12" if found[2] != "12" else "8"), text)
        replace(self.path, edited if edited != text else _WHOLE, mode=0o600)

    def remove(self) -> None:
        if self.there:
            self.path.replace(self._aside)

    def restore(self) -> None:
        """Bring it back as it was; a file that somebody has put in its place meanwhile stays."""
        if self.there:
            self._aside.unlink(missing_ok=True)
        elif self._aside.exists():
            self._aside.replace(self.path)
        else:
            self.write()
