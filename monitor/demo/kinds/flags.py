"""The file of feature flags: away, or edited while huph-api still runs on the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.mischief import Kind
from monitor.demo.services import API
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.demo.flags import FlagFile
    from monitor.demo.services import Service


def kinds(flags: FlagFile, services: Mapping[str, Service]) -> dict[str, Kind]:
    api, stale = services[API], False

    async def remove() -> None:
        flags.remove()

    async def restore() -> None:
        flags.restore()

    async def edit() -> None:
        nonlocal stale
        if not flags.there:
            raise MonitorError("The flag file is away; mend remove-flags first.")
        if not stale:
            flags.edit()
            stale = True

    async def apply() -> None:
        nonlocal stale
        if stale:
            await api.restart()
            stale = False

    return {
        "remove-flags": Kind(
            "configuration",
            f"moves the file of feature flags ({flags.path.name}) away",
            remove,
            restore,
            lambda: not flags.there,
        ),
        "stale-flags": Kind(
            "configuration",
            f"edits MAX_BOT_TURNS in {flags.path.name} and does not restart {API}, which reads it only when it starts",
            edit,
            apply,
            lambda: stale,
        ),
    }
