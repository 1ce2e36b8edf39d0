"""Who asks, what they may do, and why somebody is turned away."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Kind = Literal["user", "token", "break_glass", "open"]
Code = Literal["sign_in", "expired", "revoked", "inactive", "wrong_role", "scope"]


class Level(IntEnum):
    """What an address asks for, and what a caller may do; each includes those before it."""

    PUBLIC = 0
    READ = 1
    STREAM = 2
    EDIT = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has been let in.

    `name` may be shown and stands in the audit log; `user_id` and `role` are those of a user's row. `expires_at` is in
    Unix seconds. `ambient` says that a browser sent the credential by itself (a cookie), so that another site's page
    may have sent the request. `credential` tells a name's credentials apart: a revoked one, and the one after it.
    """

    kind: Kind
    name: str
    level: Level
    user_id: str = ""
    role: str = ""
    expires_at: float | None = None
    ambient: bool = False
    credential: str = ""

    @property
    def key(self) -> str:
        """What is counted as one caller."""
        return f"{self.kind}:{self.user_id or self.name}"


class RefusedError(Exception):
    """Somebody is turned away; `code` says why, and nothing of what they showed is kept.

    `sign_in`: no credential, or none that is ours. `expired` and `revoked`: it was one. `inactive` and `wrong_role`:
    the user is known and may not. `scope`: the credential is good, but not for this.
    """

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code

    @property
    def status(self) -> int:
        """The status of HTTP (RFC 9110, 15.5.2 and 15.5.4): 401 where another credential would help, else 403."""
        return 401 if self.code in {"sign_in", "expired", "revoked"} else 403

    @property
    def close_code(self) -> int:
        """The code with which a WebSocket is closed: 4401 where a new credential helps, else 4403."""
        return 4401 if self.code in {"sign_in", "expired"} else 4403
