"""PostgreSQL itself: frozen, or dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.mischief import Kind
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.demo.postgres import EmbeddedPostgres


def kinds(postgres: EmbeddedPostgres) -> dict[str, Kind]:
    async def freeze() -> None:
        if not postgres.running:
            raise MonitorError("PostgreSQL is down; mend crash-postgres first.")
        postgres.freeze()

    async def thaw() -> None:
        postgres.thaw()

    async def crash() -> None:
        postgres.kill()

    return {
        "freeze-postgres": Kind(
            "database",
            "stops every process of PostgreSQL where it stands (SIGSTOP): connections stay open, nothing answers",
            freeze,
            thaw,
            lambda: postgres.frozen,
        ),
        "crash-postgres": Kind(
            "database",
            "kills PostgreSQL (SIGKILL); it stays down until it is mended",
            crash,
            postgres.start_beside,
            lambda: not postgres.running,
        ),
    }
