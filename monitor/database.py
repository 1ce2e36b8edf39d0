"""How a PostgreSQL session is opened, asked and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from monitor.backoff import Backoff
from monitor.domain.connection import Opening
from monitor.refusals import Turned, Unavailable, outcome_of, turned
from monitor.secret import Secret

SETTINGS = {
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
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
LATER_S = 0.5
"""How much longer we wait than the server works: so that the server gives a slow question up, and says so."""


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
        # Told now: asyncpg would find it at each connection, and it looks like a server that is away.
        asked = parse_qs(parts.query)
        if not set(asked.get("sslmode", ())) <= set(SSL_MODES):
            raise ValueError(f"its sslmode is none of {', '.join(SSL_MODES)}")
        for key in ("sslrootcert", "sslcert", "sslkey"):
            if not all(Path(file).is_file() and os.access(file, os.R_OK) for file in asked.get(key, ())):
                raise ValueError(f"its {key} is no file that can be read")
        role = unquote(parts.username or "")
        label = f"{parts.hostname or 'localhost'}:{port}{parts.path}"
        return cls(Secret(dsn), label, role, Secret(password) if password is not None else None)


async def open_session(
    target: Target,
    purpose: str,
    timeout: float,  # noqa: ASYNC109 - one deadline for the whole handshake
    statement_s: float = 2.0,
    connection_class: type[asyncpg.Connection] = asyncpg.Connection,
    *,
    read_only: bool = True,
) -> tuple[asyncpg.Connection, float]:
    """Open a session named "huph-monitor PURPOSE" within `timeout` seconds; give it and the ms it took.

    The server ends each of its statements after `statement_s` seconds, and writes nothing where it is `read_only`.

    Raises `Unavailable`, which says how it failed.
    """
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            connection = await asyncpg.connect(
                dsn=target.dsn.reveal(),
                password=target.password.reveal() if target.password is not None else None,
                timeout=timeout + 1,
                connection_class=connection_class,
                # A prepared statement spares a round trip, and so the latency is the way's and not twice that; on the
                # session that listens nothing stays behind.
                statement_cache_size=100 if connection_class is asyncpg.Connection else 0,
                server_settings={
                    **SETTINGS,
                    "default_transaction_read_only": "on" if read_only else "off",
                    "statement_timeout": str(round(1000 * statement_s)),
                    "application_name": f"huph-monitor {purpose}",
                },
            )
    except (
        OSError, UnicodeError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    ) as error:  # fmt: skip
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

    `ended_by` collects the SQLSTATEs with which the server ended it amid a question, until somebody takes them;
    `opened` counts how often it was opened, `connect_ms` is how long that took the last time.
    """

    def __init__(
        self,
        target: Target,
        purpose: str,
        connect_timeout_s: float,
        query_timeout_s: float = 2.0,
        *,
        read_only: bool = True,
    ) -> None:
        self.target = target
        self._read_only = read_only
        self._purpose = purpose
        self._connect_timeout_s = connect_timeout_s
        self._query_timeout_s = query_timeout_s
        self._backoff = Backoff()
        self._closed_until = 0.0
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self.ended_by: set[str] = set()
        self.opened = 0
        self.connect_ms = 0.0
        self._longest_wait_ms = 0.0

    @property
    def alive(self) -> bool:
        """Whether it was open when last heard of."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    async def ask(
        self,
        sql: str,
        *arguments: object,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline of this one question
    ) -> tuple[list[asyncpg.Record], float]:
        """Ask, opening the session first if need be; give the rows and the ms between question and answer.

        Raises `Unavailable` when there is no session or it broke, `Turned` when the question was turned away: by the
        database, or by our own deadline, a little later than the server's.
        """
        limit = timeout if timeout is not None else self._query_timeout_s + LATER_S
        queued = time.perf_counter()
        async with self._turn:
            self._longest_wait_ms = max(self._longest_wait_ms, 1000 * (time.perf_counter() - queued))
            connection = self._connection if self.alive else await self._open()
            assert connection is not None
            started = time.perf_counter()
            try:
                async with asyncio.timeout(limit):
                    rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            except asyncpg.PostgresError as error:
                raise self._judged(connection, error) from None
            except asyncio.CancelledError:
                # asyncpg would open another connection to ask the server to stop, and this one would wait for that.
                self.drop()
                raise
            except TimeoutError:
                # close() would wait for a peer that does not answer.
                self.drop()
                raise Turned("timeout", limit="client", limit_ms=round(1000 * limit), object="?") from None
            except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                if isinstance(error, asyncpg.InterfaceError) and not connection.is_closed():
                    # The question itself is wrong: arguments that it does not take.
                    raise Turned("error", where="?", code=type(error).__name__) from None
                self.drop()
                raise Unavailable from None
            return rows, 1000 * (time.perf_counter() - started)

    def take_wait_ms(self) -> float:
        """Give the longest that a question has waited for its turn since this was last asked."""
        longest, self._longest_wait_ms = self._longest_wait_ms, 0.0
        return longest

    async def open(self) -> None:
        """Open it, unless it is open. Raises `Unavailable`, which says how it failed."""
        async with self._turn:
            if not self.alive:
                await self._open()

    async def _open(self) -> asyncpg.Connection:
        """Open it anew, but not again and again: who is refused waits longer each time."""
        now = asyncio.get_running_loop().time()
        if now < self._closed_until:
            raise Unavailable
        try:
            self._connection, self.connect_ms = await open_session(
                self.target,
                self._purpose,
                self._connect_timeout_s,
                self._query_timeout_s,
                read_only=self._read_only,
            )
        except Unavailable:
            self._closed_until = asyncio.get_running_loop().time() + self._backoff.next()
            raise
        self._backoff.reset()
        self.opened += 1
        return self._connection

    def retry(self) -> None:
        """Let it be opened at the next question: others can be opened again."""
        self._backoff.reset()
        self._closed_until = 0.0

    def _judged(self, connection: asyncpg.Connection, error: asyncpg.PostgresError) -> Unavailable | Turned:
        state = error.sqlstate or ""
        if connection.is_closed() or state.startswith(("57P", "08")):
            # A session that ends amid a question ends with asyncpg's own error; the server's word is its cause.
            said = error.__cause__ if isinstance(error, asyncpg.ConnectionDoesNotExistError) else error
            if isinstance(said, asyncpg.PostgresError) and said.sqlstate:
                self.ended_by.add(said.sqlstate)
            self.drop()
            return Unavailable()
        return turned(error, limit_ms=round(1000 * self._query_timeout_s))

    def drop(self) -> None:
        """End the session at once, without waiting for the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
