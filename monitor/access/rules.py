"""Who may come in, as configured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from monitor.secret import Secret

Network = IPv4Network | IPv6Network
SECRET_BYTES = 32
"""A shorter secret can be guessed from one captured cookie."""
ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
"""An origin as a browser writes it (RFC 6454, 6.2); with a space or a semicolon it would write another policy."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The ways in that are configured; without any of them nobody gets in.

    `open`: whoever is on this machine may read and follow. `nextauth`: the secrets of the platform's NextAuth, newest
    first, for users with one of the `roles`; a session counts for `max_age_s` seconds from the moment of its signing.
    `tokens` and `break_glass` are files. `origins` (scheme, host and port, as a browser writes them: RFC 6454, 6.1) are
    those under which the page is visited; without any it is the address that we are asked by. Only `trusted_proxies`
    may say for whom they ask.
    """

    open: bool = False
    nextauth: tuple[Secret, ...] = ()
    roles: tuple[str, ...] = ()
    max_age_s: float = 8 * 3600
    origins: tuple[str, ...] = ()
    sign_in_url: str = ""
    tokens: Path | None = None
    break_glass: Path | None = None
    trusted_proxies: tuple[Network, ...] = field(default=())

    @property
    def secure(self) -> bool | None:
        """Whether all visit by HTTPS (True), none (False), or some."""
        kinds = {origin.startswith("https:") for origin in self.origins}
        return kinds.pop() if len(kinds) == 1 else None
