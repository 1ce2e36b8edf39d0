"""Addresses at which no service of a platform lives: nothing of ours connects there, whatever name leads to them."""

from __future__ import annotations

import errno
import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CLOSED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host; Linux takes it for loopback (RFC 1122, 3.2.1.3)
        "169.254.0.0/16",  # link-local, where the clouds tell their machines' credentials (RFC 3927)
        "224.0.0.0/3",  # multicast, reserved and broadcast (RFC 5771, RFC 1112, RFC 919)
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the agent's address in Azure
    )
)
CLOSED_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "::/128",  # unspecified (RFC 4291, 2.5.2)
        "fe80::/10",  # link-local (RFC 4291, 2.5.6)
        "ff00::/8",  # multicast (RFC 4291, 2.7)
        "64:ff9b:1::/48",  # NAT64 of local use: where the IPv4 address stands in it, only the network knows (RFC 8215)
        "fd00:ec2::/32",  # metadata of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
    )
)
CARRIERS = tuple(
    (ipaddress.IPv6Network(text), shift)
    for text, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped (RFC 4291, 2.5.5.2)
        ("::ffff:0:0:0/96", 0),  # IPv4-translated (RFC 2765, 2.1)
        ("::/96", 0),  # IPv4-compatible (RFC 4291, 2.5.5.1)
        ("64:ff9b::/96", 0),  # NAT64 (RFC 6052, 2.1)
        ("2002::/16", 80),  # 6to4 (RFC 3056, 2)
    )
)
"""Networks of IPv6 whose addresses carry one of IPv4, and by how many bits it is shifted."""
LOOPBACK_6 = ipaddress.IPv6Address("::1")


def literal(host: str) -> Address | None:
    """Read an address in any spelling that connects to one, such as 127.1 or 0x7f000001; None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Whatever the C library takes for an address is never looked up (inet_aton(3)).
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host.strip() == host and host else None
    except (OSError, UnicodeError, ValueError):
        return None


def closed(address: str) -> bool:
    """Say whether this address is one that nobody may be sent to; what is no address is one.

    Loopback and private addresses are open: there the services of a platform live. Link-local ones, where clouds hand
    out credentials, multicast, broadcast and unspecified ones are not, nor is one of IPv6 that carries one of these.
    """
    found = literal(address)
    if found is None:
        return True
    if isinstance(found, ipaddress.IPv4Address):
        return any(found in network for network in CLOSED_4)
    plain = ipaddress.IPv6Address(int(found))  # without its zone, which no network has
    if plain == LOOPBACK_6:
        return False
    if any(plain in network for network in CLOSED_6):
        return True
    carried = next((shift for network, shift in CARRIERS if plain in network), None)
    return carried is not None and closed(str(ipaddress.IPv4Address(int(plain) >> carried & 0xFFFFFFFF)))


def check(address: str) -> None:
    """Raise PermissionError, as the system does where its own rules forbid a connection, when this one is closed."""
    if closed(address):
        raise PermissionError(errno.EACCES, "address not allowed")
