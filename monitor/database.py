"""How a PostgreSQL session is opened, asked and ended; every way in which that can fail is a value with a name."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import asyncpg

from monitor.domain.connection import Opening, Outcome
from monitor.secret import Secret

SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "2s",
    # Held behind a waiting ALTER TABLE, our lock would queue the platform (PostgreSQL 18, 13.3.1).
    "lock_timeout": "200ms",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # With stale statistics the recount was planned as a sequential scan, a hundred times as dear.
    "enable_seqscan": "off",
    # The server lets go of us soon when we are gone or stand still: a listener that does not read pins its queue.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
NETWORK_DOWN = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENETDOWN}
OURSELVES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a database is and who asks; `label` and `role` may be shown, the rest may not."""

    dsn: Secret
    label: str
    role: str
    password: Secret | None = None

    @classmethod
    def of(cls, dsn: str, password: str | None = None) -> Target:
        """Read a PostgreSQL URI (PostgreSQL 18, 32.1.1.2); ValueError, without the text, when it is none."""
        try:
            parts = urlsplit(dsn)
        except ValueError:
            # Its words quote the address, the password with it.
            raise ValueError("no PostgreSQL address") from None
        if parts.scheme not in {"postgresql", "postgres"}:
            raise ValueError("no PostgreSQL address")
        # A password with one of "/?#" in it, not escaped, ends the host there: the rest would be shown as its label.
        if "@" in parts.path + parts.query + parts.fragment or parts.path.count("/") > 1:
            raise ValueError("not escaped; write / ? # @ within a name or a password as %2F %3F %23 %40")
        try:
            port = parts.port or 5432
        except ValueError:
            raise ValueError("no port number") from None
        role = unquote(parts.username or "")
        label = f"{parts.hostname or 'localhost'}:{port}{parts.path}"
        return cls(Secret(dsn), label, role, Secret(password) if password is not None else None)


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
    match error:
        case asyncpg.CannotConnectNowError():
            outcome = "shutting_down" if "shutting down" in str(error) else "starting"
        case asyncpg.AdminShutdownError():
            outcome = "shutting_down"
        case asyncpg.CrashShutdownError():
            outcome = "starting"
        case asyncpg.TooManyConnectionsError():
            outcome = "too_many"
        case asyncpg.PostgresError() if state:
            outcome = "login_refused"
        case ConnectionRefusedError() | FileNotFoundError():
            outcome = "refused"
        case socket.gaierror():
            outcome = "unresolved"
        case TimeoutError():
            outcome = "silent"
        case OSError() if error.errno in OURSELVES:
            outcome = "exhausted"
        case OSError() if error.errno in NETWORK_DOWN:
            outcome = "no_tcp"
        case _:
            pass
    return Opening(outcome, sqlstate=state)


async def open_session(target: Target, purpose: str, timeout: float) -> tuple[asyncpg.Connection, float]:  # noqa: ASYNC109 - one deadline for the whole handshake
    """Open a session named "huph-monitor PURPOSE" within `timeout` seconds; give it and the ms it took.

    Raises `Unavailable`, which says how it failed.
    """
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            connection = await asyncpg.connect(
                dsn=target.dsn.reveal(),
                password=target.password.reveal() if target.password is not None else None,
                timeout=timeout + 1,
                server_settings={**SETTINGS, "application_name": f"huph-monitor {purpose}"},
            )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        opening = outcome_of(error)
        if opening.outcome == "silent" and not await _tcp_opens(target):
            opening = Opening("no_tcp")
        raise Unavailable(opening) from None
    _keep_alive(connection)
    return connection, 1000 * (time.perf_counter() - started)


async def _tcp_opens(target: Target) -> bool:
    parts = urlsplit(target.dsn.reveal())
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(parts.hostname or "localhost", parts.port or 5432)
        writer.close()
        return True
    return False


def _keep_alive(connection: asyncpg.Connection) -> None:
    # asyncpg sets neither, so a peer that vanished without a word would never be noticed on an idle session.
    transport = getattr(connection, "_transport", None)
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Session:
    """One session that is held, opened again when it broke, and asked one question at a time.

    `ended_by` collects the SQLSTATEs with which the server ended it, until somebody takes them.
    """

    def __init__(self, target: Target, purpose: str, connect_timeout_s: float) -> None:
        self.target = target
        self._purpose = purpose
        self._connect_timeout_s = connect_timeout_s
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self.ended_by: set[str] = set()

    @property
    def alive(self) -> bool:
        """Whether it was open when last heard of."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    async def ask(self, sql: str, *arguments: object, timeout: float) -> tuple[list[asyncpg.Record], float]:  # noqa: ASYNC109 - a deadline of this one question
        """Ask, opening the session first if need be; give the rows and the ms between question and answer.

        Raises `Unavailable` when there is no session or it broke, `Turned` when the database turns the question away.
        """
        async with self._turn:
            if not self.alive:
                self._connection, _ = await open_session(self.target, self._purpose, self._connect_timeout_s)
            connection = self._connection
            assert connection is not None
            started = time.perf_counter()
            try:
                async with asyncio.timeout(timeout):
                    rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            except asyncpg.PostgresError as error:
                raise self._judged(connection, error) from None
            except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                # close() would wait for a peer that does not answer.
                self.drop()
                raise Unavailable from None
            return rows, 1000 * (time.perf_counter() - started)

    def _judged(self, connection: asyncpg.Connection, error: asyncpg.PostgresError) -> Unavailable | Turned:
        state = error.sqlstate or ""
        if connection.is_closed() or state.startswith(("57P", "08")):
            self.ended_by.add(state)
            self.drop()
            return Unavailable()
        return turned(error)

    def drop(self) -> None:
        """End the session at once, without waiting for the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def turned(error: asyncpg.PostgresError) -> Turned:
    """Name the way in which a question was turned away; objects are named, texts of the error are not kept."""
    named = " ".join(str(part) for part in _objects(error))
    match error:
        case asyncpg.LockNotAvailableError():
            return Turned("timeout", limit="lock", limit_ms=200, object=named or "?")
        case asyncpg.QueryCanceledError():
            return Turned("timeout", limit="statement", limit_ms=2000, object=named or "?")
        case asyncpg.InsufficientPrivilegeError():
            return Turned("permission", object=named or "?", right="SELECT")
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return Turned("schema", object=named or "?")
        case _:
            return Turned("error", where=named or "?", code=error.sqlstate or "?")


def _objects(error: asyncpg.PostgresError) -> Sequence[Any]:
    fields = [getattr(error, name, None) for name in ("table_name", "column_name")]
    if any(fields):
        return [field for field in fields if field]
    # PostgreSQL names the missing object only in its sentence, between quotes: relation "x" does not exist.
    quoted = str(error).split('"')
    if len(quoted) > 2:
        return [quoted[1]]
    words = str(error).split()
    return [words[-1]] if isinstance(error, asyncpg.InsufficientPrivilegeError) and words else []
