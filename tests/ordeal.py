"""The ordeal: a daemon among random writers and faults of every kind, and the oracle that judges what it reports."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.bench.stage import stage
from tests.daemon import Daemon
from tests.oracle import GRACE_S, KINDS, Account, Oracle, watch
from tests.proxy import BLACKHOLE, CLOSED, PARTITION, PASS, Proxy, proxied, stall
from tests.watched import Platform
from tests.writers import Writer

DELTAS_SQL = Path(__file__).parents[1] / "monitor/profiles/huph/sql/monitor_triggers.sql"
OURS = "datname = current_database() and application_name like 'huph-monitor %'"
WRITERS = 4
SYN_S = 1.2


@dataclass(frozen=True)
class Form:
    """How long and how hard: `faults` in this order, with `rest_s` between them.

    What is committed must be in a report that claims to be in sync after `fresh_s`: a sample of 1 s, a test signal's
    deadline of 1 s, a question of 1 s, and what a busy machine takes.
    """

    scheme: str = "recount"
    faults: tuple[str, ...] = ()
    rest_s: tuple[float, float] = (0.5, 2)
    copied: int = 5_000
    late_s: float = 1.5
    fresh_s: float = 5.0
    sweep_s: float = 5.0
    module: str = "monitor"
    per_s: float = 10.0


class Ordeal:
    """One daemon on one platform of its own, and what can be done to them."""

    def __init__(self, own: Platform, proxy: Proxy, folder: Path, form: Form, seed: int) -> None:
        self._own, self._proxy, self._folder, self._form = own, proxy, folder, form
        self._chance = random.Random(seed)
        notified = KINDS if form.scheme == "deltas" else ("insert",)
        self.oracle = Oracle(own.dsn, fresh_s=form.fresh_s, sweep_s=form.sweep_s, notified=notified)
        self.daemon: Daemon | None = None
        self._port = 0

    async def start(self) -> None:
        """Start the daemon, always on the same port."""
        form = self._form
        deltas = "\ndeltas = true" if form.scheme == "deltas" else ""
        self.daemon = await Daemon.start(
            self._folder,
            self._proxy.dsn(self._own.monitor_dsn),
            config=f'quiet_hours = ""{deltas}',
            limits=f"sample_s = 1\nsweep_s = {form.sweep_s}\ncanary_deadline_s = 1\nmax_5m = 10000000",
            port=self._port,
            module=form.module,
        )
        self._port = int(self.daemon.address.rstrip("/").rpartition(":")[2])

    async def run(self, seed: int, until: Callable[[], bool] = lambda: True) -> Account:
        """Let all of it happen; give what the oracle found. It ends after every fault, once `until` is true."""
        form = self._form
        if form.scheme == "deltas":
            await self._own.connection.execute(DELTAS_SQL.read_text(encoding="utf-8"))
        await self.oracle.install()
        with self.oracle.fault("start"):
            await self.start()
        over, quiet = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                writer = Writer(
                    self._own.dsn,
                    self.oracle,
                    100 * seed + number,
                    per_s=form.per_s,
                    copied=form.copied,
                    late_s=form.late_s,
                )
                group.create_task(writer.run(over))
            group.create_task(watch(self.oracle, self._get, quiet))
            try:
                await self._break_it(until)
            finally:
                over.set()
            await asyncio.sleep(form.late_s + form.fresh_s)
            quiet.set()
        assert await self.oracle.at_rest() == [], "the oracle's own log is wrong"
        assert self.daemon is not None
        await self.daemon.stop()
        return self.oracle.account

    async def _break_it(self, until: Callable[[], bool]) -> None:
        await asyncio.sleep(2)
        for name in self._form.faults:
            fault: Callable[[], Awaitable[None]] = getattr(self, name)
            await fault()
            await self.oracle.prune()
            await asyncio.sleep(GRACE_S + self._chance.uniform(*self._form.rest_s))
        while not until():
            await asyncio.sleep(0.2)

    async def kill(self) -> None:
        """End one of the monitor's sessions."""
        with self.oracle.fault("kill"):
            await self._end("order by random() limit 1")

    async def kill_all(self) -> None:
        """End all of the monitor's sessions at once."""
        with self.oracle.fault("kill all"):
            await self._end("")

    async def deaf(self) -> None:
        """Write exactly while nobody listens, and nothing afterwards that could tell by accident."""
        with self.oracle.quiet():
            # Hints of before must have been followed, or they would tell by accident.
            await asyncio.sleep(self._form.late_s + 1.5)
            writing, looking = await self._reach(), await self._reach()
            with self.oracle.fault("write while deaf"):
                async with writing.transaction():
                    await writing.execute(
                        "insert into messages (conversation_id, sender_type, body)"
                        " values ((select min(id) from conversations), 'user', 'text')"
                    )
                    pid = await looking.fetchval(
                        f"select pid from pg_stat_activity where {OURS} and application_name like '%listen'"
                    )
                    # Nobody new is let in, so that the listener cannot be back before the commit.
                    await self._proxy.set(CLOSED)
                    await looking.execute("select pg_terminate_backend($1)", pid)
                    while await looking.fetchval("select true from pg_stat_activity where pid = $1", pid):
                        await asyncio.sleep(0)
                await self._proxy.set(PASS)
                # A first packet that was dropped is sent again after a second (RFC 6298, 2.1).
                await asyncio.sleep(SYN_S)
            await asyncio.sleep(GRACE_S + self._form.fresh_s + 1)
            writing.terminate()
            looking.terminate()

    async def crash(self) -> None:
        """Let PostgreSQL die, by kill -9 or at once, and start it again."""
        with self.oracle.quiet(), self.oracle.fault("crash"):
            if self._chance.random() < 0.5:
                self._own.postgres.kill()
            else:
                self._own.postgres.stop("immediate")
            await asyncio.sleep(self._chance.uniform(0, 1))
            await self._own.postgres.start_beside()
            await self.oracle.reborn()

    async def restart(self) -> None:
        """End the daemon, by a word or by kill -9, and start it again."""
        with self.oracle.fault("restart"):
            daemon, self.daemon = self.daemon, None
            assert daemon is not None
            await (daemon.stop() if self._chance.random() < 0.5 else daemon.kill())
            await self.start()

    async def network(self) -> None:
        """Take the network away for a while, in one of its ways, and give it back."""
        mode = self._chance.choice([BLACKHOLE, PARTITION, stall("server"), stall("client", "server")])
        with self.oracle.fault("network"):
            await self._proxy.set(mode)
            await asyncio.sleep(self._chance.uniform(0.5, 4))
            await self._proxy.set(PASS)

    async def reset(self) -> None:
        """Reset every connection of the daemon."""
        with self.oracle.fault("reset"):
            await self._proxy.cut()

    async def pause(self) -> None:
        """Let the daemon stand still."""
        with self.oracle.fault("pause"):
            assert self.daemon is not None
            self.daemon.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(self._chance.uniform(0.5, 3))
            self.daemon.process.send_signal(signal.SIGCONT)

    async def _end(self, which: str) -> None:
        connection = await self._reach()
        await connection.execute(
            f"select pg_terminate_backend(pid) from (select pid from pg_stat_activity where {OURS} {which}) s"
        )
        connection.terminate()

    async def _reach(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._own.dsn, timeout=5)

    async def _get(self, path: str) -> tuple[int, object]:
        if self.daemon is None:
            raise ConnectionError
        return await self.daemon.get(path)


@asynccontextmanager
async def ordeal(folder: Path, form: Form, seed: int) -> AsyncIterator[Ordeal]:
    """Give an ordeal that is ready to run."""
    async with stage() as (own, _), proxied(own.postgres.port) as proxy:
        one = Ordeal(own, proxy, folder, form, seed)
        try:
            yield one
        finally:
            await one.oracle.close()
            if one.daemon is not None and one.daemon.process.returncode is None:
                await one.daemon.kill()
