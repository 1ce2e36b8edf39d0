"""The way of a signal inside PostgreSQL: its trigger, and the session that listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo import schema
from monitor.demo.mischief import Kind, nothing
from monitor.demo.statement import execute
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.demo.postgres import EmbeddedPostgres

TRIGGER = "trg_messages_notify"
FUNCTION = "notify_message"
EMPTY = f"create or replace function {FUNCTION}() returns trigger language plpgsql as $$ begin return null; end $$"
LISTENER = "huph-monitor listen"  # the application_name of the daemon's LISTEN session


def kinds(postgres: EmbeddedPostgres) -> dict[str, Kind]:
    broken: set[str] = set()  # what PostgreSQL, which may be down, need not be asked for
    table = schema.TRIGGERS[TRIGGER].table

    async def drop() -> None:
        await execute(postgres, f"drop trigger if exists {TRIGGER} on {table}")
        broken.add("drop-trigger")

    async def create() -> None:
        await execute(postgres, schema.TRIGGERS[TRIGGER].statement)
        broken.discard("drop-trigger")
        # It comes back as it was before it went, disabled if that is what somebody wanted.
        await (disable if "disable-trigger" in broken else enable)()

    async def disable() -> None:
        if "drop-trigger" in broken:
            raise MonitorError("The trigger is dropped; mend drop-trigger first.")
        await execute(postgres, f"alter table {table} disable trigger {TRIGGER}")
        broken.add("disable-trigger")

    async def enable() -> None:
        if "drop-trigger" not in broken:
            await execute(postgres, f"alter table {table} enable trigger {TRIGGER}")
        broken.discard("disable-trigger")

    async def mute() -> None:
        await execute(postgres, EMPTY)
        broken.add("mute-trigger")

    async def speak() -> None:
        await execute(postgres, schema.FUNCTIONS[FUNCTION])
        broken.discard("mute-trigger")

    async def kill_listener() -> None:
        sessions = "from pg_stat_activity where application_name = $1"
        await execute(postgres, f"select pg_terminate_backend(pid) {sessions}", LISTENER)

    return {
        "drop-trigger": Kind(
            "realtime",
            f"drops the trigger {TRIGGER}, as a careless migration does",
            drop,
            create,
            lambda: "drop-trigger" in broken,
        ),
        "disable-trigger": Kind(
            "realtime",
            f"disables the trigger {TRIGGER}, as a bulk import that forgets to enable it again",
            disable,
            enable,
            lambda: "disable-trigger" in broken,
        ),
        "mute-trigger": Kind(
            "realtime",
            f"replaces the function of {TRIGGER} by an empty one, as a careless deploy does",
            mute,
            speak,
            lambda: "mute-trigger" in broken,
        ),
        "kill-listener": Kind(
            "realtime",
            "ends the monitor's LISTEN session on the server, once: nothing is left to mend",
            kill_listener,
            nothing,
            lambda: False,
        ),
    }
