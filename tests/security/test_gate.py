"""One gate: every address times every kind of caller, against one table; an address that is not in it fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import structlog
import websockets

from monitor.access.break_glass import BreakGlass
from monitor.access.gate import Gate
from monitor.access.nextauth import NextAuth
from monitor.access.roles import Roles, Standing
from monitor.access.rules import Rules
from monitor.access.tokens import TokenStore
from monitor.demo.links import User
from monitor.demo.session_cookie import NAME, mint
from monitor.outputs.hub import Hub
from monitor.outputs.seats import Limits
from monitor.outputs.server import Server
from monitor.secret import Secret
from tests.fakes import FakeClock
from tests.outputs import whole
from tests.outputs.conftest import build

SECRET = "a secret of the platform that is long enough"
ROLES = ("super_admin", "system_admin")
WRITE = {"Content-Type": "application/json", "X-Huph-Monitor": "1"}
OWN = "http://127.0.0.1"
ADDRESSES = {
    "GET /": ("read", 200),
    "GET /{path}": ("public", 404),
    "GET /api/v1/health": ("read", 200),
    "GET /api/v1/health/full": ("read", 200),
    "GET /api/v1/checks/{name}": ("read", 404),
    "GET /api/v1/series/{name}": ("read", 404),
    "GET /api/v1/cron": ("read", 200),
    "GET /api/v1/cron/{job}/runs": ("read", 404),
    "GET /api/v1/services": ("read", 200),
    "GET /api/v1/settings": ("read", 200),
    "GET /api/v1/settings/{key}/history": ("read", 403),
    "PATCH /api/v1/settings/{key}": ("edit", 400),
    "GET /api/v1/runbook/{language}": ("read", 404),
    "GET /api/v1/openapi.json": ("read", 200),
    "GET /api/v1/asyncapi.json": ("read", 200),
    "GET /api/v1/session": ("read", 200),
    "POST /api/v1/stream-ticket": ("stream", 201),
    "GET /api/v1/stream": ("stream", 400),
    "GET /api/v1/events": ("stream", 200),
    "GET /livez": ("public", 200),
    "GET /readyz": ("public", 200),
    "GET /metrics": ("read", 200),
}
"""What each address asks for, and what it answers whoever may come in (here: nothing is edited, no names are known)."""
CALLERS = {
    "nobody": ("public", "sign_in"),
    "wrong token": ("public", "sign_in"),
    "wrong scheme": ("public", "sign_in"),
    "revoked token": ("public", "revoked"),
    "expired token": ("public", "expired"),
    "read token": ("read", "scope"),
    "stream token": ("stream", "scope"),
    "admin token": ("edit", ""),
    "break-glass": ("stream", "scope"),
    "break-glass by a proxy": ("public", "sign_in"),
    "admin user": ("edit", ""),
    "admin user of the second role": ("edit", ""),
    "admin user behind a proxy's own password": ("edit", ""),
    "counselor": ("public", "wrong_role"),
    "user who was demoted": ("public", "wrong_role"),
    "inactive user": ("public", "inactive"),
    "deleted user": ("public", "inactive"),
    "expired user": ("public", "expired"),
    "forged user": ("public", "sign_in"),
}
"""How far each kind of caller comes, and what it is told where it comes no further."""
RANKS = ["public", "read", "stream", "edit"]


class House:
    """A server behind a gate with every way in, and the credentials of every kind of caller."""

    def __init__(self, folder: Path, limits: Limits | None = None, base_path: str = "/", **more: Any) -> None:
        build(folder)
        self.clock = FakeClock()
        now = self.clock.now().wall
        self.store = folder / "tokens" / "tokens.db"
        self.tokens = TokenStore(self.store)
        glass = folder / "glass"
        glass.write_text("g" * 40)
        glass.chmod(0o600)
        rules = Rules(**{"nextauth": (Secret(SECRET),), "roles": ROLES, "sign_in_url": "/login", **more})
        self.roles = Roles(ROLES)
        for user in ("10", "11", "12"):
            self.roles.judge(user, "super_admin", now)
        self.roles.learn(["10", "11", "12"], {"10": Standing("counselor", True), "11": Standing("super_admin", False)})
        self.roles.lose()  # nobody reads the rows of the others
        self.gate = Gate(
            rules,
            nextauth=NextAuth(rules.nextauth, max_age_s=rules.max_age_s, secure=None),
            roles=self.roles,
            tokens=self.tokens,
            glass=BreakGlass(glass),
        )
        bearers = {name: self.tokens.add(name, name, 30, now) for name in ("read", "stream", "admin")}
        bearers["expired"] = self.tokens.add("expired", "admin", 1, now - 2 * 86_400)
        bearers["revoked"] = self.tokens.add("revoked", "admin", 30, now)
        self.tokens.revoke("revoked", now)
        self.shown: dict[str, dict[str, str]] = {
            "nobody": {},
            "wrong token": {"Authorization": "Bearer hm_" + "x" * 43},
            "wrong scheme": {"Authorization": f"Basic {bearers['admin']}"},
            **{f"{name} token": {"Authorization": f"Bearer {text}"} for name, text in bearers.items()},
            "break-glass": {"Authorization": f"Bearer {'g' * 40}"},
            "break-glass by a proxy": {"Authorization": f"Bearer {'g' * 40}", "X-Forwarded-For": "127.0.0.1"},
            "admin user": self.session(now),
            "admin user of the second role": self.session(now, role="system_admin"),
            "admin user behind a proxy's own password": {**self.session(now), "Authorization": "Basic dTpw"},
            "counselor": self.session(now, role="counselor"),
            "user who was demoted": self.session(now, sub="10"),
            "inactive user": self.session(now, sub="11"),
            "deleted user": self.session(now, sub="12"),
            "expired user": self.session(now - 9 * 3600),
            "forged user": self.session(now, secret=SECRET + "!"),
        }
        self.hub = Hub(whole.DOCUMENT, lambda: whole.EVIDENCE, self.clock, coalesce_s=0)
        self.server = Server(
            hub=self.hub,
            read_series={}.get,
            clock=self.clock,
            gate=self.gate,
            host="127.0.0.1",
            port=0,
            base_path=base_path,
            web_folder=folder,
            limits=limits,
        )
        self.url = ""

    def session(self, now: float, *, secret: str = SECRET, sub: str = "1", role: str = "super_admin") -> dict[str, str]:
        user = User(int(sub), "Ayu", f"{sub}@example.test", role)
        return {"Cookie": f"{NAME}={mint(secret, user, int(now))}"}

    async def ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> tuple[int, Any]:
        """Ask; give the status, and the JSON if it is any."""
        named = re.sub(r"\{\w+\}", "x", path.replace("{path}", "x.js"))
        address = self.url.rstrip("/") + named
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, address, headers=headers, **options) as response,
        ):
            if response.content_type == "text/event-stream":
                return response.status, None
            text = await response.text()
            return response.status, json.loads(text) if text and response.content_type == "application/json" else text


@pytest.fixture
def limits():
    """The server's own; a test may have others."""
    return Limits()


@pytest.fixture
def rules():
    """Rules beside those that every house has."""
    return {}


@pytest.fixture
async def house(tmp_path, limits, rules):
    async with AsyncExitStack() as stack:
        house = House(tmp_path, limits, **rules)
        house.url = await house.server.start()
        stack.push_async_callback(house.server.stop)
        yield house


@pytest.mark.parametrize(("base", "more"), [("/", set()), ("/hm/", {"GET /hm"})])
def test_all_addresses(tmp_path, base, more):
    """The table names every address that is served, and no other; below a prefix one more leads there."""
    routes = House(tmp_path, base_path=base).server._runner.app.router.routes()
    served = {f"{route.method} {route.resource.canonical}" for route in routes if route.method != "HEAD"}
    assert served == {address.replace(" /", f" {base}", 1) for address in ADDRESSES} | more


@pytest.mark.parametrize("kind", CALLERS)
async def test_callers(house, kind):
    """Each kind of caller comes as far as the table says, and is told why it comes no further."""
    reach, code = CALLERS[kind]
    for address, (needed, answered) in ADDRESSES.items():
        method, path = address.split()
        writing = method != "GET"
        headers = {**house.shown[kind], **(WRITE if writing else {})}
        if writing or path == "/api/v1/stream":
            headers["Origin"] = house.url.rstrip("/")
        status, said = await house.ask(method, path, headers, data="{}" if writing else None)
        if RANKS.index(reach) >= RANKS.index(needed):
            assert status == answered, (address, said)
        elif address == "GET /":
            assert status in {401, 403}
        else:
            assert status == (401 if code in {"sign_in", "expired", "revoked"} else 403), (address, said)
            assert said["error"]["code"] == code, address
            assert said["error"]["sign_in_url"] == "/login"


async def test_head(house):
    """HEAD asks for as much as GET, and tells as little."""
    for address, (needed, _) in ADDRESSES.items():
        method, path = address.split()
        if method == "GET" and path not in {"/api/v1/stream", "/api/v1/events"}:
            status, said = await house.ask("HEAD", path, house.shown["nobody"])
            assert (status == 401) == (needed != "public"), address
            assert not said


async def test_nothing_told(house):
    """Who is turned away is told nothing of the platform, of the credential, or of us."""
    for kind, (reach, _) in CALLERS.items():
        if reach == "public":
            for path in ("/", "/api/v1/health/full"):
                _, said = await house.ask("GET", path, house.shown[kind])
                text = json.dumps(said)
                assert not [word for word in ("verdict", "epoch", "degraded", "since", "counts") if word in text]
                for word in house.shown[kind].values():
                    assert word.split("=", 1)[-1] not in text


async def test_session(house):
    """Whoever comes in is told as whom, how far, and until when."""
    now = house.clock.now().wall
    _, said = await house.ask("GET", "/api/v1/session", house.shown["admin user"])
    assert (said["kind"], said["role"], said["level"], said["edits"]) == ("user", "super_admin", "edit", False)
    assert "expires_at" in said
    _, said = await house.ask("GET", "/api/v1/session", house.shown["read token"])
    assert (said["kind"], said["name"], said["level"]) == ("token", "read", "read")
    assert now


async def test_broken_ways(house, tmp_path):
    """A way in that is found broken is told in the log, once, and not only on the day on which it is needed."""
    glass, good = tmp_path / "glass", house.shown["break-glass"]
    with structlog.testing.capture_logs() as told:
        for mode, status in ((0o600, 200), (0o644, 401), (0o644, 401), (0o600, 200), (0o644, 401)):
            glass.chmod(mode)
            assert (await house.ask("GET", "/api/v1/session", good))[0] == status
        house.store.write_bytes(b"no store" * 1000)
        assert (await house.ask("GET", "/api/v1/session", house.shown["read token"]))[0] == 401
    troubles = [one["trouble"] for one in told if one["event"] == "access.broken"]
    assert [str(glass) in one for one in troubles] == [True, True, False]
    assert str(house.store) in troubles[2]
    again = Server(
        hub=house.hub,
        read_series={}.get,
        clock=house.clock,
        gate=house.gate,
        host="127.0.0.1",
        port=0,
        base_path="/",
        web_folder=tmp_path,
    )
    with structlog.testing.capture_logs() as told:
        await again.start()
        await again.stop()
    assert len([one for one in told if one["event"] == "access.broken"]) == 2


async def test_cookie_does_not_shut(house):
    """What is shown by hand decides: a good cookie mends no bad token, and a bad cookie spoils no good one."""
    good, bad = house.shown["admin user"], house.shown["forged user"]
    assert (await house.ask("GET", "/api/v1/session", {**house.shown["wrong token"], **good}))[0] == 401
    assert (await house.ask("GET", "/api/v1/session", {**house.shown["read token"], **bad}))[0] == 200


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ({}, "id"),
        ({"Accept-Language": "id-ID,id;q=0.9,en;q=0.8"}, "id"),
        ({"Accept-Language": "en-US,en;q=0.9"}, "en"),
        ({"Accept-Language": "de,fr;q=0.9,en;q=0.3"}, "en"),
        ({"Accept-Language": "en;q=0.2,id;q=0.7"}, "id"),
        ({"Accept-Language": "in"}, "id"),
        ({"Accept-Language": "en;q=much, x"}, "id"),
        ({"Accept-Language": "de"}, "id"),
    ],
)
async def test_closed_page(house, asked, language):
    """Who may not see the page reads why, in a language of his own, and where one signs in."""
    status, page = await house.ask("GET", "/", {**house.shown["counselor"], **asked})
    assert status == 403
    assert f'<html lang="{language}" data-code="wrong_role" data-address="yes">' in page
    assert 'href="/login"' in page
    _, other = await house.ask("GET", "/?lang=en", {**house.shown["expired user"], **asked})
    assert '<html lang="en" data-code="expired" data-address="yes">' in other


@pytest.mark.parametrize("rules", [{"sign_in_url": '/login?to={here}&x="><b>', "origins": ("https://admin.example",)}])
async def test_way_back(house):
    """The address of signing in holds the way back, and nothing in it can break out of the page."""
    _, page = await house.ask("GET", "/", {"Host": "admin.example"})
    assert 'href="/login?to=https%3A%2F%2Fadmin.example%2F&amp;x=&quot;&gt;&lt;b&gt;"' in page


@pytest.mark.parametrize("rules", [{"origins": ("https://admin.example",)}])
async def test_described_as_visited(house):
    """Who reads how to follow where it is visited over TLS, by a proxy, is led there by TLS; who asks us, to us."""
    for host, protocols in (("admin.example", {"wss", "https"}), (urlsplit(house.url).netloc, {"ws", "http"})):
        _, said = await house.ask("GET", "/api/v1/asyncapi.json", {**house.shown["read token"], "Host": host})
        servers = said["servers"].values()
        assert ({one["host"] for one in servers}, {one["protocol"] for one in servers}) == ({host}, protocols)


# What another site's page could have a browser send.


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 201),
        ({"X-Huph-Monitor": None}, 403),
        ({"X-Huph-Monitor": "0"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
    ],
)
async def test_forged(house, change, status):
    """A request that changes something, with the cookie of a user, is taken from our own page alone (CSRF)."""
    own = {**house.shown["admin user"], **WRITE, "Origin": house.url.rstrip("/")}
    headers = {name: value for name, value in {**own, **change}.items() if value is not None}
    assert (await house.ask("POST", "/api/v1/stream-ticket", headers, data="{}"))[0] == status


async def test_token_without_origin(house):
    """A service is no browser: it says no origin, and sends no cookie that could be abused."""
    headers = {**house.shown["stream token"], **WRITE}
    assert (await house.ask("POST", "/api/v1/stream-ticket", headers, data="{}"))[0] == 201
    headers["Origin"] = "http://evil.example"
    assert (await house.ask("POST", "/api/v1/stream-ticket", headers, data="{}"))[0] == 403


@pytest.mark.parametrize(
    ("origin", "joins"),
    [
        ("own", True),
        (None, False),
        ("null", False),
        ("http://evil.example", False),
        ("https://127.0.0.1", False),
        ("http://127.0.0.1", False),
    ],
)
async def test_stolen_socket(house, origin, joins):
    """The page of another site cannot follow with its visitor's cookie (cross-site WebSocket hijacking)."""
    headers = dict(house.shown["admin user"])
    if origin is not None:
        headers["Origin"] = house.url.rstrip("/") if origin == "own" else origin
    if joins:
        async with connect(house, headers) as socket:
            assert json.loads(await socket.recv())["type"] == "hello"
    else:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(house, headers):
                pass
        assert refused.value.response.status_code == 403


def connect(house, headers, query=""):
    address = house.url.replace("http:", "ws:") + f"api/v1/stream{query}"
    return websockets.connect(address, additional_headers=headers, proxy=None, compression=None)


# Live connections.


async def ended(socket) -> int:
    """Wait until the server has closed it; give the code."""
    async with asyncio.timeout(5):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


@pytest.fixture
async def attended(house):
    """The server's own look at who may stay, as the daemon has it running."""
    task = asyncio.create_task(house.server.attendance.run())
    yield house
    task.cancel()


def own_page(house, shown):
    return {**shown, "Origin": house.url.rstrip("/")}


async def test_expiry(attended):
    """A connection ends with 4401 when its session, or its token, is over; others stay."""
    house = attended
    async with (
        connect(house, own_page(house, house.shown["admin user"])) as user,
        connect(house, house.shown["stream token"]) as token,
    ):
        await asyncio.gather(user.recv(), token.recv())
        house.clock.advance(8 * 3600 + 1)
        assert await ended(user) == 4401
        house.clock.advance(30 * 86_400)
        assert await ended(token) == 4401


async def test_revoked(attended):
    """A connection ends with 4403 when its token is revoked, even by another process."""
    house = attended
    async with (
        connect(house, house.shown["stream token"]) as socket,
        connect(house, house.shown["admin token"]) as other,
    ):
        await asyncio.gather(socket.recv(), other.recv())
        TokenStore(house.store).revoke("stream", house.clock.now().wall)
        assert await ended(socket) == 4403
        assert json.loads(await other.recv())["type"] == "snapshot"


@pytest.mark.parametrize("standing", [Standing("counselor", True), Standing("super_admin", False), None])
async def test_demoted(house, standing):
    """A connection ends with 4403 as soon as the user's row says so."""
    async with connect(house, own_page(house, house.shown["admin user"])) as socket:
        await socket.recv()
        house.roles.learn(["1"], {"1": standing} if standing is not None else {})
        house.server.attendance.check()
        assert await ended(socket) == 4403
    assert house.server._seats._taken == 0
    assert house.server.attendance._ends == {}


async def test_events_end(attended):
    """Server-sent events end as well; the browser that comes back is told why."""
    house = attended
    async with aiohttp.ClientSession() as http:
        async with http.get(house.url + "api/v1/events", headers=house.shown["stream token"]) as response:
            await response.content.readline()
            house.tokens.revoke("stream", house.clock.now().wall)
            async with asyncio.timeout(5):
                while await response.content.readline():
                    pass
        async with http.get(house.url + "api/v1/events", headers=house.shown["stream token"]) as response:
            assert response.status == 401


# Who can send no header.


async def test_first_message(house):
    """Who shows nothing, and is no browser, is asked for a token, and told nothing before."""
    bearer = house.shown["stream token"]["Authorization"].removeprefix("Bearer ")
    async with connect(house, {}) as socket:
        asked = json.loads(await socket.recv())
        assert (asked["type"], asked["code"], asked["fatal"]) == ("error", "sign_in", False)
        await socket.send(json.dumps({"type": "auth", "token": bearer}))
        assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["hello", "snapshot"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "auth", "token": "hm_" + "x" * 43}, 4401),
        ({"type": "auth"}, 4401),
        ({"type": "subscribe"}, 4401),
        ("garbage", 4401),
        (b"garbage", 4400),
        ("read", 4403),
    ],
)
async def test_bad_first_message(house, message, code):
    """Whoever says something else first is sent away unheard."""
    if message == "read":
        text = house.shown["read token"]["Authorization"].removeprefix("Bearer ")
        message = {"type": "auth", "token": text}
    async with connect(house, {}) as socket:
        await socket.recv()
        await socket.send(json.dumps(message) if isinstance(message, dict) else message)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == code


@pytest.mark.parametrize("limits", [Limits(unknown_s=0.05)])
async def test_says_nothing(house):
    """Who does not say who it is in time is closed with 4408."""
    async with connect(house, {}) as socket:
        await socket.recv()
        assert await ended(socket) == 4408


@pytest.mark.parametrize("limits", [Limits(per_caller=2, unknown=1)])
async def test_many_of_one(house):
    """One user or token has so many connections, however it comes; who has not said who it is has few."""
    token = house.shown["stream token"]
    auth = json.dumps({"type": "auth", "token": token["Authorization"].removeprefix("Bearer ")})
    async with AsyncExitStack() as stack:
        stranger = await stack.enter_async_context(connect(house, {}))
        await stranger.recv()
        for _ in range(2):
            await (await stack.enter_async_context(connect(house, token))).recv()
        for headers in ({}, token):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await connect(house, headers)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"]
        await (await stack.enter_async_context(connect(house, house.shown["admin token"]))).recv()
        await stranger.send(auth)
        assert await ended(stranger) == 4429
        # Its seat is free again.
        await (await stack.enter_async_context(connect(house, {}))).recv()


async def test_browser_is_not_asked(house):
    """A browser, which says its origin, is refused at once: its page goes and signs in."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(house, {"Origin": house.url.rstrip("/")}):
            pass
    assert refused.value.response.status_code == 401


async def test_newer_token(attended):
    """A newer token, shown on the connection, lets it live on; a bad one ends it."""
    house = attended
    longer = house.tokens.add("longer", "stream", 60, house.clock.now().wall)
    async with connect(house, house.shown["stream token"]) as socket:
        for _ in range(2):
            await socket.recv()
        await socket.send(json.dumps({"type": "auth", "token": longer}))
        await socket.send(json.dumps({"type": "ping"}))
        assert json.loads(await socket.recv())["type"] == "pong"
        house.clock.advance(31 * 86_400)
        house.server.attendance.check()
        await socket.send(json.dumps({"type": "ping"}))
        assert json.loads(await socket.recv())["type"] == "pong"
        await socket.send(json.dumps({"type": "auth", "token": "hm_" + "y" * 43}))
        assert await ended(socket) == 4401


async def test_ticket(house):
    """A ticket lets one connection in, once, for the browser that it was made for."""
    headers = own_page(house, {**house.shown["admin user"], **WRITE, "User-Agent": "browser"})
    _, said = await house.ask("POST", "/api/v1/stream-ticket", headers, data="{}")
    browser = {"Origin": house.url.rstrip("/"), "User-Agent": "browser"}
    query = f"?ticket={said['ticket']}"
    address = house.url.replace("http:", "ws:") + f"api/v1/stream{query}"
    options = {"additional_headers": {"Origin": browser["Origin"]}, "user_agent_header": "browser", "proxy": None}
    async with websockets.connect(address, **options) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(address, **options):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("rules", [{}, {"open": True}])
@pytest.mark.parametrize("kind", ["break-glass", "nobody"])
async def test_ticket_stays_here(house, rules, kind):
    """A ticket of who is let in for being on this machine lets nobody in elsewhere."""
    if kind == "nobody" and not rules:
        pytest.skip("nobody has no ticket where nothing is open")
    headers = {**house.shown[kind], **WRITE, "User-Agent": "curl"}
    tickets = [
        (await house.ask("POST", "/api/v1/stream-ticket", headers, data='{"origin": "", "agent": "curl"}'))[1]["ticket"]
        for _ in range(2)
    ]
    away = {"User-Agent": "curl", "X-Forwarded-For": "203.0.113.9"}
    assert (await house.ask("GET", f"/api/v1/events?ticket={tickets[0]}", away))[0] == 401
    assert (await house.ask("GET", f"/api/v1/events?ticket={tickets[1]}", {"User-Agent": "curl"}))[0] == 200


async def test_ticket_for_another(house):
    """A service may ask for a ticket in the name of the browser that it serves; nobody else can use it."""
    wish = json.dumps({"origin": house.url.rstrip("/"), "agent": "browser"})
    headers = {**house.shown["stream token"], **WRITE}
    _, said = await house.ask("POST", "/api/v1/stream-ticket", headers, data=wish)
    stolen = await house.ask("GET", f"/api/v1/events?ticket={said['ticket']}", {"User-Agent": "another"})
    assert stolen[0] == 401
    for bad in ("[]", '{"origin": 1}', '{"agent": "' + "x" * 2000 + '"}', "{"):
        assert (await house.ask("POST", "/api/v1/stream-ticket", headers, data=bad))[0] == 400


@pytest.mark.parametrize("path", ["stream", "events"])
async def test_gone_before_let_in(house, monkeypatch, path):
    """Whoever goes while he waits to be let in is no mistake of ours, and leaves nothing behind."""
    monkeypatch.setattr("monitor.access.roles.FIRST_S", 60)
    house.roles.readable = True
    with structlog.testing.capture_logs() as told:
        where = urlsplit(house.url)
        _, writer = await asyncio.open_connection(where.hostname, where.port)
        head = {**own_page(house, house.shown["admin user"]), "Host": where.netloc, "Connection": "Upgrade"}
        upgrade = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
        lines = [f"{name}: {value}" for name, value in {**head, **upgrade}.items()]
        writer.write("\r\n".join([f"GET /api/v1/{path} HTTP/1.1", *lines, "", ""]).encode())
        await writer.drain()
        async with asyncio.timeout(2):
            while "1" not in house.roles._seen:
                await asyncio.sleep(0.01)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while len(house.server._runner.server.reception.visitors):
                await asyncio.sleep(0.01)
        house.roles.lose()
        await asyncio.sleep(0.1)
    assert [one for one in told if one["log_level"] == "error"] == []
    assert house.hub.following == 0


# How many.


@pytest.mark.parametrize("limits", [Limits(per_caller=2)])
async def test_per_caller(house):
    """One caller has so many connections, however many addresses it comes from; another one still comes in."""
    shown, again = house.shown["stream token"], house.shown["admin token"]
    async with connect(house, shown) as first, connect(house, shown):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(house, shown):
                pass
        assert refused.value.response.status_code == 429
        async with connect(house, again) as other:
            await other.recv()
        await first.close()
        async with connect(house, shown) as third:
            assert json.loads(await third.recv())["type"] == "hello"


@pytest.mark.parametrize("limits", [Limits(unknown=1)])
async def test_unknown_in_all(house):
    """They are counted wherever they come from."""
    async with connect(house, {"X-Forwarded-For": "192.0.2.1"}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(house, {}):
                pass
        assert refused.value.response.status_code == 429


@pytest.mark.parametrize("site", ["same-origin", "none", "same-site", "cross-site"])
async def test_another_sites_request(house, site):
    """A browser that says that another site asks is refused, though it says no origin."""
    headers = {**house.shown["admin user"], "Sec-Fetch-Site": site}
    status = (await house.ask("GET", "/api/v1/events", headers))[0]
    assert status == (200 if site in {"same-origin", "none"} else 403)


@pytest.mark.parametrize("limits", [Limits(unknown_here=1), Limits(unknown=1)])
async def test_unknown(house):
    """Only so many may be about to say who they are; who has said it makes room."""
    bearer = house.shown["stream token"]["Authorization"].removeprefix("Bearer ")
    async with connect(house, {}) as first:
        await first.recv()
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(house, {}):
                pass
        assert refused.value.response.status_code == 429
        await first.send(json.dumps({"type": "auth", "token": bearer}))
        assert json.loads(await first.recv())["type"] == "hello"
        async with connect(house, {}) as second:
            assert json.loads(await second.recv())["code"] == "sign_in"
