"""Every kind of break that the demo knows, each with its mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.kinds import broker, clusters, cron, database, flags, services, talk, triggers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.demo.flags import FlagFile
    from monitor.demo.kinds.broker import Broker
    from monitor.demo.mischief import Kind
    from monitor.demo.postgres import EmbeddedPostgres
    from monitor.demo.services import Service
    from monitor.demo.traffic import Traffic


def every(
    postgres: EmbeddedPostgres,
    traffic: Traffic | None,
    socket: Broker,
    found: Mapping[str, Service],
    flag_file: FlagFile,
) -> dict[str, Kind]:
    """Give them in the order in which they are mended: nothing can be mended inside a PostgreSQL that does not answer.

    Where nobody writes and no job runs, nothing is offered that would have no effect.
    """
    kinds = {
        **database.kinds(postgres),
        **triggers.kinds(postgres),
        **broker.kinds(socket),
        **services.kinds(found),
        **flags.kinds(flag_file, found),
        **clusters.kinds(postgres),
    }
    if traffic:
        kinds |= {**cron.kinds(postgres, traffic.scheduler), **talk.kinds(traffic)}
    return kinds
