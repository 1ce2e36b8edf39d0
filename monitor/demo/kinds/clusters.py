"""Counselors: all of one cluster deactivated while they are still assigned to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.mischief import Kind
from monitor.demo.statement import execute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from monitor.demo.postgres import EmbeddedPostgres

CLUSTER = "Hukum"
_STATEMENT = """
    update users set is_active = $1 where role = 'counselor' and is_active <> $1 and id in (
        select user_id from cluster_assignments join clusters on clusters.id = cluster_id where clusters.name = $2)
"""


def kinds(postgres: EmbeddedPostgres) -> dict[str, Kind]:
    inactive = False

    def set_active(*, active: bool) -> Callable[[], Awaitable[None]]:
        async def change() -> None:
            nonlocal inactive
            await execute(postgres, _STATEMENT, active, CLUSTER)
            inactive = not active

        return change

    return {
        "deactivate-counselor": Kind(
            "configuration",
            f"deactivates the accounts of all counselors of the cluster {CLUSTER}; their assignments stay",
            set_active(active=False),
            set_active(active=True),
            lambda: inactive,
        )
    }
