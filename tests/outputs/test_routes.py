"""The REST addresses: what a load balancer, a script and the page ask, under any base path."""

from __future__ import annotations

import socket

import pytest
from structlog.testing import capture_logs
from yarl import URL

from monitor.domain.catalogue import Catalogue
from monitor.domain.checks.message_throughput import Recount
from monitor.domain.connection import Opening, Pulse
from monitor.domain.document import ORDER
from monitor.domain.signal import Sample
from monitor.errors import MonitorError
from monitor.outputs.hub import Hub
from monitor.outputs.routes.runbook import Runbooks
from monitor.outputs.server import Server
from tests.doors import open_gate
from tests.fakes import FakeClock
from tests.outputs import whole


def fall(stage):
    """Let the database refuse everybody."""
    stage.tell(Sample(stage.clock.now(), Pulse("t", "u", None, Opening("refused"))))


# The short answer.


async def test_not_ready(stage):
    """Until the database has been looked at, the short answer is 503, and so is readyz."""
    assert (await stage.get("api/v1/health"))[0] == 503
    assert await stage.get("readyz") == (503, {"ready": False})
    assert await stage.get("livez") == (200, {"live": True})


async def test_short(stage):
    """The short answer says the platform, its state, since when, and the counts."""
    stage.observe()
    status, said = await stage.get("api/v1/health")
    assert status == 200
    assert list(said) == ["platform", "status", "since", "counts", "as_of"]
    assert (said["platform"], said["status"]) == ("huph", "unknown")
    assert said["counts"] == {"ok": 1, "warn": 0, "fail": 0, "unknown": len(stage.checks) - 1}


async def test_down(stage):
    """When the database fails, the short answer is 503; the daemon itself stays live and ready."""
    stage.observe()
    fall(stage)
    status, said = await stage.get("api/v1/health")
    assert (status, said["status"]) == (503, "degraded")
    assert (await stage.get("readyz"))[0] == 200
    assert (await stage.get("livez"))[0] == 200
    assert (await stage.get("api/v1/health/full"))[0] == 200


async def test_ready_though_down(stage):
    """A database that was never seen up has been looked at all the same."""
    fall(stage)
    assert await stage.get("readyz") == (200, {"ready": True})


async def test_fail_on(stage):
    """Who wants more than the database to count says so; degraded is less than unknown."""
    stage.observe()
    answers = {name: (await stage.get(f"api/v1/health?fail_on={name}"))[0] for name in ("degraded", "unknown")}
    assert answers == {"degraded": 200, "unknown": 503}
    stage.tell(Sample(stage.clock.now(), Catalogue([], [], [], [], [], [], [], [], [])))
    assert (await stage.get("api/v1/health"))[1]["status"] == "degraded"
    answers = {
        name: (await stage.get(f"api/v1/health{name}"))[0] for name in ("", "?fail_on=degraded", "?fail_on=unknown")
    }
    assert answers == {"": 200, "?fail_on=degraded": 503, "?fail_on=unknown": 503}


@pytest.mark.parametrize("word", ["warn", "", "Degraded", "%ff", "%ed%a0%80", "%00", "x" * 2000])
async def test_bad_fail_on(stage, word):
    """Another word is refused with the two that are known."""
    async with stage.http.get(URL(f"{stage.url}api/v1/health?fail_on={word}", encoded=True)) as response:
        said = (await response.json())["error"]
        assert (response.status, said["code"]) == (400, "bad_fail_on")
        assert "give degraded or unknown" in said["message"]


@pytest.mark.parametrize(
    "query", ["fail_on=unknown&fail_on=degraded", "fail_on=unknown&fail_on=unknown", "fail_on=&fail_on"]
)
async def test_two_fail_on(stage, query):
    """Two words are one too many, even if each is known."""
    stage.observe()
    status, said = await stage.get(f"api/v1/health?{query}")
    assert (status, said["error"]["code"]) == (400, "bad_fail_on")


# The document and its parts.


async def test_full(stage):
    """The whole document is what the stream would say; nobody may use a kept one without asking."""
    stage.observe()
    stage.fire()
    async with stage.http.get(stage.url + "api/v1/health/full") as response:
        assert response.headers["Cache-Control"] == "no-store"
        document = await response.json()
    assert list(document["checks"]) == [name for name in ORDER if name in document["checks"]]
    assert document["position"] == {"epoch": stage.board.epoch, "seq": 2}


async def test_unchanged(stage):
    """Who has the document of this position already is told so, and nothing else; any change makes it another one."""
    stage.fire()
    url = stage.url + "api/v1/health/full"
    async with stage.http.get(url) as response:
        tag = response.headers["ETag"]
    assert tag == f'W/"{stage.board.epoch}:1"'
    for known in (tag, tag.removeprefix("W/"), f'"1:1", {tag}', "*"):
        async with stage.http.get(url, headers={"If-None-Match": known}) as response:
            assert (response.status, await response.read(), response.headers["ETag"]) == (304, b"", tag)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    stage.fire()
    for known in (tag, '"x"', "nonsense"):
        async with stage.http.get(url, headers={"If-None-Match": known}) as response:
            assert (response.status, (await response.json())["position"]["seq"]) == (200, 2)


async def test_check(stage):
    """Each check has its own address, with the age of its evidence."""
    stage.observe()
    for name in stage.checks:
        status, said = await stage.get(f"api/v1/checks/{name}")
        assert status == 200
        assert said == (await stage.get("api/v1/health/full"))[1]["checks"][name]


@pytest.mark.parametrize("name", ["cron", "Db", "db%2F", "%ff", "<b>"])
async def test_no_such_check(stage, name):
    """A check that is not there is a 404 that names those that are."""
    async with stage.http.get(URL(f"{stage.url}api/v1/checks/{name}", encoded=True)) as response:
        said = (await response.json())["error"]
        assert (response.status, said["code"]) == (404, "no_such_check")
        assert said["message"].endswith(f"there are {', '.join(stage.checks)}.")


async def test_series(stage):
    """Each series has its own address; messages are there from the first recount."""
    assert (await stage.get("api/v1/series/messages"))[0] == 503
    status, said = await stage.get("api/v1/series/messages")
    assert said["error"]["code"] == "not_counted_yet"
    second = int(stage.clock.wall) - 9
    stage.tell(Sample(stage.clock.now(), Recount("7:9:", stage.clock.wall, [second], ["user"], [4], 4, None)))
    stage.observe(12.5)
    status, said = await stage.get("api/v1/series/messages")
    assert (status, said["snapshot"], said["seconds"]) == (200, "7:9:", {str(second): 4})
    status, said = await stage.get("api/v1/series/db_latency")
    assert (status, said["points"]) == (200, [[int(stage.clock.wall), 12.5]])
    status, said = await stage.get("api/v1/series/message_rates")
    assert (status, said["step_s"]) == (200, 300)
    assert set(said["counts"]) == {"user", "bot", "counselor"}
    status, said = await stage.get("api/v1/series/messages_")
    assert (status, said["error"]["code"]) == (404, "no_such_series")
    assert "messages, message_rates, db_latency" in said["error"]["message"]


# The sections below the checks.


async def test_sections(show):
    """Each section has its own address, and says what stands in the document, with the age of its evidence."""
    window = await show()
    _, document = await window.get("api/v1/health/full")
    for section in ("cron", "services", "settings"):
        async with window.http.get(f"{window.url}api/v1/{section}") as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "no-store"
            assert await response.json() == document[section]
    assert document["cron"]["observed_at"] == document["services"]["dify"]["observed_at"] == whole.LATE
    assert list(document["settings"]) == list(whole.SETTINGS)


async def test_without_sections(show):
    """A platform without jobs has no such address, in a sentence; without services or settings, there are none."""
    window = await show(cron=None, services=None, settings=None)
    for path in ("cron", "cron/follow_up/runs"):
        status, said = await window.get(f"api/v1/{path}")
        assert (status, said["error"]["code"]) == (404, "no_cron")
        assert "[jobs.NAME]" in said["error"]["message"]
    assert await window.get("api/v1/services") == (200, {})
    assert await window.get("api/v1/settings") == (200, {})


async def test_runs(show):
    """The runs of a job are those of the series of its name."""
    window = await show()
    for job in whole.JOBS:
        assert await window.get(f"api/v1/cron/{job}/runs") == (200, whole.SERIES[f"cron_runs:{job}"])
    del window.series["cron_runs:follow_up"]
    status, said = await window.get("api/v1/cron/follow_up/runs")
    assert (status, said["error"]["code"]) == (503, "not_counted_yet")


@pytest.mark.parametrize("name", ["none", "Follow_up", "follow_up%2F", "%ff", "messages", "<b>"])
async def test_no_such_job(show, name):
    """A job that is not there is a 404 that names those that are; other series are no jobs."""
    window = await show()
    window.series[f"cron_runs:{name}"] = {"job": name}
    async with window.http.get(URL(f"{window.url}api/v1/cron/{name}/runs", encoded=True)) as response:
        said = (await response.json())["error"]
        assert (response.status, said["code"]) == (404, "no_such_job")
        assert said["message"].endswith("there are follow_up, nightly_sync.")
    async with window.http.get(f"{window.url}api/v1/series/cron_runs:follow_up") as response:
        assert response.status == 404


async def test_runs_before_the_first_look(show):
    """As long as the jobs themselves are not known, neither are their runs."""
    cron = {key: value for key, value in whole.DOCUMENT["cron"].items() if key != "jobs"}
    status, said = await (await show(cron=cron)).get("api/v1/cron/follow_up/runs")
    assert (status, said["error"]["code"]) == (503, "not_counted_yet")


# The base path, methods, mistakes.


@pytest.mark.parametrize("base", ["/", "/hm/", "/a/b-c/"])
async def test_base_path(raise_stage, base):
    """Everything stands under the base path, and nothing beside it."""
    stage = await raise_stage(base_path=base)
    assert stage.url.endswith(base)
    stage.observe()
    for path in (
        "api/v1/health",
        "api/v1/health/full",
        "api/v1/checks/db",
        "api/v1/series/db_latency",
        "api/v1/services",
        "api/v1/settings",
        "api/v1/openapi.json",
        "livez",
        "readyz",
    ):
        assert (await stage.get(path))[0] == 200
    for path in ("", "assets/app-1.js", "metrics"):
        async with stage.http.get(stage.url + path) as response:
            assert response.status == 200
    async with stage.connect():
        pass
    if base == "/":
        return
    root = stage.url.removesuffix(base)
    async with stage.http.get(root + base.rstrip("/"), allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (308, base)
    for path in ("/", "/api/v1/health", "/livez", "/metrics", f"{base[:-1]}x/livez"):
        async with stage.http.get(root + path) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "path",
    ["", "api/v1/health", "api/v1/health/full", "api/v1/checks/db", "livez", "assets/app-1.js", "api/v1/openapi.json"],
)
async def test_head(stage, path):
    """HEAD says what GET would, without the body."""
    stage.observe()
    headers = {"Accept-Encoding": "identity"}
    async with (
        stage.http.get(stage.url + path, headers=headers) as got,
        stage.http.head(stage.url + path, headers=headers) as head,
    ):
        assert await head.read() == b""
        volatile = {"Date"}
        assert head.status == got.status == 200
        assert {k: v for k, v in head.headers.items() if k not in volatile} == {
            k: v for k, v in got.headers.items() if k not in volatile
        }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["", "api/v1/health", "api/v1/stream", "livez", "metrics", "api/v1/cron/x/runs"])
async def test_method(stage, method, path):
    """What is only read takes no other method; the refusal says which ones are allowed."""
    async with stage.http.request(method, stage.url + path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == ("GET" if path == "api/v1/stream" else "GET,HEAD")
        assert (await response.json())["error"]["code"] == "method_not_allowed"


async def test_own_mistake(stage):
    """A mistake of ours is a 500 without any of our insides, and the log says what it was."""
    del stage.hub._document["checks"]["db"]
    with capture_logs() as said:
        status, answer = await stage.get("api/v1/health")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "db" not in answer["error"]["message"]
    assert [(line["event"], line["path"], line["log_level"]) for line in said] == [
        ("request.failed", "/api/v1/health", "error")
    ]


async def test_runbook(show):
    """What to do is told in both languages, without what an entry does not have; the same is not told twice."""
    window = await show()
    url = window.url + "api/v1/runbook/"
    status, told = await window.get("api/v1/runbook/id")
    assert (status, told["language"]) == (200, "id")
    assert told["links"] == {"users": {"title": "Users", "href": "/settings/users"}}
    assert told["entries"]["triggers.missing"]["command"] == "psql -c '{table}'"
    assert told["entries"]["unknown.starting"].keys() == {"means", "causes", "first", "verify"}
    async with window.http.get(url + "id") as response:
        tag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-store"
    async with window.http.get(url + "id", headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read(), response.headers["ETag"]) == (304, b"", tag)
    async with window.http.get(url + "en", headers={"If-None-Match": tag}) as response:
        assert response.status == 200, "another language is another text"
    status, refused = await window.get("api/v1/runbook/jv")
    assert (status, refused["error"]["code"]) == (404, "no_such_language")
    assert "id, en" in refused["error"]["message"]


async def test_no_runbook(stage):
    """A platform without a runbook has one without entries: the page asks for it all the same."""
    assert await stage.get("api/v1/runbook/id") == (200, {"language": "id", "links": {}, "entries": {}})


@pytest.mark.parametrize(
    ("sign_in", "href"),
    [
        ("", "/settings/users"),
        ("/login", "/settings/users"),
        ("https://admin.example/login?back={here}", "https://admin.example/settings/users"),
    ],
)
def test_links(sign_in, href):
    """The pages of the admin are where one signs in, which may be another host than the page's."""
    told = Runbooks(whole.RUNBOOKS, whole.LINKS, sign_in)._told["en"]
    assert told["links"]["users"]["href"] == href


async def test_port_taken(web_folder):
    """A port that is taken is said in a sentence, with the mend."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(
            hub=Hub({"position": {"epoch": 1, "seq": 0}}, dict, FakeClock()),
            read_series=lambda _: None,
            clock=FakeClock(),
            gate=open_gate(),
            host="127.0.0.1",
            port=port,
            base_path="/",
            web_folder=web_folder,
        )
        with pytest.raises(
            MonitorError, match=rf"http\.port is {port}: cannot be opened .*; stop what uses it, or choose"
        ):
            await server.start()


@pytest.mark.parametrize(("host", "start"), [("::1", "http://[::1]:"), ("localhost", "http://localhost:")])
async def test_host(web_folder, host, start):
    """Every loopback host that the configuration takes can be served, and the address that is told works."""
    import aiohttp

    hub = Hub({"position": {"epoch": 1, "seq": 0}, "checks": {}}, dict, FakeClock())
    server = Server(
        hub=hub,
        read_series=lambda _: None,
        clock=FakeClock(),
        gate=open_gate(),
        host=host,
        port=0,
        base_path="/hm/",
        web_folder=web_folder,
    )
    try:
        address = await server.start()
    except MonitorError:
        pytest.skip("this machine has no such address")
    assert address.startswith(start)
    async with aiohttp.ClientSession() as http, http.get(f"{address}livez") as response:
        assert response.status == 200
    await server.stop()
