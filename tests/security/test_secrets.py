"""The sweep for secrets: one in each place that takes one, through good days and bad, and none in what is said."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import time
from contextlib import AsyncExitStack
from urllib.parse import quote, quote_plus

import aiohttp
import asyncpg
import pytest

from monitor.demo.broker import DemoBroker
from monitor.demo.port import free_port
from monitor.demo.session_cookie import NAME, mint
from tests.bench.stage import stage
from tests.canaries import AMID, Canaries
from tests.daemon import Daemon
from tests.security.planted import ADMIN, FLAG, KEY, MODEL, OTHER_KEY, Planted
from tests.security.sweeping import Asker, Echo, Heard, watched_database

NAMES = {
    "checks/{}": ["db", "x"],
    "series/{}": ["messages", "message_rates", "db_latency", "x"],
    "cron/{}/runs": ["follow_up", "x"],
    "runbook/{}": ["id", "en", "x"],
    "settings/{}/history": [KEY, OTHER_KEY, "x"],
}
PAGES = ["", "livez", "readyz", "metrics", "sign-in.html", "favicon.svg", "assets/x.js", "x", "api/v1/x"]
PLAIN = (
    "health", "health?fail_on=degraded", "health/full", "cron", "services", "settings", "session", "openapi.json",
    "asyncapi.json",
)  # fmt: skip
LIMITS = "sweep_s = 5\nsample_s = 1\nservice_timeout_s = 1\n"


def address_of(dsn, quoted):
    """Give an address with a password in it, as a URL writes it."""
    return dsn.replace("@", f":{quoted}@")


# The search itself


@pytest.mark.parametrize("lead", ["", "a", "ab"])
@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("raw", str),
        ("JSON", json.dumps),
        ("JSON", lambda text: json.dumps(text, ensure_ascii=False)),
        ("JSON", lambda text: json.dumps({"said": json.dumps({"x": text})})),
        ("Python", repr),
        ("Python", ascii),
        ("URL", quote),
        ("URL", lambda text: quote(text, safe="")),
        ("URL", quote_plus),
        ("URL", lambda text: quote(text, safe="").replace("%C3%A9", "%c3%a9").replace("%2F", "%2f")),
        ("HTML", html.escape),
        ("base64", lambda text: base64.b64encode(text.encode()).decode()),
        ("base64", lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
        ("hexadecimal", lambda text: text.encode().hex()),
    ],
)
def test_search_finds(lead, kind, write):
    """A planted secret is found in every way of writing it, wherever it begins; so is what was cut from it."""
    canaries = Canaries(1)
    secret = canaries.plant("here")
    canaries.plant("elsewhere")
    for text in (secret, secret[:20], secret[-20:]):
        assert ("here", kind) in canaries.hits(f"x{write(f'{lead}{text}!')}x") or text != secret
        assert {slot for slot, _ in canaries.hits(f"x{write(f'{lead}{text}!')}x")} == {"here"}


def test_search_finds_nothing_else():
    """What holds no secret gives no hit, however long."""
    canaries = Canaries(2)
    canaries.plant("here")
    canaries.know("token", "hm_" + "t0ken" * 9)
    assert canaries.hits(json.dumps(Canaries(3).plant("other")) + AMID * 100 + "hm_") == set()


# The whole system


async def read_everything(asker, callers):
    """Ask every address as everybody, rightly and wrongly."""
    named = [path.format(one) for path, names in NAMES.items() for one in names]
    paths = [*PAGES, *(f"api/v1/{path}" for path in (*PLAIN, *named))]
    for shown in callers.values():
        for path in paths:
            await asker.ask("GET", path, shown)
        await asker.ask("HEAD", "api/v1/health/full", shown)
        await asker.ask("GET", "metrics", {**shown, "Accept": "application/openmetrics-text"})


async def follow_everywhere(asker, world):
    """Follow by each way in, come back, say things that cannot be understood, and show what is no good."""
    canaries, callers = world.canaries, world.callers
    good, token = callers["session of admin"], world.tokens["admin"]
    stream, events = "api/v1/stream", "api/v1/events"
    for shown in callers.values():
        await asker.listen(stream, shown)
        last = await asker.events(events, shown)
        await asker.events(events, {**shown, "Last-Event-ID": last or "1:1"})
    auth = json.dumps({"type": "auth", "token": token})
    wrong = json.dumps({"type": "auth", "token": canaries.plant("wrong token in a message")})
    await asker.listen(stream, {}, auth, many=4)
    await asker.listen(stream, {}, wrong, many=4)
    await asker.listen(stream, good, auth, json.dumps({"type": "subscribe"}), many=4)
    await asker.listen(stream, good, wrong, many=4)
    for said in (auth[:-1], auth.encode(), auth.replace("}", ', "x": "' + "x" * 5000 + '"}'), f"[{auth}]"):
        await asker.listen(stream, good, said, many=4)
        await asker.listen(stream, {}, said, many=4)
    own = {"X-Huph-Monitor": "1", "Origin": asker.daemon.address.rstrip("/"), "User-Agent": "sweep"}
    for number, way in enumerate((events, events, stream)):
        told = await asker.ask("POST", "api/v1/stream-ticket", {**good, **own}, json={}, kept=False)
        ticket = canaries.know(f"ticket {number}", told["ticket"])
        agent = {"User-Agent": "other"} if number == 1 else own
        for _ in range(2):
            await asker.events(f"{way}?ticket={quote(ticket)}", {**agent, "Origin": own["Origin"]})
    await asker.events(f"{events}?ticket={quote(canaries.plant('wrong ticket'), safe='')}", {})
    await asker.events(f"{events}?token={token}", {})


async def edit_everything(asker, world):
    """Edit secret settings in every way that can end."""
    mine, others, token = (world.callers[name] for name in ("session of admin", "session of second", "admin token"))
    first, second, never = world.values["first"], world.values["second"], {"value": world.values["never"]}
    told = {"value": f"claude-{world.shown.plant('a value that is no secret')}"}
    assert await asker.edit(mine, MODEL, told, 1) == 200
    assert await asker.edit(mine, KEY, {"value": first, "reason": "quota"}, 1) == 200
    assert await asker.edit(others, KEY, {"value": second}, 2) == 200
    assert await asker.edit(token, KEY, never, 2) == 409
    assert await asker.edit(token, OTHER_KEY, {"value": world.canaries.plant("another value")}, 1) == 200
    for key, body, seen, more in (
        (FLAG, never, 1, {}),
        (KEY, never, None, {}),
        (KEY, {**never, "old": second}, None, {}),
        (KEY, {**never, "old": world.canaries.plant("guessed old value")}, None, {}),
        ("x", never, 1, {}),
        (KEY, {"value": [never["value"]]}, 3, {}),
        (KEY, {**never, never["value"]: 1}, 3, {}),
        (KEY, {**never, "reason": never["value"] * 50}, 3, {}),
    ):
        assert await asker.edit(others, key, body, seen, **more) != 200
    for body, more in (
        (json.dumps(never)[:-1], {"Content-Type": "application/json"}),
        (json.dumps(never), {"Content-Type": "text/plain"}),
        (json.dumps(never), {"Content-Type": "application/json", "X-Huph-Monitor": "0"}),
        (json.dumps(never), {"Content-Type": "application/json", "Origin": "http://evil.example"}),
        (json.dumps({"value": never["value"] * 3000}), {"Content-Type": "application/json"}),
        (json.dumps(never).encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}),
        (json.dumps(never)[1:], {"Content-Type": "application/json; charset=no-such"}),
    ):
        assert await asker.edit(token, KEY, body, 3, **more) != 200
    for name in ("reader token", "former token", "session of counselor", "break-glass", "nobody", "wrong token"):
        assert await asker.edit(world.callers[name], KEY, never, 3) != 200
    async with world.platform.connection.transaction():
        await world.platform.connection.execute("select from system_settings where key = $1 for update", KEY)
        assert await asker.edit(mine, KEY, never, 3) != 200  # somebody else holds it


async def be_rude(asker, world):
    """Send what no browser sends, with secrets in it."""
    host = f"Host: {asker.daemon.address.removeprefix('http://').rstrip('/')}\r\n".encode()
    text = world.canaries.plant("rude request").encode()
    good = f"Cookie: {NAME}={world.cookies['admin']}\r\n".encode()
    line, end = b"GET /api/v1/health HTTP/1.1\r\n", b"\r\n\r\n"
    patch = b"PATCH /api/v1/settings/" + KEY.encode() + b" HTTP/1.1\r\n" + host + good
    for sent in (
        line + host + good.rstrip() + text * 2000 + end,
        line + host + b"Authorization: Bearer " + text * 2000 + end,
        line + host + b"Authorization Bearer " + text + end,
        line + host + text + b"\0: x" + end,
        line + host + good + b"Content-Length: " + text + end,
        line + host + good + b"Transfer-Encoding: chunked\r\n\r\n" + text + end,
        line + b"Host: " + text + b"\r\n" + good + end,
        b"GET /?" + text * 2000 + b" HTTP/1.1\r\n" + host + end,
        b"GET /" + text + b" HTTP/9.9\r\n" + host + end,
        text + b" / HTTP/1.1\r\n" + host + end,
        b"\x16\x03\x01" + text + end,
        patch + b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n" + text,
        patch + b"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n" + text * 2,
        patch + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffff;" + text + end,
    ):
        await asker.raw(sent)


async def bad_days(asker, world, daemon, follower):
    """Break one thing after another, and go on asking."""
    own, echo, mine = world.platform, world.echo, world.callers["session of second"]
    reading = {name: world.callers[name] for name in ("session of admin", "reader token", "break-glass", "wrong token")}
    never = {"value": world.values["never"]}
    for status in (500, 302, 401, 204):
        echo.status, asked = status, len(echo.asked)
        async with asyncio.timeout(20):
            while len(echo.asked) < asked + 4:
                await asyncio.sleep(0.05)
    await follower.until(lambda d: d["services"]["dify"]["verdict"] in {"warn", "fail"}, 20)
    assert world.query in echo.asked, "the service never got its token"
    assert any(world.valkey in one for one in echo.asked), "Valkey never got its password"
    await asker.ask("GET", "api/v1/services", reading["session of admin"])
    # Another password, while the daemon runs.
    for role in world.passwords:
        await world.change_password(role, world.canaries.plant(f"other password of {role}"))
    await world.end_sessions()
    await follower.reason("db", "db.login_refused", 20)
    await asker.edit(mine, KEY, never, 3)
    await read_everything(asker, reading)
    for role, password in world.passwords.items():
        await world.change_password(role, password)
    await follower.reason("db", None, 40)
    # No database at all.
    own.postgres.kill()
    await follower.until(lambda d: d["checks"]["db"]["verdict"] == "fail", 20)
    await asker.edit(world.callers["session of admin"], KEY, never, 3)
    await read_everything(asker, reading)
    own.postgres.start()
    own.connection = await asyncpg.connect(own.dsn)
    await follower.reason("db", None, 40)
    # Files that are not what they were.
    (world.folder / "access.break_glass_file").chmod(0o644)
    world.store.write_bytes(world.canaries.plant("a broken store").encode() * 100)
    (world.folder / "flags.env").write_text(f"{world.canaries.plant('a line that is no flag')}\n\0" * 9)
    await read_everything(asker, {name: world.callers[name] for name in ("break-glass", "admin token")})


def well_asked(heard, world, document):
    """Hold that all was asked that can be, and that the search finds in each place what is no secret."""
    assert len(world.canaries.slots) >= 40
    assert heard.statuses["GET"] >= {200, 401, 403, 404}
    assert heard.statuses["PATCH"] >= {200, 400, 401, 403, 404, 409, 413, 415, 422, 428, 503}
    spoken = heard.count()
    assert min(spoken["http"] // 10, spoken["websocket"], spoken["sse"], spoken["activity"] // 10) > 20
    # A new address without an entry here would not be swept.
    asked = [where.removeprefix("http GET").strip().partition("?")[0] for where, _ in heard.said]
    for path in [path for path, operations in document["paths"].items() if "get" in operations]:
        known = re.compile(re.sub(r"{\w+}", "[^/]+", path.lstrip("/")))
        assert any(known.fullmatch(one) for one in asked), path
    assert spoken.keys() >= {"edit", "raw", "cmdline", "notify", "log"}
    shown = {where.split()[0] for where, *_ in heard.leaks(world.shown)}
    assert shown == {"http", "websocket", "sse", "audit", "document"}
    statements = [text for where, text in heard.said if where == "activity" and "huph_monitor_edit_setting" in text]
    assert statements, "the statement of an edit was never seen in the database"


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_whole_system(tmp_path):
    """Through reads, streams, edits, faults and the end of a daemon no secret comes out, in whatever form."""
    heard, canaries = Heard(), Canaries(4)
    async with AsyncExitStack() as stack:
        own, _ = await stack.enter_async_context(stage())
        world = Planted(own, tmp_path, canaries, await stack.enter_async_context(Echo().open()))
        await world.furnish()
        broker = DemoBroker(own.dsn, world.broker_secret)
        await broker.start()
        stack.push_async_callback(broker.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        watching = await stack.enter_async_context(AsyncExitStack())
        await watching.enter_async_context(watched_database(own, heard))
        files = world.secrets()
        daemon = await Daemon.start(
            tmp_path,
            own.monitor_dsn,
            edit_dsn=own.editor_dsn,
            services=world.services(),
            limits=LIMITS,
            access=world.access(files),
            more=world.more(files, broker.url),
            environment=world.variables(files),
            forked=False,
        )
        stack.push_async_callback(daemon.stop)
        daemon.shown = {**world.callers["session of admin"], "Origin": daemon.address.rstrip("/")}
        follower = await daemon.settled()
        await follower.until(lambda d: d["checks"]["realtime"]["detail"]["broker"], 20)
        asker = Asker(daemon, heard, http)
        asker.process()
        await edit_everything(asker, world)
        await read_everything(asker, world.callers)
        document = await asker.ask("GET", "api/v1/openapi.json", world.callers["reader token"])
        await follow_everywhere(asker, world)
        await be_rude(asker, world)
        # A broker that knows another secret.
        await broker.stop()
        refusing = DemoBroker(own.dsn, "r" * 40, broker.port)
        await refusing.start()
        stack.push_async_callback(refusing.stop)
        await follower.until(lambda d: d["checks"]["realtime"]["verdict"] != "ok", 30)
        await bad_days(asker, world, daemon, follower)
        asker.process()
        await watching.aclose()
        stored = await own.connection.fetchval("select value from system_settings where key = $1", KEY)
        heard.note("audit", str([dict(one) for one in await own.connection.fetch("select * from audit_log")]))
        heard.note("document", json.dumps([message for _, message in follower.messages]))
        assert await daemon.stop() == 0
        heard.note("log", daemon.log)
        heard.note("database's log", own.postgres.log.read_text())
    assert stored == world.values["second"]
    assert heard.leaks(canaries) == []
    well_asked(heard, world, document)
    told = {json.loads(line)["event"] for line in daemon.log.splitlines() if line.startswith("{")}
    assert told >= {"broker.refused", "listen.lost", "setting.edited", "subscriber.left", "daemon.stopped"}


@pytest.mark.timeout(120)
async def test_nothing_works(tmp_path):
    """Where the secrets stand in the configuration itself or the environment, and all are refused, none comes out."""
    heard, canaries = Heard(), Canaries(6)
    quoted = {name: quote(canaries.plant(name), safe="") for name in ("dsn", "listen_dsn", "edit_dsn", "query")}
    async with AsyncExitStack() as stack:
        own, _ = await stack.enter_async_context(stage())
        hba = own.postgres.base / "hba.conf"
        hba.write_text(f"{hba.read_text().replace('all all', 'all postgres')}host all all 127.0.0.1/32 scram-sha-256\n")
        await own.connection.execute("select pg_reload_conf()")
        echo = await stack.enter_async_context(Echo().open())
        echo.status = 500
        http = await stack.enter_async_context(aiohttp.ClientSession())
        closed, query = f"http://127.0.0.1:{free_port()}", f"?token={quoted['query']}"
        services = ", ".join(
            f'{name}.url = "{where}/{query}"'
            for name, where in {"dify": echo.http, "huph-api": closed, "milvus": "http://no-such.invalid"}.items()
        )
        daemon = await Daemon.start(
            tmp_path,
            address_of(own.monitor_dsn, quoted["dsn"]),
            listen_dsn=address_of(own.monitor_dsn, quoted["listen_dsn"]),
            edit_dsn=address_of(own.editor_dsn, quoted["edit_dsn"]),
            services=f'services = {{ {services}, langfuse.url = "", admin.url = "", valkey.address = "" }}',
            limits=LIMITS,
            access="open = true",
            flags_path=False,
            more=f'[flags]\nsource = "http"\nurl = "{echo.http}/flags{query}"\n[broker]\nurl = "{closed}/{query}"\n',
            environment={
                "HUPH_MONITOR_ACCESS_NEXTAUTH_SECRET": (secret := canaries.plant("NextAuth's secret")),
                "HUPH_MONITOR_BROKER_SECRET": canaries.plant("broker's secret"),
                "HUPH_MONITOR_LOG_LEVEL": "debug",
                "PGPASSWORD": canaries.plant("PGPASSWORD"),
            },
            forked=False,
        )
        stack.push_async_callback(daemon.stop)
        follower = await daemon.follow()
        await follower.reason("db", "db.login_refused", 20)
        await follower.until(lambda d: all("observed_at" in d["services"][name] for name in ("dify", "milvus")), 30)
        asker = Asker(daemon, heard, http)
        asker.process()
        admin = {"Cookie": f"{NAME}={mint(secret, ADMIN, int(time.time()))}"}
        await read_everything(asker, {"nobody": {}, "admin": admin})
        assert await asker.edit(admin, KEY, {"value": canaries.plant("value")}, 1) != 200
        await daemon.stop()
        heard.note("document", json.dumps([message for _, message in follower.messages]))
        heard.note("log", daemon.log)
        heard.note("database's log", own.postgres.log.read_text())
    assert heard.leaks(canaries) == []
    assert heard.statuses["PATCH"] == {503}
    assert "password authentication failed" in str(heard.said), "the database never refused a password"
