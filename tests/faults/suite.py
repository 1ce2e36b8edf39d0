"""The fault suite: a row of the catalogue as a test, its scene, and the measured seconds until the fault is named."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from monitor.domain import patch
from tests.daemon import Daemon, Document, Follower
from tests.faults.invariants import Harmless, closing, never_old
from tests.proxy import Proxy
from tests.seen import judged
from tests.watched import Platform

RECORD = "HUPH_FAULTS"
"""The file (JSON lines) to which each row's measured seconds are added, for `python -m tests.faults.report`."""
CHECKS = 7
OTHERS = ("sweep_s", "connect_s", "query_s")


@dataclass(frozen=True)
class Form:
    """How fast the daemon looks: the catalogue's own intervals, or shorter ones."""

    name: str
    sample_s: float
    sweep_s: float
    deadline_s: float
    connect_s: float
    query_s: float

    @property
    def limits(self) -> str:
        return (
            f"sample_s = {self.sample_s}\nsweep_s = {self.sweep_s}\ncanary_deadline_s = {self.deadline_s}\n"
            f"connect_timeout_s = {self.connect_s}\nquery_timeout_s = {self.query_s}\nmax_5m = 10000000"
        )


SHORT = Form("short", 2, 5, 1, 1, 1)
FULL = Form("full", 5, 30, 3, 3, 2)


@dataclass(frozen=True)
class Row:
    """One row of the catalogue.

    `must` names the reasons of which the row is about, `may` what may stand beside them; a fail of any other one is a
    wrong cause, and so is whatever `never` matches (shell patterns). `bound_s` are the seconds in which the first must
    be shown, in each form. `own` rows break PostgreSQL itself; `excused` ones touch the database so that the
    platform's own transactions may fail while the fault is on.
    """

    number: str
    fault: str
    must: tuple[str, ...]
    never: tuple[str, ...]
    bound_s: Mapping[str, float]
    may: tuple[str, ...] = ()
    own: bool = False
    excused: bool = False


def row(
    number: str,
    fault: str,
    *,
    short: float,
    full: float,
    must: tuple[str, ...] = (),
    never: tuple[str, ...] = (),
    may: tuple[str, ...] = (),
    telling: bool = False,
    own: bool = False,
    excused: bool = False,
) -> Callable[[Any], Any]:
    """Make a test of a row, in both forms; only a `telling` one runs in its short form with every change."""

    def of(test: Any) -> Any:
        test.row = Row(number, fault, must, never, {"short": short, "full": full}, may, own, excused)
        forms = [
            pytest.param(SHORT, id="short", marks=() if telling else pytest.mark.prove),
            pytest.param(FULL, id="full", marks=(pytest.mark.prove, pytest.mark.timeout(600))),
        ]
        return pytest.mark.parametrize("form", forms)(test)

    return of


@dataclass
class Scene:
    """A platform, a daemon that reaches it through networks of ours, a reader, and a writer that must not be harmed."""

    row: Row
    form: Form
    platform: Platform
    folder: Path
    network: Proxy
    listening: Proxy
    harmless: Harmless
    daemon: Daemon = field(init=False)
    follower: Follower = field(init=False)
    seconds: float | None = None
    _from: int = 0
    _began: float = 0.0
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: asyncio.Task[None] | None = None

    async def start(self, **options: Any) -> Scene:
        """Start the daemon; `sweep_s`, `connect_s` and `query_s` are not the form's, `limits` are further ones.

        `direct` leaves our networks out, which let everybody in and cannot say that nobody is there behind them.
        """
        await self.platform.write()
        form = replace(self.form, **{key: options.pop(key) for key in OTHERS if key in options})
        limits = f"{form.limits}\n{options.pop('limits', '')}"
        dsn = options.pop("dsn", self.platform.monitor_dsn)
        if not options.pop("direct", False):
            options.setdefault("listen_dsn", self.listening.dsn(dsn))
            dsn = self.network.dsn(dsn)
        self.daemon = await Daemon.start(self.folder, dsn, limits=limits, **options)
        self.follower = await self.daemon.follow()
        return self

    def move(self, platform: Platform) -> None:
        """Play on another platform of the same PostgreSQL, before anything has begun."""
        self.platform, self.harmless = platform, Harmless(platform.dsn)

    async def well(self, within: float = 10) -> float:
        """Wait until none of the seven checks is anything but ok."""
        return await self.follower.until(lambda d: d["counts"]["ok"] == CHECKS, within)

    async def begin(self, *, old: bool = False) -> None:
        """Wait until all is well and the writer writes; the fault comes next. With `old`, no evidence is too old."""
        await self.well()
        await self.harmless.begin()
        if not old:
            self._looking = asyncio.create_task(never_old(self.daemon, self._over), name="age of the evidence")
        self.now()
        self.harmless.excused = self.row.excused

    def now(self) -> None:
        """What comes from now on is the fault's."""
        self._from, self._began = len(self.follower.messages), asyncio.get_running_loop().time()

    async def shows(self, *codes: str, within: float | None = None, check: str = "", **params: Any) -> str:
        """Wait until one of these reasons is shown, with these parameters; the first one is measured."""
        found = ""

        def shown(document: Document) -> bool:
            nonlocal found
            for path, entry in judged(document, ""):
                code, given = entry.get("reason", ""), entry.get("params", {})
                wanted = all(given.get(key) == value for key, value in params.items())
                if code in codes and wanted and (not check or path.endswith(f".{check}")):
                    found = code
                    return True
            return False

        bound = self.row.bound_s[self.form.name] if within is None else within
        await self.follower.until(shown, bound)
        if self.seconds is None:
            self.seconds = self.follower.messages[-1][0] - self._began
        return found

    async def passed(self, seconds: float) -> None:
        """Let the fault last; nothing but time can tell that something does not happen."""
        await asyncio.sleep(seconds)

    async def healed(self, within: float = 12) -> None:
        """The fault is over: wait until all is well, and hold the row to what it promised."""
        await self.well(within)
        self.harmless.excused = False
        await self.harmless.end()
        await self.held()

    async def held(self) -> None:
        """Hold the row to its reasons and its closing invariants; the daemon is the same process as before (I10)."""
        assert self.daemon.process.returncode is None
        await self.leave()
        self._no_wrong_cause()
        await closing(self.platform, self.daemon, self.follower)
        self._remember()

    async def leave(self) -> None:
        """Look no more at the age of the evidence; what was found is raised."""
        self._over.set()
        if self._looking is not None:
            looking, self._looking = self._looking, None
            await looking

    def states(self) -> Iterator[Document]:
        """Give every document that a reader had since the fault began."""
        document: Document = {}
        for number, (_, message) in enumerate(self.follower.messages):
            if message["type"] == "snapshot":
                document = message["data"]
            elif message["type"] == "diff":
                document = patch.apply(document, message["patch"])
            if number >= self._from and message["type"] in {"snapshot", "diff"}:
                yield document

    def _no_wrong_cause(self) -> None:
        listed = {*self.row.must, *self.row.may}
        for document in self.states():
            for path, entry in judged(document, ""):
                code = str(entry.get("reason", ""))
                # A whole family of reasons is one of troubles: a note of it may always be true.
                noted = entry["verdict"] == "ok"
                never = next(
                    (one for one in self.row.never if code == one or (not noted and fnmatchcase(code, one))), None
                )
                assert never is None, f"{path} said {code}, which this fault never is ({never})"
                wrong = path.startswith(".checks") and entry["verdict"] == "fail" and code not in listed
                assert not wrong, f"{path} failed of {code}"

    def _remember(self) -> None:
        if (path := os.environ.get(RECORD)) is not None:
            told = {
                "number": self.row.number,
                "fault": self.row.fault,
                "form": self.form.name,
                "bound_s": self.row.bound_s[self.form.name],
                "seconds": self.seconds,
            }
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")
