"""An edit of a setting, how it can end, and what the audit log tells of the edits before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from monitor.access.caller import Caller
from monitor.domain.checks.settings import Problem
from monitor.secret import Secret

Code = Literal[
    "no_such_setting",
    "not_editable",
    "not_allowed",
    "invalid_value",
    "precondition_required",
    "edits_off",
    "busy",
    "database_away",
    "failed",
    "unconfirmed",
]


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody wants a setting to have another value; none of its texts is shown by its repr.

    What the caller has seen is named by `version`, or by `old` where the platform keeps no version. `request_id` must
    never be used for another edit: by it is found out whether this one was written. `address` is the caller's.
    """

    caller: Caller
    key: str
    value: Secret
    version: int | None = None
    old: Secret | None = None
    reason: str = field(default="", repr=False)
    address: str = ""
    request_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Done:
    """It is written, with its record in the audit log; `changed_at` in Unix seconds of the database's clock."""

    version: int | None
    changed_at: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody was faster: nothing is written, and this is what the setting is now.

    `value` is None where it is secret, and then `configured` says whether there is one; what is not known is None.
    """

    version: int | None
    changed_at: float | None
    changed_by: str | None
    value: str | None = field(default=None, repr=False)
    configured: bool | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not done; nothing is written, unless it is `unconfirmed`.

    `no_such_setting`: the profile does not have it, or the platform. `not_editable`, `not_allowed`: the platform says
    so of the setting, or of the caller. `invalid_value`: `problem` says why; `pattern` also when a constraint of the
    platform's own turned it away. `precondition_required`: nothing names what the caller has seen; a secret needs the
    version. `edits_off`: there is no role to edit with. `busy`: somebody holds the setting, or other edits came before.
    `database_away`: PostgreSQL let nobody in. `failed`: it turned the edit away for another reason, which is in the
    log. `unconfirmed`: the connection broke when the edit was on its way, and the database did not come back in time
    to say whether it was written.
    """

    code: Code
    problem: Problem = ""


@dataclass(frozen=True, slots=True)
class Edited:
    """The columns of edit_setting.sql: its `outcome` and the setting as it is afterwards.

    Outcomes are done, conflict, absent, not_editable and not_allowed; with the last three nothing else is told.
    `changed_at` in Unix seconds.
    """

    outcome: str
    version: int | None
    changed_at: float | None
    changed_by: str | None
    value: str | None
    configured: bool | None


@dataclass(frozen=True, slots=True)
class Trail:
    """The columns of setting_history.sql: the edits of one setting, the newest first; `at` in Unix seconds.

    `told` says whether `old` and `new` are there; of a secret they never are.
    """

    id: list[str]
    at: list[float]
    by: list[str]
    reason: list[str]
    secret: list[bool]
    told: list[bool]
    old: list[str]
    new: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of the past; `old` and `new` are None for a secret, and where the record does not hold them."""

    id: str
    at: float
    by: str
    reason: str
    secret: bool
    old: str | None = field(default=None, repr=False)
    new: str | None = field(default=None, repr=False)
