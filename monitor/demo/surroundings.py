"""What stands beside PostgreSQL: the services over HTTP, Valkey, and the file of feature flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.flags import FlagFile
from monitor.demo.links import Links
from monitor.demo.login import Login
from monitor.demo.services import ADMIN, NAMES, Service
from monitor.demo.state import BROKER_SECRET
from monitor.demo.valkey import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from monitor.clock import Clock
    from monitor.demo.state import State

PORTS = ("valkey", *NAMES)
"""Who of them needs a port."""


class Surroundings:
    """All of them; none needs another one, and all are up within milliseconds."""

    def __init__(self, held: State, ports: Mapping[str, int], clock: Clock) -> None:
        self.flags = FlagFile(held.flags)
        self.links = Links(ports[ADMIN], clock)
        # As on a platform, what signs the tokens towards the broker is NEXTAUTH_SECRET.
        login = Login(self.links, lambda: held.secret(BROKER_SECRET), clock)
        routes = {ADMIN: login.routes}
        self.services = {name: Service(name, ports[name], clock, routes.get(name, ())) for name in NAMES}
        self.valkey = EmbeddedValkey(held.directory / "valkey", ports["valkey"])

    async def start(self, stack: AsyncExitStack) -> None:
        """Start everything and leave its end to the stack; Valkey may take a moment more to answer."""
        stack.callback(self.valkey.stop)
        self.valkey.launch()
        self.flags.write()  # before huph-api starts, which reads it then
        for service in self.services.values():
            stack.push_async_callback(service.stop)
            await service.start()

    @property
    def places(self) -> dict[str, dict[str, str]]:
        """Say where each service is, in the words of the monitor's configuration."""
        over_http = {name: {"url": service.url} for name, service in self.services.items()}
        return {**over_http, "valkey": {"address": self.valkey.address}}
