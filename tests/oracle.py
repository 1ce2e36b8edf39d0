"""The oracle: a change log of its own knows what every snapshot counts, and judges each report of the daemon by it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

SQL = (Path(__file__).parent / "oracle.sql").read_text(encoding="utf-8")
EXPECTED = """
select second::text, sum(n)::int8 as n from oracle_log
where second >= $2 and pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
group by 1 having sum(n) <> 0
"""
MISSED = """
select kind, second, sum(n)::int8 as n from oracle_log
where second >= $3 and kind = any($4)
  and pg_visible_in_snapshot(xid, $1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $2::text::pg_snapshot)
group by 1, 2 having sum(n) <> 0
"""
AT_REST = """
with counted as (
    select floor(date_part('epoch', created_at))::int8 as second, count(*) as n from messages group by 1
), logged as (
    select second, sum(n) as n from oracle_log group by 1 having sum(n) <> 0
)
select second, counted.n as counted, logged.n as logged from counted full join logged using (second)
where counted.n is distinct from logged.n
  and second >= date_part('epoch', now()) - 300
"""
# Numbers of transactions whose commit was never written could be given again after a crash, and a snapshot of before
# would take them for its own: nobody writes until these are used up.
BURN = "do $$ begin for i in 1..2000 loop perform pg_current_xact_id(); commit; end loop; end $$"
EDGE = "select floor(date_part('epoch', $1::text::timestamptz))::int8"
WINDOW_S = 300
GRACE_S = 1.0
AWAY = (
    OSError, TimeoutError, aiohttp.ClientError,
    asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
)  # fmt: skip
KINDS = ("insert", "delete", "update", "truncate")


@dataclass
class Account:
    """What was found: every wrong number and every late one with what it takes to look into it."""

    compared: int = 0
    snapshots: int = 0
    buckets: int = 0
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    calm: Counter[bool] = field(default_factory=Counter)
    out_of_sync: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def in_sync(self) -> float:
        """The share of the samples without any fault in which the daemon said that it is in sync."""
        return self.calm[True] / max(1, self.calm.total())

    def __str__(self) -> str:
        return (
            f"{self.compared} reports of {self.snapshots} snapshots compared, {self.buckets} seconds; "
            f"{len(self.wrong)} wrong, {len(self.late)} late; in sync {100 * self.in_sync:.1f} %, "
            f"else after {dict(self.out_of_sync)}; faults {dict(self.faults)}"
        )


class Oracle:
    """Judges reports. `fresh_s` is how old what the platform notifies may be, `sweep_s` everything else."""

    def __init__(self, dsn: str, *, fresh_s: float, sweep_s: float, notified: tuple[str, ...]) -> None:
        self._dsn = dsn
        self._bounds = ((fresh_s, notified), (fresh_s + sweep_s, KINDS))
        self._connection: asyncpg.Connection | None = None
        self._known: deque[tuple[float, str]] = deque(maxlen=4096)
        self._on = 0
        self._last = "the start"
        self._healed_at = 0.0
        self._seen: tuple[str, str] = ("", "")
        self.open = asyncio.Event()
        self.open.set()
        self.account = Account()

    async def install(self) -> None:
        """Begin the log; nobody may write meanwhile."""
        await self._once(SQL)

    @property
    def calm(self) -> bool:
        """Whether no fault is on, and none was a moment ago."""
        return not self._on and _now() >= self._healed_at + GRACE_S

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Something is broken until the end of this block."""
        self.account.faults[name] += 1
        self._last = name
        self._on += 1
        try:
            yield
        finally:
            self._on -= 1
            self._healed_at = _now()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep the writers out until the end of this block, but those who are under way."""
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()

    async def reborn(self) -> None:
        """Begin anew with a PostgreSQL that has crashed, before anybody writes."""
        self._known.clear()
        self._seen = ("", "")
        await self._once(BURN)

    async def look(self, report: Mapping[str, Any], asked_at: float) -> None:
        """Judge one report, that was asked for at this second of the loop's clock."""
        claims = report["in_sync"]
        if self.calm:
            self.account.calm[claims] += 1
            if claims is False:
                self.account.out_of_sync[self._last] += 1
        if not claims:
            return
        connection = await self._connected()
        snapshot = report["snapshot"]
        oldest = (await connection.fetchval(EDGE, report["as_of"])) - WINDOW_S
        if (snapshot, report["as_of"]) != self._seen:
            await self._compare(connection, report, oldest)
        for age_s, kinds in self._bounds:
            known = max((one for one in self._known if one[0] <= asked_at - age_s), default=None)
            if known is not None and (missed := await connection.fetch(MISSED, known[1], snapshot, oldest, kinds)):
                rows = [tuple(row) for row in missed]
                self.account.late.append(
                    f"not in the report after {asked_at - known[0]:.1f} s, {self._last}: {rows[:5]}"
                )

    async def _compare(self, connection: asyncpg.Connection, report: Mapping[str, Any], oldest: int) -> None:
        expected = {row["second"]: row["n"] for row in await connection.fetch(EXPECTED, report["snapshot"], oldest)}
        reported = {second: n for second, n in report["seconds"].items() if n}
        self.account.compared += 1
        self.account.snapshots += report["snapshot"] != self._seen[0]
        self.account.buckets += len(expected)
        self._seen = (report["snapshot"], report["as_of"])
        if reported != expected:
            off = {s: (reported.get(s, 0), expected.get(s, 0)) for s in reported.keys() | expected.keys()}
            differing = {second: pair for second, pair in sorted(off.items()) if pair[0] != pair[1]}
            self.account.wrong.append(f"{report['snapshot']} as of {report['as_of']}: {differing}")

    async def remember(self) -> None:
        """Take a snapshot: what it sees must soon be in every report."""
        connection = await self._connected()
        self._known.append((_now(), await connection.fetchval("select pg_current_snapshot()::text")))

    async def at_rest(self) -> list[tuple[Any, ...]]:
        """Give the seconds in which the log itself differs from the table; only while nobody writes."""
        return [tuple(row) for row in await self._once(AT_REST)]

    async def prune(self) -> None:
        """Let go of what no report counts any more."""
        await self._once("delete from oracle_log where second < date_part('epoch', now()) - 900")

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def _once(self, sql: str) -> Any:
        """Run it on a connection of its own: the other one is the watch's."""
        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=20)
        try:
            # Several statements at once, or one that commits, run only without parameters and rows.
            return await connection.fetch(sql) if sql is AT_REST else await connection.execute(sql)
        finally:
            connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=20)
        return self._connection


async def watch(oracle: Oracle, get: Any, over: asyncio.Event, every_s: float = 0.05) -> None:
    """Judge the daemon's reports on a timer until it is over; where it or PostgreSQL is away, the next one."""
    while not over.is_set():
        # What is broken on purpose may answer in any way, or not at all.
        try:
            await oracle.remember()
            asked_at = _now()
            async with asyncio.timeout(2):
                status, report = await get("api/v1/series/messages")
            if status == 200:
                await oracle.look(report, asked_at)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            pass
        except AWAY:
            await oracle.close()
        await asyncio.sleep(every_s)


def _now() -> float:
    return asyncio.get_running_loop().time()
