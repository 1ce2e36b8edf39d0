"""The ways to break the platform on purpose, each with its mend."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import structlog

from monitor.demo import schema
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from monitor.demo.postgres import EmbeddedPostgres
    from monitor.demo.traffic import Mode, Traffic

TRIGGER = "trg_messages_notify"
LISTENER = "huph-monitor listen"  # the application_name of the daemon's LISTEN session
_log = structlog.get_logger()


@dataclass(frozen=True)
class Kind:
    """One way to break the platform; to break the broken and to mend the whole change nothing."""

    about: str
    break_: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]
    is_broken: Callable[[], bool]


class Mischief:
    """All kinds by name; one is broken or mended at a time."""

    def __init__(self, postgres: EmbeddedPostgres, traffic: Traffic | None) -> None:
        self._postgres = postgres
        self._trigger_kinds: set[str] = set()  # what PostgreSQL, which may be down, need not be asked for
        self._turn = asyncio.Lock()
        # In the order in which they are mended: nothing can be mended inside a PostgreSQL that does not answer.
        self.kinds: dict[str, Kind] = {
            "freeze-postgres": Kind(
                "stops every process of PostgreSQL where it stands (SIGSTOP): connections stay open, nothing answers",
                self._freeze,
                self._thaw,
                lambda: postgres.frozen,
            ),
            "crash-postgres": Kind(
                "kills PostgreSQL (SIGKILL); it stays down until it is mended",
                self._crash,
                self._start,
                lambda: not postgres.running,
            ),
            "drop-trigger": Kind(
                f"drops the trigger {TRIGGER}, as a careless migration does",
                self._drop_trigger,
                self._create_trigger,
                lambda: "drop-trigger" in self._trigger_kinds,
            ),
            "disable-trigger": Kind(
                f"disables the trigger {TRIGGER}, as a bulk import that forgets to enable it again",
                self._disable_trigger,
                self._enable_trigger,
                lambda: "disable-trigger" in self._trigger_kinds,
            ),
            "kill-listener": Kind(
                "ends the monitor's LISTEN session on the server, once: nothing is left to mend",
                self._kill_listener,
                _nothing,
                lambda: False,
            ),
        }
        if traffic:
            spike = _traffic_kind(traffic, "spike", "adds about 40 messages a second, as a loop of two bots does")
            silence = _traffic_kind(traffic, "silence", "lets nobody say anything any more; cron jobs go on")
            self.kinds |= {"spike-traffic": spike, "silence-traffic": silence}

    def broken(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind.is_broken()]

    async def break_(self, name: str) -> None:
        async with self._turn:
            await self.kinds[name].break_()
            _log.warning("kind.broken", kind=name)

    async def mend(self, name: str | None = None) -> None:
        """Mend one kind, or all."""
        async with self._turn:
            for each in [name] if name else self.broken():
                was_broken = self.kinds[each].is_broken()
                await self.kinds[each].mend()
                if was_broken:
                    _log.info("kind.mended", kind=each)

    async def _execute(self, statement: str) -> None:
        try:
            session = await schema.connect(self._postgres.dsn(schema.DATABASE), "huph-demo mischief")
            try:
                # A short wait for the lock: behind a long transaction we would queue the whole platform.
                await session.execute("set lock_timeout = '3s'")
                await session.execute(statement)
            finally:
                session.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise MonitorError(f"PostgreSQL did not do it: {error or type(error).__name__}") from error

    async def _drop_trigger(self) -> None:
        await self._execute(f"drop trigger if exists {TRIGGER} on {schema.TRIGGERS[TRIGGER].table}")
        self._trigger_kinds.add("drop-trigger")

    async def _create_trigger(self) -> None:
        await self._execute(schema.TRIGGERS[TRIGGER].statement)
        self._trigger_kinds.discard("drop-trigger")
        # It comes back as it was before it went, disabled if that is what somebody wanted.
        await (self._disable_trigger if "disable-trigger" in self._trigger_kinds else self._enable_trigger)()

    async def _disable_trigger(self) -> None:
        if "drop-trigger" in self._trigger_kinds:
            raise MonitorError("The trigger is dropped; mend drop-trigger first.")
        await self._execute(f"alter table {schema.TRIGGERS[TRIGGER].table} disable trigger {TRIGGER}")
        self._trigger_kinds.add("disable-trigger")

    async def _enable_trigger(self) -> None:
        if "drop-trigger" not in self._trigger_kinds:
            await self._execute(f"alter table {schema.TRIGGERS[TRIGGER].table} enable trigger {TRIGGER}")
        self._trigger_kinds.discard("disable-trigger")

    async def _kill_listener(self) -> None:
        sessions = f"from pg_stat_activity where application_name = '{LISTENER}'"
        await self._execute(f"select pg_terminate_backend(pid) {sessions}")

    async def _crash(self) -> None:
        self._postgres.kill()

    async def _start(self) -> None:
        # On this thread, though it takes its time: PostgreSQL ends with the thread that has started it.
        self._postgres.start()

    async def _freeze(self) -> None:
        if not self._postgres.running:
            raise MonitorError("PostgreSQL is down; mend crash-postgres first.")
        self._postgres.freeze()

    async def _thaw(self) -> None:
        self._postgres.thaw()


def _traffic_kind(traffic: Traffic, mode: Mode, about: str) -> Kind:
    async def break_() -> None:
        traffic.change(mode)

    async def mend() -> None:
        if traffic.mode == mode:
            traffic.change("normal")

    return Kind(about, break_, mend, lambda: traffic.mode == mode)


async def _nothing() -> None:
    """Mend what mends itself."""
