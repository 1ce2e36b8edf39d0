"""The figures for Prometheus: well-formed in both formats, of now, bounded, and nobody's words."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from collections import Counter
from typing import Any

import prometheus_client
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from monitor.outputs.hub import Hub
from monitor.outputs.metrics import Figures
from tests.fakes import FakeClock
from tests.outputs import whole
from tests.outputs.conftest import heard
from tests.outputs.weather import weather

PROMTOOL = shutil.which("promtool")
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text"
PROMETHEUS = f"{OPEN};version=1.0.0;q=0.5,{OPEN};version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
"""What Prometheus itself sends."""


async def scrape(port: Any, accept: str = "*/*") -> tuple[str, str]:
    """Ask as Prometheus does; give the content type and the text."""
    async with port.http.get(port.url + "metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        return response.headers["Content-Type"], await response.text()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read the text format; a sample that comes twice is none."""
    found = [(one.name, frozenset(one.labels.items()), one.value) for m in read_text(text) for one in m.samples]
    assert len(found) == len({(name, labels) for name, labels, _ in found})
    return {(name, labels): value for name, labels, value in found}


def figure(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((f"huph_monitor_{name}", frozenset(labels.items())))


# The form.


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/html, text/plain;version=0.0.4", TEXT),
        (OPEN, f"{OPEN}; version=1.0.0; charset=utf-8"),
        (PROMETHEUS, f"{OPEN}; version=1.0.0; charset=utf-8; escaping=underscores"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
        # Versions that do not exist are not promised, and those that are none break nothing.
        (f"{OPEN};version=9.9.9", TEXT),
        (f"{OPEN};version=abc", TEXT),
        (f"{OPEN};version=", f"{OPEN}; version=1.0.0; charset=utf-8"),
        ("text/plain;version=x;escaping=y", TEXT),
        (";;;=,,", TEXT),
    ],
)
async def test_format(show, accept, content_type):
    """Each is answered in the format that it asks for, and the answer says which one it is."""
    window = await show()
    answered, text = await scrape(window, accept)
    assert answered == content_type
    read = read_openmetrics if answered.startswith(OPEN) else read_text
    assert {family.name for family in read(text)} > {"huph_monitor_up", "huph_monitor_check_status"}
    assert text.endswith("# EOF\n") == answered.startswith(OPEN)


UNITS = "minutes|hours|days|weeks|kelvins|fahrenheit|inches|yards|miles|bits|calories|pounds|ounces"
SCALED = "(pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|giga|gibi|tera|tebi|peta|pebi)"
SHORT = "s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d"
TYPES = "counter|gauge|summary|histogram|gauge_histogram"


def problems(family: Any) -> list[str]:
    """Say what promtool's `check metrics` would complain of, and what a scrape would rename."""
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = {label for one in family.samples for label in one.labels}
    rules = {
        "no help": not family.documentation,
        "not a base unit": re.search(rf"(^|_)({SCALED}(bytes|seconds|meters|metres|grams)|{UNITS})(_|$)", name),
        "an abbreviated unit": re.search(rf"_({SHORT})(_|$)", name),
        "its type in its name": re.search(rf"_({TYPES})(_|$)", name),
        "a colon": ":" in name,
        "camelCase": any(re.search("[a-z][A-Z]", word) for word in {name, *labels}),
        "no counter, and called one": family.type != "counter" and name.endswith("_total"),
        "no histogram, and called one": re.search("_(bucket|count|sum)$", name),
        "a reserved label": labels & {"le", "quantile", "job", "instance"},
        "no type": family.type == "unknown",
        "a counter without _total": family.type == "counter"
        and any(not s.name.endswith("_total") for s in family.samples),
    }
    return [f"{name}: {rule}" for rule, broken in rules.items() if broken]


async def test_lint(show):
    """Names, units and help are as Prometheus wants them."""
    _, text = await scrape(await show())
    families = list(read_text(text))
    assert [problem for family in families for problem in problems(family)] == []
    assert len(families) == len({family.name for family in families}) > 25
    ours = {family.name for family in families if not family.name.startswith("process_")}
    assert all(name.startswith("huph_monitor_") for name in ours)


def test_lint_sees():
    """The rules see what they are for."""
    bad = prometheus_client.metrics_core.GaugeMetricFamily("x_milliseconds_total", "", labels=["le"])
    bad.add_metric(["1"], 1)
    worse = prometheus_client.metrics_core.GaugeMetricFamily("x:gauge_sizeOf_mb", "words")
    assert {problem.split(": ")[1] for problem in problems(bad)} == {
        "no help",
        "not a base unit",
        "no counter, and called one",
        "a reserved label",
    }
    assert len(problems(worse)) == 3


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on this machine")
async def test_promtool(show):
    """Where promtool is at hand, it has nothing to say."""
    assert PROMTOOL is not None
    _, text = await scrape(await show())
    pipe = asyncio.subprocess.PIPE
    promtool = await asyncio.create_subprocess_exec(PROMTOOL, "check", "metrics", stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await promtool.communicate(text.encode())
    assert (promtool.returncode, out + err) == (0, b"")


# What they say.


async def test_figures(show):
    """Each figure is what the document says, in base units."""
    window = await show()
    _, text = await scrape(window)
    assert {
        "up": figure(text, "up"),
        "info": figure(text, "info", version=prometheus_version(), platform="huph"),
        "started": figure(text, "start_time_seconds"),
        "lag": figure(text, "loop_lag_seconds"),
        "sweep": figure(text, "sweep_duration_seconds"),
        "since": figure(text, "check_since_timestamp_seconds", check="db"),
        "age": figure(text, "check_evidence_age_seconds", check="services/dify"),
        "db": figure(text, "database_latency_seconds"),
        "queue": figure(text, "notify_queue_ratio"),
        "messages": figure(text, "messages_per_second"),
        "dify": figure(text, "service_latency_seconds", service="dify"),
        "fails": figure(text, "cron_job_failed_runs_24h", cron_job="follow_up"),
        "runs": figure(text, "cron_job_runs_24h", cron_job="follow_up"),
        "last": figure(text, "cron_job_last_run_timestamp_seconds", cron_job="follow_up"),
        "next": figure(text, "cron_job_next_expected_timestamp_seconds", cron_job="follow_up"),
        "took": figure(text, "cron_job_last_duration_seconds", cron_job="follow_up"),
        "seq": figure(text, "document_seq"),
        "subscribers": figure(text, "subscribers"),
        "frames": figure(text, "frames_sent_total"),
        "refused": figure(text, "subscribers_refused_total", why="limit"),
        "turned": figure(text, "transitions_total", check="monitor", verdict="fail"),
    } == {
        "up": 1,
        "info": 1,
        "started": EARLY,
        "lag": 0.002,
        "sweep": 0.12,
        "since": EARLY,
        "age": whole.AGE_S,
        "db": 0.0125,
        "queue": 0.005,
        "messages": 0.05,
        "dify": 0.041,
        "fails": 5,
        "runs": 72,
        "last": EARLY,
        "next": LATE,
        "took": 2.5,
        "seq": 4182,
        "subscribers": 0,
        "frames": 0,
        "refused": 0,
        "turned": 0,
    }
    memory = samples(text)["process_resident_memory_bytes", frozenset()]
    assert 1e7 < memory < 1e9


LATE = 1_780_000_000.0 - whole.AGE_S
EARLY = LATE - 86 * 60 - 30


def prometheus_version() -> str:
    from monitor import __version__

    return __version__


async def test_states(show):
    """Of each state set exactly one is 1: the verdict that stands in the document."""
    window = await show()
    _, text = await scrape(window)
    document = window.hub.document
    services = {f"services/{name}": entry for name, entry in document["services"].items()}
    sections = {name: document[name] for name in ("cron", "monitor")}
    sets = {
        ("check_status", "check"): {**document["checks"], **services, **sections},
        ("cron_job_status", "cron_job"): document["cron"]["jobs"],
        ("setting_status", "setting"): document["settings"],
    }
    for (name, label), entries in sets.items():
        assert entries
        for key, entry in entries.items():
            for verdict in ("ok", "warn", "fail", "unknown"):
                assert figure(text, name, **{label: key, "verdict": verdict}) == (entry["verdict"] == verdict)
    assert [figure(text, "status", status=one) for one in ("healthy", "degraded", "unknown")] == [0, 1, 0]


@pytest.mark.parametrize("verdict", ["unknown", "fail"])
async def test_no_old_numbers(show, verdict):
    """What cannot be seen, or does not answer, has a verdict and no numbers: an old one is not one of now."""
    checks = {name: {**entry, "verdict": verdict} for name, entry in whole.CHECKS.items()}
    services = {"dify": {**whole.SERVICES["dify"], "verdict": verdict}}
    cron = {**whole.DOCUMENT["cron"], "verdict": verdict, "reason": "unknown.blocked_by"}
    monitor = {key: value for key, value in whole.MONITOR.items() if key not in {"loop", "sweep", "notify_queue_pct"}}
    _, text = await scrape(await show(checks=checks, services=services, cron=cron, monitor=monitor))
    gone = ["database_latency_seconds", "loop_lag_seconds", "sweep_duration_seconds"]
    assert [figure(text, name) for name in gone] == [None] * 3
    assert figure(text, "service_latency_seconds", service="dify") is None
    assert figure(text, "check_status", check="db", verdict=verdict) == 1
    unseen = verdict == "unknown"
    assert figure(text, "cron_job_status", cron_job="follow_up", verdict="unknown") == unseen
    assert figure(text, "cron_job_status", cron_job="follow_up", verdict="warn") == (not unseen)
    assert figure(text, "cron_job_failed_runs_24h", cron_job="follow_up") == (None if unseen else 5)
    assert figure(text, "messages_per_second") == (None if unseen else 0.05)
    # A failing database may well tell its queue; what stands in its detail is used when the monitor does not say.
    assert figure(text, "notify_queue_ratio") == (None if unseen else 0.0025)


async def test_switched_off(show):
    """A job that is switched off does not make its neighbours unseen."""
    cron = {**whole.DOCUMENT["cron"], "verdict": "unknown", "reason": "unknown.disabled"}
    _, text = await scrape(await show(cron=cron))
    assert figure(text, "cron_job_failed_runs_24h", cron_job="follow_up") == 5
    assert figure(text, "cron_job_status", cron_job="nightly_sync", verdict="unknown") == 1


async def test_bare(stage):
    """Right after the start, with nothing observed, there is a scrape all the same."""
    _, text = await scrape(stage)
    assert figure(text, "up") == 0
    assert figure(text, "check_status", check="db", verdict="unknown") == 1
    assert figure(text, "database_latency_seconds") is None
    assert figure(text, "check_evidence_age_seconds", check="db") is None
    stage.observe(7.0)
    stage.clock.advance(2.5)
    _, text = await scrape(stage)
    assert (figure(text, "up"), figure(text, "database_latency_seconds")) == (1, 0.007)
    assert figure(text, "check_evidence_age_seconds", check="db") == 2.5
    assert figure(text, "transitions_total", check="db", verdict="ok") == 1
    assert figure(text, "transitions_total", check="db", verdict="fail") == 0
    assert figure(text, "document_seq") == stage.board.seq


async def test_a_clock_that_steps_back(stage):
    """Evidence is never younger than now, whatever the wall clock does."""
    stage.observe()
    stage.clock.wall -= 3600
    _, text = await scrape(stage)
    assert figure(text, "check_evidence_age_seconds", check="db") == 0


async def test_stream(stage):
    """Who follows, what was sent, and who was turned away is counted."""
    async with stage.connect() as socket:
        for _ in range(2):
            await heard(socket)
        stage.fire(3)
        for _ in range(3):
            await heard(socket)
        _, text = await scrape(stage)
        assert figure(text, "subscribers") == 1
        assert figure(text, "frames_sent_total") >= 5
        assert await stage.get("api/v1/stream") is not None
    _, text = await scrape(stage)
    assert figure(text, "subscribers_refused_total", why="protocol") == 1
    assert figure(text, "subscribers_refused_total", why="slow_reader") == 0


async def test_weather(stage):
    """Whatever happens to the platform, there is a scrape, well-formed, in which each state set has one state."""
    chance = random.Random(1)
    registry = prometheus_client.CollectorRegistry()
    registry.register(Figures(stage.hub, stage.clock))
    for _ in range(100):
        stage.clock.advance(chance.choice([0, 0.2, 5, 40]))
        stage.tell(weather(stage.clock.now(), chance))
        text = prometheus_client.generate_latest(registry).decode()
        states = Counter(
            labels - {("verdict", dict(labels)["verdict"])}
            for (name, labels), value in samples(text).items()
            if name.endswith("_status") and "verdict" in dict(labels) and value == 1
        )
        assert set(states.values()) == {1}
        assert {"db", "cron", "monitor", "services/dify"} <= {dict(one).get("check") for one in states}


# What they never say.


async def test_bounded(show):
    """Labels are names of the configuration; words of the platform and names of people are in no figure."""
    _, text = await scrape(await show())
    for word in ("Sari", "Budi", "rate limit", "9f1c", "claude", "127.0.0.1", ".env"):
        assert word not in text
    labels = {label for one in read_text(text) for sample in one.samples for label in sample.labels}
    own = {"check", "cron_job", "platform", "reason", "service", "setting", "status", "verdict", "version", "why"}
    assert labels == own
    assert len(samples(text)) < 250


async def test_nothing_global(show):
    """Two monitors in one process know nothing of each other, and the library's own registry nothing of them."""
    one, other = await show(), await show(platform="second")
    one.hub.counts.turn_away("limit")
    _, text = await scrape(other)
    assert figure(text, "subscribers_refused_total", why="limit") == 0
    assert 'platform="second"' in text
    assert b"huph_monitor" not in prometheus_client.generate_latest()


def test_names_are_escaped():
    """A name from the configuration cannot break out of its label."""
    name = 'a"} 1\n# x\\'
    services = {name: whole.SERVICES["dify"]}
    hub = Hub({**whole.DOCUMENT, "services": services}, dict, FakeClock())
    registry = prometheus_client.CollectorRegistry()
    registry.register(Figures(hub, FakeClock()))
    text = prometheus_client.generate_latest(registry).decode()
    assert figure(text, "service_latency_seconds", service=name) == 0.041
