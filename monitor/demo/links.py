"""The one-time links by which a person signs in to the demo platform: as whom, for how long, to which page."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import quote

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.clock import Clock

LIFETIME_S = 600.0
PAGE = "http://127.0.0.1:8787/"
_MOST = 100  # links that wait to be used; the oldest goes
_HOST = r"(127\.0\.0\.1|localhost|\[::1\])(?::([0-9]{1,5}))?"
# Nothing may follow the host but a port and a path, and no backslash, which a browser takes for a slash: so there is
# one way only to read whom the address names.
_ADDRESS = re.compile(rf"http://{_HOST}(?:/[!-\[\]-~]*)?")


@dataclass(frozen=True, slots=True)
class User:
    """One of the platform's users, as `schema.sql` has them: a sign-in needs no database that answers."""

    id: int
    name: str
    email: str
    role: str


USERS = {
    user.role: user
    for user in (
        User(1, "Super admin 1", "superadmin1@example.test", "super_admin"),
        User(2, "System admin 1", "systemadmin1@example.test", "system_admin"),
        User(11, "Counselor 1", "counselor1@example.test", "counselor"),
    )
}


def host_of(page: str) -> str | None:
    """Give the loopback name in the address of a page over http; None for any other address."""
    found = _ADDRESS.fullmatch(page)
    return found[1] if found and 0 < int(found[2] or 80) < 1 << 16 else None


def name_in(host_header: str) -> str | None:
    """Give the loopback name by which a request asked (`Host`, RFC 9110, 7.2); None for any other name."""
    found = re.fullmatch(_HOST, host_header, re.ASCII)
    return found[1] if found else None


class Links:
    """Those that were given and not used yet. `port` is that of the service which signs people in."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.page = PAGE
        """Where a link leads that names no page: the one that was last named."""
        self._port = port
        self._clock = clock
        self._open: list[tuple[bytes, User, float]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/login"

    def issue(self, role: str | None = None, page: str | None = None) -> str:
        """Make a link that signs in once, as the user of this role (super_admin), and leads to the page (`self.page`).

        Raises `MonitorError` for a role that nobody has here, and for a page that is not on this machine.
        """
        role = "super_admin" if role is None else role
        if role not in USERS:
            raise MonitorError(f"There is no user with the role {role!r}; there are {', '.join(USERS)}.")
        page = self.page if page is None else page
        host = host_of(page)
        if host is None:
            raise MonitorError(f"{page!r} is no page on 127.0.0.1, localhost or [::1]; give an address such as {PAGE}")
        self.page = page
        code = secrets.token_urlsafe(16)
        self._open = [*self._living(), (code.encode(), USERS[role], self._clock.now().mono + LIFETIME_S)][-_MOST:]
        # A cookie belongs to a name, not to a port: the link must ask by the name that the page has.
        return f"http://{host}:{self._port}/login?code={code}&to={quote(page, safe='')}"

    def redeem(self, code: str) -> User | None:
        """Use a code up; give its user, or None where it is unknown, used or too old."""
        shown = code.encode(errors="replace")
        living = self._living()
        # Each is compared, and each in full: how long it takes tells nothing about any of them.
        found = [one for one in living if compare_digest(one[0], shown)]
        self._open = [one for one in living if one not in found]
        return found[0][1] if found else None

    def _living(self) -> list[tuple[bytes, User, float]]:
        now = self._clock.now().mono
        return [one for one in self._open if now < one[2]]
