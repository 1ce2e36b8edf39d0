"""Service tokens: who may ask without being a user; kept as digests in a file of SQLite, for us and nobody else."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.private import flaw
from monitor.access.uses import Uses
from monitor.errors import MonitorError
from monitor.places import state_home

Standing = Literal["good", "expired", "revoked"]
SCOPES = {"read": Level.READ, "stream": Level.STREAM, "admin": Level.EDIT}
MOST_DAYS = 3650
DAY_S = 86400.0
PREFIX = "hm_"
"""What a token begins with, so that it can be told from other secrets where it should not be, as in a repository."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_BYTES = 32
_PATIENCE_S = 5.0
"""So long a command waits for another one that is writing."""
_UNSEEN_S = 5.0
"""So long what was read last is believed while another process is writing; that takes milliseconds."""
_OURS = 0x686D746B
"""SQLite's application_id of a store, so that another file is not taken for one, nor written to ("hmtk")."""
_SCHEMA = """
create table if not exists tokens (
    id integer primary key autoincrement,
    name text not null,
    scope text not null check (scope in ('read', 'stream', 'admin')),
    digest blob not null unique check (length(digest) = 32),
    created_at real not null,
    expires_at real not null,
    revoked_at real
) strict
"""
_ROWS = "select id, name, scope, digest, created_at, expires_at, revoked_at from tokens order by id"


class StoreError(MonitorError):
    """A store that cannot be used, or a name that cannot be had; says what to do about it."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; all instants are Unix seconds."""

    name: str
    scope: str
    standing: Standing
    created_at: float
    expires_at: float
    revoked_at: float | None
    used_at: float | None
    """When it was used last, to the minute."""


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    name: str
    scope: str
    digest: bytes
    created_at: float
    expires_at: float
    revoked_at: float | None

    def standing(self, now: float) -> Standing:
        if self.revoked_at is not None:
            return "revoked"
        return "good" if now < self.expires_at else "expired"


def default_path() -> Path:
    """Give the place of the store where none is named."""
    return state_home() / "access" / "tokens.db"


class TokenStore:
    """The tokens in one file. `add`, `list` and `revoke` are for commands, and raise `StoreError`.

    `find` and `standing` are for the daemon: they never wait, and turn everybody away when the store cannot be used,
    which is then said by `trouble`. What another process has changed they know at once. For one thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._uses = Uses(self._path.with_name(f"{self._path.name}.used"))
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._rows: dict[bytes, _Row] = {}
        self._by_id: dict[str, _Row] = {}
        self._read_at = 0.0
        self.trouble = ""
        """Why the store cannot be used, as a sentence for its owner; empty where it can, or where there is none yet."""

    def add(self, name: str, scope: str, days: int, now: float) -> str:
        """Make a token; its text is given here and never again. A name may be used again once its token is dead."""
        if not _NAME.fullmatch(name):
            raise StoreError(
                f"The name {name!r} cannot be had: give 1 to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first."
            )
        if scope not in SCOPES:
            raise StoreError(f"The scope {scope!r} is not known; give one of {', '.join(SCOPES)}.")
        if not 1 <= days <= MOST_DAYS:
            raise StoreError(f"{days} days cannot be had; give 1 to {MOST_DAYS}.")
        text = PREFIX + secrets.token_urlsafe(_BYTES)
        self._make()
        with self._writing() as connection:
            alive = "select 1 from tokens where name = ? and revoked_at is null and expires_at > ?"
            if connection.execute(alive, (name, now)).fetchone():
                raise StoreError(f"A token named {name} lives; revoke it first, or choose another name.")
            connection.execute(
                "insert into tokens (name, scope, digest, created_at, expires_at) values (?, ?, ?, ?, ?)",
                (name, scope, _digest(text), now, now + days * DAY_S),
            )
        return text

    def list(self, now: float) -> list[Token]:
        """Give all tokens that ever were, the oldest first."""
        if not self._path.exists():
            return []
        with self._opened() as connection:
            rows = _rows(connection)
        used = self._uses.read()
        return [
            Token(
                one.name,
                one.scope,
                one.standing(now),
                one.created_at,
                one.expires_at,
                one.revoked_at,
                used.get(str(one.id)),
            )
            for one in rows
        ]

    def revoke(self, name: str, now: float) -> bool:
        """Revoke the token of this name, for good; False where it was dead already."""
        if not self._path.exists():
            raise StoreError(f"No token is named {name}; there are none in {self._path}.")
        with self._writing() as connection:
            done = connection.execute(
                "update tokens set revoked_at = ? where name = ? and revoked_at is null and expires_at > ?",
                (now, name, now),
            )
            if done.rowcount:
                return True
            if connection.execute("select 1 from tokens where name = ?", (name,)).fetchone():
                return False
        raise StoreError(f"No token is named {name}; see: huph-monitor token list")

    def find(self, text: str, now: float) -> Caller:
        """Give whose token this is. Raises `RefusedError`: `sign_in` where it is none, `expired` or `revoked`."""
        if not _TOKEN.fullmatch(text) or not self._look(now):
            raise RefusedError("sign_in")
        digest = _digest(text)
        # Nobody can choose the bytes of a digest, so the time of this search says nothing about those that are kept.
        row = self._rows.get(digest)
        if row is None or not hmac.compare_digest(row.digest, digest):
            raise RefusedError("sign_in")
        standing = row.standing(now)
        if standing != "good":
            raise RefusedError(standing)
        self._uses.note(str(row.id), now)
        return Caller("token", row.name, SCOPES[row.scope], expires_at=row.expires_at, credential=str(row.id))

    def standing(self, caller: Caller, now: float) -> RefusedError | None:
        """Say why somebody whom `find` has let in may not stay; None where all is well."""
        if not self._look(now):
            return RefusedError("sign_in")
        row = self._by_id.get(caller.credential)
        if row is None:
            return RefusedError("revoked")
        standing = row.standing(now)
        return RefusedError(standing) if standing != "good" else None

    def close(self) -> None:
        """Let the file go."""
        self._uses.wait(1.0)
        self._forget("")

    def _look(self, now: float) -> bool:
        """Read what has changed; say whether the store can be used."""
        try:
            status = self._path.stat()
            file = (status.st_dev, status.st_ino)
            if self._connection is None or file != self._file:
                self._forget("")
                # Not for writing, but a command that was killed may have left something to be undone.
                self._connection, self._file = self._connect(0.0, query_only=True), file
            _private(self._path, status, tended=False)
            version: int = self._connection.execute("pragma data_version").fetchone()[0]
            if version != self._version:
                rows = _rows(self._connection)
                self._rows = {row.digest: row for row in rows}
                self._by_id = {str(row.id): row for row in rows}
                self._version = version
            self._read_at, self.trouble = now, ""
        except FileNotFoundError:
            self._forget("")
        except OSError as error:
            self._forget(f"The token store {self._path} cannot be reached ({error.strerror}).")
        except sqlite3.Error as error:
            # Who is writing has not committed yet: what we know holds.
            if not _is_busy(error) or self._version is None or abs(now - self._read_at) > _UNSEEN_S:
                self._forget(self._told(error))
        except StoreError as error:
            self._forget(str(error))
        return self._version is not None

    def _forget(self, trouble: str) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = self._version = None
        self._rows, self._by_id = {}, {}
        self.trouble = trouble

    def _make(self) -> None:
        """Make the file, and its directory, for their owner alone."""
        folder = self._path.parent
        try:
            for each in (*reversed(folder.parents), folder):
                with suppress(FileExistsError):
                    each.mkdir(0o700 if each == folder else 0o755)
            opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                owner = folder.stat()
                if os.geteuid() == 0 and owner.st_uid != 0:
                    # An administrator makes it for the daemon, whose directory this is.
                    os.fchown(opened, owner.st_uid, owner.st_gid)
            finally:
                os.close(opened)
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreError(
                f"The token store {self._path} cannot be made ({error.strerror}); name another place with --store."
            ) from None

    def _connect(self, patience_s: float, *, query_only: bool) -> sqlite3.Connection:
        for path in (self._path.parent, self._path):
            _private(path, path.stat(), tended=not query_only)
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw", uri=True, timeout=patience_s, isolation_level=None
        )
        try:
            if query_only:
                connection.execute("pragma query_only = on")
            # A token that was revoked stays so, whenever the power fails.
            connection.execute("pragma synchronous = extra")
            self._ours(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _ours(self, connection: sqlite3.Connection) -> None:
        mark: int = connection.execute("pragma application_id").fetchone()[0]
        tables: int = connection.execute("select count(*) from sqlite_schema").fetchone()[0]
        if mark != _OURS and (mark or tables):
            raise StoreError(f"{self._path} is a file of something else, not of tokens; name another place.")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect(_PATIENCE_S, query_only=False)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreError(self._told(error)) from None
        except OSError as error:
            raise StoreError(f"The token store {self._path} cannot be reached ({error.strerror}).") from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: what is done in here is on the disk afterwards, or was never done."""
        with self._opened() as connection:
            connection.execute("begin immediate")
            connection.execute(f"pragma application_id = {_OURS}")
            connection.execute(_SCHEMA)
            yield connection
            connection.execute("commit")

    def _told(self, error: sqlite3.Error) -> str:
        if _is_busy(error):
            return f"The token store {self._path} is held by another process; try again when that has ended."
        # SQLite's words, not its texts: those may hold what stands in the file.
        code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        return (
            f"The token store {self._path} cannot be used ({code}); where it is damaged put a copy back, "
            "or move it away and make new tokens."
        )


def _private(path: Path, status: os.stat_result, *, tended: bool) -> None:
    if wrong := flaw(status, tended=tended):
        raise StoreError(f"{path} {wrong}.")


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _rows(connection: sqlite3.Connection) -> list[_Row]:
    if not connection.execute("select 1 from sqlite_schema where name = 'tokens'").fetchone():
        return []  # whoever made the file was killed before it had written
    return [_Row(*row) for row in connection.execute(_ROWS)]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
