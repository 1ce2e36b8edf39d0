"""Does an HTTP address answer as it should: one GET, wholly read, within one deadline and 64 KiB."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from monitor.addresses import check
from monitor.domain.probing import Probe, ServiceTarget
from monitor.domain.verdict import LAST
from monitor.sources import payload
from monitor.sources.probes import refusal
from monitor.sources.probes.names import Names

MOST = 65_536
"""Bytes of a body, as they come: nothing is decompressed, so a bomb is no more than its own size."""
LOGIN = {401, 403}
DISTRUST = {
    9: "certificate not valid yet",
    10: "certificate expired",
    62: "certificate for another name",
    64: "certificate for another name",
}
"""Why a certificate is not accepted, by OpenSSL's numbers (x509_vfy.h); for any other reason it is "not trusted"."""
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "huph-monitor"}


class Known(AbstractResolver):
    """Gives addresses that were looked up already: aiohttp's own way would take the executor that everybody shares."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Met(aiohttp.ClientResponse):
    """An answer that remembers the connection it came by: aiohttp lets go of it as soon as the last byte is here."""

    protocol: ResponseHandler | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        self.protocol = connection.protocol
        return await super().start(connection)

    @property
    def broken(self) -> bool:
        return self.protocol is not None and self.protocol.exception() is not None


class GoneError(Exception):
    """The connection ended before an answer."""


async def ask(
    target: ServiceTarget, addresses: Sequence[str], timeout_s: float, *, trust: ssl.SSLContext | None = None
) -> Probe:
    """Ask within `timeout_s` seconds; `trust` in place of the certificates that the machine trusts.

    Each probe opens a connection of its own and ends it: so it proves what a new visitor meets (that the port opens,
    that the certificate is valid today), holds nothing of the service between two rounds, and nothing that one probe
    met (a cookie, a half-dead connection) reaches another one.
    """
    probe, _ = await _meet(target, addresses, timeout_s, trust)
    return probe


async def fetch(url: str, names: Names, timeout_s: float) -> bytes | None:
    """Give the body of a healthy answer, asked for and bounded just so; None for any other."""
    target = ServiceTarget("", "http", url)
    found = await names.find(target.host)
    if found.outcome != "found":
        return None
    probe, body = await _meet(target, found.addresses, timeout_s, None)
    return body if probe.outcome == "answered" else None


async def _meet(
    target: ServiceTarget, addresses: Sequence[str], timeout_s: float, trust: ssl.SSLContext | None
) -> tuple[Probe, bytes]:
    """Ask, and name whatever goes wrong; give with it the body of a healthy answer."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        async with _session(addresses, trust) as session:
            return await _ask(session, target, deadline)
    except TimeoutError:
        probe = target.probe("timeout")
    except aiohttp.ClientConnectorCertificateError as error:
        probe = target.probe("bad_answer", _distrust(error.certificate_error))
    except aiohttp.ClientConnectorSSLError:
        probe = target.probe("bad_answer", "no TLS")
    except aiohttp.ClientConnectorError as error:
        probe = refusal.of(target, error.os_error)
    except GoneError:
        probe = target.probe("bad_answer", "closed without an answer")
    except aiohttp.ClientPayloadError:
        probe = target.probe("bad_answer", "broken body")
    except OSError as error:
        probe = refusal.of(target, error)
    except (aiohttp.ClientError, HttpProcessingError):
        probe = target.probe("bad_answer", "no valid HTTP")
    return probe, b""


def _connector(addresses: Sequence[str], trust: ssl.SSLContext | None = None) -> aiohttp.TCPConnector:
    """Make what connects to these addresses alone, whatever host is asked for, and to none that is closed to us."""
    return aiohttp.TCPConnector(
        resolver=Known(addresses),
        use_dns_cache=False,
        limit=1,
        force_close=True,
        ssl=trust if trust is not None else True,
        socket_factory=_open_socket,
    )


def _open_socket(place: tuple[Any, ...]) -> socket.socket:
    # The last look before it connects: an address in the URL itself was never looked up.
    family, kind, proto, _, address = place
    check(str(address[0]))
    return socket.socket(family, kind, proto)


def visit(addresses: Sequence[str]) -> aiohttp.ClientSession:
    """Open a session for a library of another's, that goes to these addresses alone and follows no redirect."""
    return aiohttp.ClientSession(
        connector=_connector(addresses), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, middlewares=(_stay,)
    )


async def _stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        # As aiohttp itself says of any other answer that opens no WebSocket.
        raise aiohttp.WSServerHandshakeError(response.request_info, (), status=response.status)
    return response


def _session(addresses: Sequence[str], trust: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_connector(addresses, trust),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        # One deadline, ours, for all of it.
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        response_class=Met,
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from asking a second time by itself when the connection ends without an answer."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ServerDisconnectedError:
        raise GoneError from None
    except aiohttp.ClientOSError as error:
        raise OSError(*error.args) from None


async def _ask(session: aiohttp.ClientSession, target: ServiceTarget, deadline: float) -> tuple[Probe, bytes]:
    started = time.perf_counter()
    async with asyncio.timeout_at(deadline):
        response = await session.get(target.url, allow_redirects=False)
    assert isinstance(response, Met)
    body = b""
    try:
        if response.status not in target.expect:
            return target.probe("bad_answer", _words(response.status)), b""
        async with asyncio.timeout_at(deadline):
            while len(body) <= MOST and (part := await response.content.read(MOST + 1 - len(body))):
                body += part
    except TimeoutError:
        if not response.broken:
            raise
        # aiohttp ends the connection over a chunk that it cannot read, but does not tell whoever waits for more.
        return target.probe("bad_answer", "broken body"), b""
    finally:
        response.close()
    if len(body) > MOST:
        return target.probe("bad_answer", f"body > {MOST // 1024} KiB"), b""
    latency_ms = 1000 * (time.perf_counter() - started)
    since = _since(body, target.started_at) if target.started_at else None
    return target.probe("answered", latency_ms=latency_ms, started_at=since), body


def _words(status: int) -> str:
    if status in LOGIN:
        return "asks for a login"
    return f"{status} (redirect)" if 300 <= status < 400 else str(status)


def _distrust(error: Exception) -> str:
    number = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    return DISTRUST.get(number, "certificate not trusted")


def _since(body: bytes, key: str) -> float | None:
    """Read since when the service runs: RFC 3339 or Unix seconds; None when it does not say so."""
    said = (payload.read(body.decode(errors="replace")) or {}).get(key)
    if isinstance(said, str):
        try:
            when = datetime.fromisoformat(said)
        except ValueError:
            return None
        # Without its zone it is no instant.
        said = when.timestamp() if when.tzinfo is not None else None
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return float(said) if 0 < said <= LAST else None
