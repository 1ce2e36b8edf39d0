"""Names of hosts to addresses, in threads of their own, so that a name server that hangs starves nobody."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monitor.addresses import closed
from monitor.domain.probing import Resolver

DEADLINE_S = 2.0
TRIES = 2
"""How often to ask before saying that the name server does not answer."""
SETTINGS = Path("/etc/resolv.conf")
UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
"""The name server answers, and knows no such name, or no address of it; any other error is its own trouble."""

codecs.lookup("idna")  # getaddrinfo needs it, and could not load it any more once our files ran out


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a lookup; `addresses` only when `found`, maybe the last ones that were good.

    `closed`: the name leads only where nobody may be sent to.
    """

    outcome: Literal["found", "no_such_name", "unresolved", "exhausted", "closed"]
    addresses: tuple[str, ...] = ()


Addresses = Callable[[str], Sequence[str]]


def system(host: str) -> Sequence[str]:
    """Ask the machine's own resolver; waits as long as it takes. Raises OSError or UnicodeError."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


def name_server(settings: Path = SETTINGS) -> str:
    """Give the address of the first name server, as far as the machine tells."""
    try:
        lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "?"
    return next((line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1), "?")


class Names:
    """Looks names up, at most one thread per host; remembers the last good addresses of each.

    A thread cannot be told to stop. One that hangs is left alone: it delays neither another host nor our end, and
    brings its answer whenever it comes.
    """

    def __init__(
        self, say: Callable[[Resolver], None], *, look_up: Addresses = system, deadline_s: float = DEADLINE_S
    ) -> None:
        self._say = say
        self._look_up = look_up
        self._deadline_s = deadline_s
        self._under_way: dict[str, asyncio.Future[Found]] = {}
        self._good: dict[str, tuple[str, ...]] = {}
        self._failing: set[str] = set()
        self._answers = True

    async def find(self, host: str) -> Found:
        """Give the addresses of a host; those last known while the name server does not answer.

        Never one that is closed to us: whoever answers for the name could send us to the credentials of the machine.
        """
        found = _without_a_lookup(host) or await self._looked_up(host)
        if found.outcome != "found":
            return found
        open_ones = tuple(address for address in found.addresses if not closed(address))
        return Found("found", open_ones) if open_ones else Found("closed")

    async def _looked_up(self, host: str) -> Found:
        # Asked again at once, but only the first time: while it lasts, one try tells as much as two.
        for _ in range(1 if host in self._failing else TRIES):
            found = await self._once(host)
            if found.outcome == "unresolved":
                self._failing.add(host)
                self._tell()
                continue
            if found.outcome != "exhausted":
                self._failing.discard(host)
                self._tell()
            return found
        return Found("found", self._good[host]) if host in self._good else Found("unresolved")

    def _tell(self) -> None:
        """Say how the name server is, each time it fails and once when it is back.

        It is not well as long as any host's name was not answered: else one that is would hide it again and again.
        """
        before, self._answers = self._answers, not self._failing
        if not self._answers or not before:
            self._say(Resolver(self._answers, name_server()))

    async def _once(self, host: str) -> Found:
        under_way = self._under_way.get(host)
        if under_way is None:
            under_way = self._under_way[host] = asyncio.get_running_loop().create_future()
            self._start(host, under_way)
        # Not wait_for: who gives up must not take the answer away from others.
        done, _ = await asyncio.wait([under_way], timeout=self._deadline_s)
        return under_way.result() if done else Found("unresolved")

    def _start(self, host: str, under_way: asyncio.Future[Found]) -> None:
        loop = asyncio.get_running_loop()

        def bring(found: Found) -> None:
            self._under_way.pop(host, None)
            if found.addresses:
                self._good[host] = found.addresses
            if not under_way.done():
                under_way.set_result(found)

        def work() -> None:
            found = self._ask(host)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(bring, found)

        try:
            # A daemon: at our end nobody waits for it, as an executor would.
            threading.Thread(target=work, name=f"name of {host}", daemon=True).start()
        except RuntimeError:  # no thread can be had
            bring(Found("exhausted"))

    def _ask(self, host: str) -> Found:
        try:
            addresses = tuple(self._look_up(host))
            return Found("found" if addresses else "no_such_name", addresses)
        except UnicodeError:  # no name that a name server could be asked for, such as "db..example"
            return Found("no_such_name")
        except OSError as error:
            # Without a file left the resolver says whatever comes to its mind.
            if not _sockets_left():
                return Found("exhausted")
            known = isinstance(error, socket.gaierror) and error.errno in UNKNOWN
            return Found("no_such_name" if known else "unresolved")


def _without_a_lookup(host: str) -> Found | None:
    if host == "localhost":
        return Found("found", ("127.0.0.1", "::1"))
    try:
        return Found("found", (str(ipaddress.ip_address(host)),))
    except ValueError:
        return None


def _sockets_left() -> bool:
    try:
        socket.socket().close()
    except OSError:
        return False
    return True
