"""The feature flags where the platform keeps them: a file that is watched, what the running API says, or a table."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import structlog

from monitor.clock import Clock
from monitor.database import Session
from monitor.domain.checks.feature_flags import Flags, FlagSettings
from monitor.domain.signal import Emit, Sample, Trouble
from monitor.errors import ProfileError
from monitor.refusals import Turned, Unavailable
from monitor.sources import payload
from monitor.sources.flag_file import KEPT, FlagFile, Opener, State
from monitor.sources.queries import Query

log = structlog.get_logger()
QUERY = "flags.sql"
SETTLE_S, SETTLES = 0.05, 10
"""A file that has just changed is read once it has stood still so long; after so many tries, as it is."""
AGAIN_S = 1.0
"""Who does not answer is asked once more after this, before anything is said."""

Fetch = Callable[[str], Awaitable[bytes | None]]
"""Gets the body of an address; None when there was no good answer."""
Ask = Callable[[], Awaitable[Mapping[str, str] | None]]
"""Asks the database for the flags; None when it did not answer."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FlagRows:
    """Columns of flags.sql, which is asked with the listed names ($1, text[])."""

    name: list[str]
    value: list[str]


def by_sql(session: Session, query: Query, names: Collection[str]) -> Ask:
    """Make the question that asks a session by flags.sql."""

    async def ask() -> Mapping[str, str]:
        rows, _ = await session.ask(query.sql, list(names))
        found: FlagRows = query.read(rows)
        return dict(zip(found.name, found.value, strict=True))

    return ask


class FlagsSource:
    """Tells what the flags are: a file's at once when it changes, and each sweep; the others' each sweep.

    `fetch` is needed for kind http, `ask` for kind sql. Nothing is kept but what the profile lists.
    """

    def __init__(
        self,
        settings: FlagSettings,
        clock: Clock,
        emit: Emit,
        *,
        sweep_s: float,
        look_s: float = 0.7,
        deadline_s: float = 3.0,
        fetch: Fetch | None = None,
        ask: Ask | None = None,
        opener: Opener = os.open,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._emit = emit
        self._sweep_s, self._look_s, self._deadline_s = sweep_s, look_s, deadline_s
        self._fetch, self._ask = fetch, ask
        self._file = FlagFile(settings.path, settings.expected, opener)
        self._state: State = ""
        self._changed_by = math.inf
        self._due = -math.inf
        # A thread of its own: names of hosts are looked up in those that everybody shares, and may hang there.
        self._thread = ThreadPoolExecutor(1, "flag file")
        self._stuck: asyncio.Future[Any] | None = None
        self._refused = False
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look at once."""
        self._due = -math.inf
        self._wake.set()

    async def run(self) -> None:
        """Look for ever."""
        rest_s = self._look_s if self._settings.source == "file" else self._sweep_s
        while True:
            self._wake.clear()
            await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._wake.wait()

    async def step(self) -> None:
        """Look once; say what is new, or that a sweep is over."""
        await (self._look_at_file() if self._settings.source == "file" else self._inquire())

    # The file

    async def _look_at_file(self) -> None:
        try:
            state = await self._aside(self._file.state)
            if state != self._state:
                state = await self._settled(state)
            if state != self._state or self._clock.now().mono >= self._due:
                await self._read_file(state)
        except TimeoutError:
            limit_ms = round(1000 * self._deadline_s)
            self._trouble("timeout", limit="client", limit_ms=limit_ms, object=self._file.path)

    async def _settled(self, state: State) -> State:
        """Wait until nobody writes it any more: half a file is not judged, and an editor's swap is no absence."""
        for _ in range(SETTLES):
            await asyncio.sleep(SETTLE_S)
            before, state = state, await self._aside(self._file.state)
            if state == before:
                break
        return state

    async def _read_file(self, seen: State) -> None:
        found, flags = await self._aside(self._file.read)
        now = self._clock.now()
        self._due = now.mono + self._sweep_s
        # A file that is seen and cannot be opened is tried again when what is seen of it changes.
        state = seen if isinstance(found, str) else found
        if state != self._state:
            self._state, self._changed_by = state, now.wall
        if flags is None:
            self._trouble("error", where=self._file.path, code=str(found))
        elif flags.changed_at is None:
            self._emit(Sample(now, flags))
        else:
            # A file that claims to be of tomorrow has changed by the time we saw it at the latest.
            self._emit(Sample(now, replace(flags, changed_at=min(flags.changed_at, self._changed_by))))

    async def _aside(self, work: Callable[[], Result]) -> Result:
        """Do this in a thread, where a disk that hangs holds nobody up; one at a time, however long it takes."""
        if self._stuck is not None:
            await asyncio.wait({self._stuck}, timeout=self._deadline_s)
            if not self._stuck.done():
                raise TimeoutError
            self._stuck = None
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        await asyncio.wait({future}, timeout=self._deadline_s)
        if not future.done():
            self._stuck = future
            raise TimeoutError
        return future.result()

    # Who is asked

    async def _inquire(self) -> None:
        """Ask; who does not answer is asked once more before anything is said."""
        try:
            try:
                flags = await self._answer()
            except (TimeoutError, Unavailable):
                await asyncio.sleep(AGAIN_S)
                flags = await self._answer()
        except TimeoutError:
            self._trouble("timeout", limit="client", limit_ms=round(1000 * self._deadline_s), object=self._where)
        except Unavailable:
            self._trouble("error", where=self._where, code="no_answer")
        except Turned as turned:
            self._trouble(turned.kind, **turned.params)
        except ProfileError as error:
            if not self._refused:
                log.warning("query.refused", query=QUERY, error=str(error))
            self._refused = True
            self._trouble("error", where=QUERY, code="profile")
        else:
            self._refused = False
            self._emit(Sample(self._clock.now(), flags))

    async def _answer(self) -> Flags:
        """Ask once.

        Raises `TimeoutError` or `Unavailable` when nobody answers, `Turned` or `ProfileError` when it is refused.
        """
        found: Mapping[str, object] | None
        if self._settings.source == "http":
            assert self._fetch is not None
            async with asyncio.timeout(self._deadline_s):
                body = await self._fetch(self._settings.url)
            if body is None:
                raise Unavailable
            found = _object(body)
        else:
            assert self._ask is not None
            found = await self._ask()
            if found is None:
                raise Unavailable
        return _picked(self._settings, self._where, found)

    @property
    def _where(self) -> str:
        """What was asked, without the parts of an address that may hold a secret."""
        if self._settings.source != "http":
            return QUERY
        parts = urlsplit(self._settings.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _trouble(self, kind: Literal["timeout", "permission", "schema", "error"], **params: str | float) -> None:
        self._emit(Sample(self._clock.now(), Trouble("feature_flags", Flags.__name__, kind, params)))


def _object(body: bytes) -> Mapping[str, object] | None:
    """Read a JSON object of flags, or the one that it has under "flags"; None when it is none."""
    found = payload.read(body.decode("utf-8", "replace")) if body.strip() else None
    inner = found.get("flags") if found is not None else None
    return inner if isinstance(inner, Mapping) else found


def _picked(settings: FlagSettings, where: str, found: Mapping[str, object] | None) -> Flags:
    """Keep what is expected, as text; null is what is not set."""
    if found is None:
        return Flags(settings.source, where, "read", broken=(("?", 0),))
    values: dict[str, str] = {}
    broken = []
    for name in settings.expected:
        match found.get(name):
            case None:
                pass
            case bool() as value:
                values[name] = "true" if value else "false"
            case str() | int() | float() as value:
                values[name] = str(value)[:KEPT]
            case _:
                broken.append((name, 0))
    return Flags(settings.source, where, "read", values, broken=tuple(broken))
