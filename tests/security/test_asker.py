"""For whom is asked: nobody can say it but a proxy that is trusted, and whoever comes by one is not on this machine."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from monitor.access.rules import Rules
from monitor.outputs.gate import asker

PROXIES = Rules(trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("fd00::/8")))


class Peer:
    """A transport that only knows who is at its other end."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._address, 4711) if name == "peername" else default

    def is_closing(self) -> bool:
        return False


def asked(peer: str, headers: list[tuple[str, str]], rules: Rules) -> tuple[str, bool]:
    from multidict import CIMultiDict

    return asker(make_mocked_request("GET", "/", CIMultiDict(headers), transport=Peer(peer)), rules)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address", "here"),
    [
        ("127.0.0.1", [], "127.0.0.1", True),
        ("::1", [], "::1", True),
        ("::ffff:127.0.0.1", [], "::ffff:127.0.0.1", True),
        ("192.0.2.7", [], "192.0.2.7", False),
        ("192.0.2.7", ["127.0.0.1"], "192.0.2.7", False),
        ("192.0.2.7", ["127.0.0.1", "10.0.0.1"], "192.0.2.7", False),
        ("127.0.0.1", ["192.0.2.9"], "192.0.2.9", False),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1", False),
        ("10.1.2.3", ["192.0.2.9"], "192.0.2.9", False),
        ("10.1.2.3", ["203.0.113.5, 192.0.2.9"], "192.0.2.9", False),
        ("10.1.2.3", ["203.0.113.5", "192.0.2.9, 10.0.0.9"], "192.0.2.9", False),
        ("10.1.2.3", ["10.0.0.1, 10.0.0.2"], "10.0.0.1", False),
        ("fd00::1", ["2001:db8::9"], "2001:db8::9", False),
    ],
)
def test_forwarded(peer, forwarded, address, here):
    """The last address that is not a trusted proxy's counts; those before it are anybody's word."""
    assert asked(peer, [("X-Forwarded-For", one) for one in forwarded], PROXIES) == (address, here)


@pytest.mark.parametrize("name", ["X-Real-IP", "Forwarded"])
def test_other_headers(name):
    """A header of another proxy is not read, but shows that somebody comes from elsewhere."""
    assert asked("127.0.0.1", [(name, "for=127.0.0.1")], PROXIES) == ("127.0.0.1", False)


def test_nobody_is_trusted():
    """Without trusted proxies nobody's word is taken, not even this machine's."""
    assert asked("127.0.0.1", [("X-Forwarded-For", "192.0.2.9")], Rules()) == ("127.0.0.1", False)
