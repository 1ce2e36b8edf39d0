"""Behind the reverse proxies of deploy/: the page, the stream and the events under a prefix, and nobody too close."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey
from multidict import CIMultiDictProxy

from monitor.access.tokens import TokenStore
from monitor.demo.postgres import EmbeddedPostgres
from tests.daemon import Daemon
from tests.deploy import front
from tests.deploy.front import HOST, ORIGIN, Front, StandIn
from tests.watched import Platform, platform_of

SECRET = "a secret of the admin, and no other one's"
GLASS = "break-in-case-of-fire-0123456789abcdef"
COOKIE = "__Secure-next-auth.session-token"


class Local(AbstractResolver):
    """Finds every name on this machine, as the visitors' DNS finds the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        return


def session_cookie(role: str = "super_admin") -> str:
    """Sign somebody in as NextAuth 4 does."""
    key = HKDF(SHA256(), 32, b"", b"NextAuth.js Generated Encryption Key").derive(SECRET.encode())
    now = int(time.time())
    claims = {"sub": "1", "name": "Sari", "role": role, "iat": now, "exp": now + 3600}
    # Not as a JWT of joserfc's own, which would name its type in the header: NextAuth does not.
    token = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, json.dumps(claims), OctKey.import_key(key))
    return f"{COOKIE}={token}"


class Visitor:
    """Asks the proxy by the admin's name, showing what each test gives it."""

    def __init__(self, proxy: Front, admin: StandIn, daemon_address: str, token: str, platform: Platform) -> None:
        self.proxy = proxy
        self.admin = admin
        self.direct = daemon_address
        self.platform = platform
        self.bearer = {"Authorization": f"Bearer {token}"}
        connector = aiohttp.TCPConnector(ssl=proxy.trust, resolver=Local())
        # A proxy must take what a browser sends, whatever this client would allow itself.
        self.session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), max_field_size=65_536
        )

    async def get(self, path: str, **headers: str) -> tuple[int, str, CIMultiDictProxy[str]]:
        address = f"{self.proxy.address}{path}"
        async with self.session.get(address, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers


@pytest.fixture(scope="module", params=["caddy", pytest.param("nginx", marks=pytest.mark.prove)])
async def visitor(
    request, postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Visitor]:
    """A daemon behind each proxy, with a service token, the admin's secret and a break-glass file."""
    if front.program(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    for name, text in {"nextauth": SECRET, "glass": GLASS}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    (folder / "store").mkdir(mode=0o700)
    token = TokenStore(folder / "store" / "tokens.db").add("prober", "stream", 1, time.time())
    async with platform_of(postgres, template) as platform, StandIn.standing() as admin:
        daemon = await Daemon.start(
            folder,
            platform.monitor_dsn,
            base_path="/hm/",
            access=(
                f'nextauth_secret_file = "{folder}/nextauth"\nbreak_glass_file = "{folder}/glass"\n'
                f'tokens = "{folder}/store/tokens.db"\norigins = ["{ORIGIN}"]\nsign_in_url = "/login"\n'
                'trusted_proxies = ["127.0.0.1/32"]'
            ),
        )
        try:
            ports = {"admin": admin.port, "monitor": urlsplit(daemon.address).port or 0}
            async with front.fronted(request.param, folder, **ports) as proxy:
                visitor = Visitor(proxy, admin, daemon.address, token, platform)
                yield visitor
                await visitor.session.close()
        finally:
            await daemon.stop()


async def test_doors(visitor):
    """Under the prefix is the monitor, elsewhere the admin; who shows nothing is told where to sign in."""
    status, text, headers = await visitor.get("/hm/api/v1/health")
    assert (status, json.loads(text)["error"]["code"]) == (401, "sign_in")
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert len(headers.getall("Content-Security-Policy")) == 1
    assert headers["Server"] != "huph-monitor" or len(headers.getall("Server")) == 1
    status, text, _ = await visitor.get("/hm/api/v1/health/full", **visitor.bearer)
    assert (status, json.loads(text)["platform"]) == (200, "huph")
    status, text, headers = await visitor.get("/hm/", Cookie=session_cookie())
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/html")
    asset = text.partition('<script type="module" crossorigin src="')[2].partition('"')[0]
    status, _, headers = await visitor.get("/hm/" + asset.removeprefix("./").removeprefix("/hm/"))
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/javascript")
    assert (await visitor.get("/hm/", Cookie=session_cookie("counselor")))[0] == 403
    status, _, headers = await visitor.get("/hm")
    assert status == 308
    assert urlsplit(headers["Location"]).path == "/hm/"
    assert (await visitor.get("/hm/api/../api/v1/nothing", **visitor.bearer))[0] == 404
    status, text, headers = await visitor.get("/hmm")
    assert (status, text, len(headers.getall("Set-Cookie"))) == (200, "the admin", 3)
    async with visitor.session.get(f"http://{HOST}:{visitor.proxy.plain_port}/hm/", allow_redirects=False) as answer:
        assert answer.status in {301, 308}
        assert answer.headers["Location"].startswith(f"https://{HOST}")


async def test_nobody_is_near(visitor):
    """Who comes through the proxy is not on this machine, whatever is written into the headers that say so."""
    glass = {"Authorization": f"Bearer {GLASS}"}
    async with visitor.session.get(f"{visitor.direct}api/v1/session", headers=glass) as answer:
        assert (answer.status, (await answer.json())["kind"]) == (200, "break_glass")
    lies = ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "::1, 127.0.0.1"}, {"Forwarded": "for=127.0.0.1"})
    for lie in (*lies, {"X-Real-IP": "127.0.0.1"}, {"Connection": "X-Forwarded-For"}):
        status, text, _ = await visitor.get("/hm/api/v1/session", **glass, **lie)
        assert (status, json.loads(text)["error"]["code"]) == (401, "sign_in"), lie
    await visitor.get("/anything", **{"X-Forwarded-For": "203.0.113.9"})
    assert visitor.admin.heard[-1]["X-Forwarded-For"] == "127.0.0.1"


async def test_cookies(visitor):
    """A session that NextAuth spreads over several cookies comes through, to the admin and to the monitor."""
    others = "; ".join(f"other.{place}={'x' * 3900}" for place in range(5))
    assert (await visitor.get("/anything", Cookie=others))[0] == 200
    assert len(visitor.admin.heard[-1]["Cookie"]) > 19_000
    status, text, _ = await visitor.get("/hm/api/v1/session", Cookie=f"{others}; {session_cookie()}")
    assert (status, json.loads(text)["kind"]) == (200, "user")


async def test_stream(visitor):
    """The stream opens for a cookie of the page's own origin, refuses another's, and brings each change at once."""
    address = f"{visitor.proxy.address}/hm/api/v1/stream".replace("https", "wss")
    cookie = {"Cookie": session_cookie()}
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null", f"http://{HOST}"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await visitor.session.ws_connect(address, headers=cookie | {"Origin": origin})
        assert refused.value.status == 403, origin
    socket = await visitor.session.ws_connect(
        address, headers=cookie | {"Origin": ORIGIN}, protocols=["health.v1.json"]
    )
    assert [(await socket.receive_json(timeout=5))["type"] for _ in range(2)] == ["hello", "snapshot"]
    async with asyncio.timeout(15):
        while (await socket.receive_json())["type"] != "diff":
            pass
        await visitor.platform.write(count=7)
        while "message_throughput" not in (await socket.receive_str()):
            pass
    await socket.close()


async def test_events(visitor):
    """Events come one by one as they happen, and go on for longer than any of the proxy's patience with requests."""
    address = f"{visitor.proxy.address}/hm/api/v1/events"
    begun, last = time.monotonic(), 0.0
    async with visitor.session.get(address, headers=visitor.bearer) as answer:
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, "text/event-stream")
        async with asyncio.timeout(20):
            while last < 7:
                line = await answer.content.readline()
                assert line, "it has ended"
                now = time.monotonic() - begun
                # A bookmark comes at least every three seconds: more would be a proxy that collects them.
                assert now - last < 5
                last = now
