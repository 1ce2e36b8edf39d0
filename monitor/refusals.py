"""How PostgreSQL says no: every way in which opening or asking a session can fail, as a value with a name."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Sequence
from typing import Literal

import asyncpg

from monitor.domain.connection import Opening, Outcome

LOGIN_REFUSED = {"28P01", "28000", "3D000", "42501"}
"""Wrong password, no such role or rule, no such database, no right to connect (PostgreSQL 18, appendix A)."""
NOBODY_THERE = {errno.ECONNREFUSED, errno.ENOENT}
NETWORK_DOWN = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENETDOWN}
OURSELVES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Unavailable(Exception):  # noqa: N818 - a state of the database, not an error of ours
    """No session, or it broke: how opening one ended, or None when an open one was lost."""

    def __init__(self, opening: Opening | None = None) -> None:
        super().__init__(opening.outcome if opening is not None else "lost")
        self.opening = opening


class Turned(Exception):  # noqa: N818 - an answer of the database, not an error of ours
    """The database turned a question away: `kind` and `params` of the reason `unknown.<kind>`."""

    def __init__(self, kind: Literal["timeout", "permission", "schema", "error"], **params: str | float) -> None:
        super().__init__(kind)
        self.kind: Literal["timeout", "permission", "schema", "error"] = kind
        self.params = params


def outcome_of(error: BaseException) -> Opening:  # noqa: C901 - one row of a table each
    """Name the way in which opening a session failed; no text of the error is kept, it may hold secrets."""
    outcome: Outcome = "reset"
    state = getattr(error, "sqlstate", None) or ""
    numbers = _numbers(error)
    match error:
        case asyncpg.ConnectionDoesNotExistError():
            # asyncpg's own word for a greeting that was cut off: no server said it.
            state = ""
        case asyncpg.CannotConnectNowError():
            outcome = "shutting_down" if "shutting down" in str(error) else "starting"
        case asyncpg.AdminShutdownError():
            outcome = "shutting_down"
        case asyncpg.CrashShutdownError():
            outcome = "starting"
        case asyncpg.TooManyConnectionsError():
            outcome = "too_many"
        case asyncpg.PostgresError() if state in LOGIN_REFUSED:
            outcome = "login_refused"
        case socket.gaierror() | UnicodeError():
            # UnicodeError: a name that no name server could be asked for, such as "db..example".
            outcome = "unresolved"
        case TimeoutError():
            outcome = "silent"
        case OSError() if numbers & NOBODY_THERE:
            outcome = "refused"
        case OSError() if numbers & OURSELVES:
            outcome = "exhausted"
        case OSError() if numbers & NETWORK_DOWN:
            outcome = "no_tcp"
        case _:
            pass
    return Opening(outcome, sqlstate=state)


def _numbers(error: BaseException) -> set[int]:
    # Of a name with several addresses ("localhost" with ::1 and 127.0.0.1), asyncio gives the errors of all in one
    # sentence, without a number of its own.
    number = getattr(error, "errno", None)
    return {number} if number is not None else {int(one) for one in re.findall(r"\[Errno (\d+)\]", str(error))}


def turned(error: asyncpg.PostgresError, limit_ms: int = 2000) -> Turned:
    """Name the way in which a question was turned away; objects are named, texts of the error are not kept."""
    named = " ".join(_objects(error))
    match error:
        case asyncpg.LockNotAvailableError():
            return Turned("timeout", limit="lock", limit_ms=200, object=named or "?")
        case asyncpg.QueryCanceledError():
            return Turned("timeout", limit="statement", limit_ms=limit_ms, object=named or "?")
        case asyncpg.InsufficientPrivilegeError():
            return Turned("permission", object=named or "?", right="SELECT")
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return Turned("schema", object=named or "?")
        case _:
            return Turned("error", where=named or "?", code=error.sqlstate or "?")


NAMING = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)
"""Errors whose sentence names an object of the schema, and never a value."""


def _objects(error: asyncpg.PostgresError) -> Sequence[str]:
    fields = [getattr(error, name, None) for name in ("table_name", "column_name")]
    # Other sentences quote values of rows, which are nobody's business here.
    if any(fields) or not isinstance(error, NAMING):
        return [str(field) for field in fields if field]
    # PostgreSQL names the missing object only in its sentence: relation "x" does not exist, column t.x does not exist.
    found = re.search(r'"([^"]+)"|^(?:column|function) ([^"]+) does not exist', str(error))
    if found is not None:
        return [found[1] or found[2]]
    words = str(error).split()
    return [words[-1]] if isinstance(error, asyncpg.InsufficientPrivilegeError) and words else []
