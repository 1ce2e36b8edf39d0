"""The figures for Prometheus: the document and the counts, read when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, get_args

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from monitor import __version__
from monitor.access.caller import Code
from monitor.clock import Clock
from monitor.domain.verdict import Verdict
from monitor.outputs.counts import REASONS, WHYS
from monitor.outputs.hub import Hub

VERDICTS = [verdict.value for verdict in Verdict]
STATUSES = ("healthy", "degraded", "unknown")
FORMATS = re.compile(r"version=(0\.0\.4|1\.0\.0);")
Labels = Mapping[str, str]
Samples = Iterable[tuple[Labels, object]]


class Metrics:
    """The route, and a registry of its own: nothing of it is global."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Figures(hub, clock))
        ProcessCollector(registry=self._registry)

    async def scrape(self, request: web.Request) -> web.Response:
        """Answer in the text format, or in OpenMetrics for those who ask for it."""
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # the library compares versions that are none
            encode, content_type = choose_encoder("")
        if FORMATS.search(content_type) is None:
            # It would promise any version that it is asked for.
            encode, content_type = choose_encoder("")
        headers = {"Content-Type": content_type, "Cache-Control": "no-store", "Vary": "Accept"}
        return web.Response(body=encode(self._registry), headers=headers)


class Figures:
    """What the hub knows, as metrics. Labels are names of the configuration: never words of the platform."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Give every metric at this moment."""
        document: Mapping[str, Any] = self._hub.document
        yield from self._monitor(document)
        yield from self._checks(document)
        yield from _platform(document)
        yield from _jobs(document.get("cron", {}))
        yield from self._stream(document)

    def _monitor(self, document: Mapping[str, Any]) -> Iterator[Metric]:
        own = document["monitor"]
        yield _gauge("up", "Whether the database has been looked at since the start.", _ready(document))
        yield InfoMetricFamily(
            "huph_monitor", "What is running.", {"version": __version__, "platform": document["platform"]}
        )
        yield _gauge("start_time_seconds", "When the monitor was started, in Unix time.", _unix(own.get("started_at")))
        lag_ms, sweep_ms = own.get("loop", {}).get("lag_ms"), own.get("sweep", {}).get("ms")
        yield _gauge("loop_lag_seconds", "How late the monitor's own event loop is.", _thousandth(lag_ms))
        yield _gauge("sweep_duration_seconds", "How long the last round of questions took.", _thousandth(sweep_ms))

    def _checks(self, document: Mapping[str, Any]) -> Iterator[Metric]:
        entries = _entries(document)
        statuses = (({"status": one}, document["status"] == one) for one in STATUSES)
        yield _gauges("status", "The overall status: 1 for the one that it has.", ["status"], statuses)
        yield _gauges(
            "check_status",
            "The verdict of everything watched: 1 for the one that it has.",
            ["check", "verdict"],
            _states("check", entries),
        )
        since = (({"check": key}, _unix(entry.get("since"))) for key, entry in entries.items())
        yield _gauges(
            "check_since_timestamp_seconds", "Since when the verdict is what it is, in Unix time.", ["check"], since
        )
        now = self._clock.now().wall
        ages = (
            ({"check": key}, max(0.0, now - seen)) for key, at in self._hub.evidence().items() if (seen := _unix(at))
        )
        yield _gauges("check_evidence_age_seconds", "How old the evidence of a verdict is.", ["check"], ages)
        counted = self._hub.counts.transitions
        known = {(key, verdict): 0 for key in entries for verdict in VERDICTS}
        transitions = (({"check": key, "verdict": to}, n) for (key, to), n in {**known, **counted}.items())
        yield _counters("transitions", "How often a verdict turned to this one.", ["check", "verdict"], transitions)

    def _stream(self, document: Mapping[str, Any]) -> Iterator[Metric]:
        counts = self._hub.counts
        yield _gauge("document_seq", "The position of the document in the stream.", document["position"]["seq"])
        yield _gauge("subscribers", "Who follows the stream now.", self._hub.following)
        refused = (({"why": why}, counts.refusals[why]) for why in WHYS)
        yield _counters("subscribers_refused", "Subscribers that were turned away or dropped.", ["why"], refused)
        stopped = (({"why": code}, counts.turned_back[code]) for code in get_args(Code))
        yield _counters("requests_refused", "Requests that the gate refused.", ["why"], stopped)
        yield _counters("frames_sent", "Messages sent to subscribers.", [], [({}, counts.frames)])
        yield _counters(
            "subscribers_resumed", "Subscriptions that went on where they stood.", [], [({}, counts.resumed)]
        )
        snapshots = (({"reason": reason}, counts.snapshots[reason]) for reason in REASONS)
        yield _counters("snapshots_sent", "Whole documents sent to subscribers.", ["reason"], snapshots)


def _platform(document: Mapping[str, Any]) -> Iterator[Metric]:
    db, throughput = document["checks"]["db"], document["checks"].get("message_throughput", {})
    # An old number is not a number of now: what cannot be seen, or does not answer, has none.
    latency = db.get("headline", {}).get("value") if db["verdict"] in {"ok", "warn"} else None
    yield _gauge("database_latency_seconds", "How long the database takes to answer.", _thousandth(latency))
    queue = document["monitor"].get("notify_queue_pct", db["detail"].get("notify_queue_pct")) if _seen(db) else None
    yield _gauge("notify_queue_ratio", "How full the queue of notifications is, from 0 to 1.", _times(queue, 0.01))
    count = throughput.get("detail", {}).get("count_5m") if _seen(throughput) else None
    yield _gauge("messages_per_second", "Messages of the last five minutes, per second.", _times(count, 1 / 300))
    services = document.get("services", {})
    latencies = (
        ({"service": name}, _thousandth(entry.get("headline", {}).get("value")))
        for name, entry in services.items()
        if entry["verdict"] in {"ok", "warn"}
    )
    yield _gauges("service_latency_seconds", "How long a service takes to answer.", ["service"], latencies)
    yield _gauges(
        "setting_status",
        "The verdict of each setting: 1 for the one that it has.",
        ["setting", "verdict"],
        _states("setting", document.get("settings", {})),
    )


def _jobs(cron: Mapping[str, Any]) -> Iterator[Metric]:
    # The label is not "job": that one Prometheus sets itself.
    seen, jobs = _seen(cron), cron.get("jobs", {})
    known = {name: job if seen else {"verdict": "unknown"} for name, job in jobs.items()}
    yield _gauges(
        "cron_job_status",
        "The verdict of each job: 1 for the one that it has.",
        ["cron_job", "verdict"],
        _states("cron_job", known),
    )

    def each(key: str) -> Iterator[tuple[Labels, object]]:
        return (({"cron_job": name}, job.get(key)) for name, job in known.items())

    yield _gauges("cron_job_failed_runs_24h", "Runs of the last 24 hours that failed.", ["cron_job"], each("fails_24h"))
    yield _gauges("cron_job_runs_24h", "Runs of the last 24 hours.", ["cron_job"], each("runs_24h"))
    for key, name, words in (
        ("last_run", "last_run_timestamp_seconds", "When the last run started, in Unix time."),
        ("next_expected", "next_expected_timestamp_seconds", "When the next run is due, in Unix time."),
    ):
        times = ((labels, _unix(at)) for labels, at in each(key))
        yield _gauges(f"cron_job_{name}", words, ["cron_job"], times)
    yield _gauges("cron_job_last_duration_seconds", "How long the last run took.", ["cron_job"], each("last_s"))


def _entries(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give everything that has a verdict of its own, named as its evidence is."""
    services = {f"services/{name}": entry for name, entry in document.get("services", {}).items()}
    sections = {name: document[name] for name in ("cron", "monitor") if "verdict" in document.get(name, {})}
    return {**document["checks"], **services, **sections}


def _ready(document: Mapping[str, Any]) -> bool:
    return "observed_at" in document["checks"]["db"]


def _seen(entry: Mapping[str, Any]) -> bool:
    """Say whether the detail is of now; an entry may also be unknown because one of its parts is switched off."""
    return bool(entry) and (entry["verdict"] != "unknown" or entry.get("reason") == "unknown.disabled")


def _states(label: str, entries: Mapping[str, Mapping[str, Any]]) -> Samples:
    return (
        ({label: name, "verdict": verdict}, entry["verdict"] == verdict)
        for name, entry in entries.items()
        for verdict in VERDICTS
    )


def _gauge(name: str, words: str, value: object) -> Metric:
    return _gauges(name, words, [], [({}, value)])


def _gauges(name: str, words: str, labels: list[str], samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(f"huph_monitor_{name}", words, labels=labels), labels, samples)


def _counters(name: str, words: str, labels: list[str], samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(f"huph_monitor_{name}", words, labels=labels), labels, samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, labels: list[str], samples: Samples) -> Metric:
    for values, value in samples:
        if isinstance(value, int | float):
            family.add_metric([values[label] for label in labels], value)
    return family


def _times(value: object, factor: float) -> float | None:
    return value * factor if isinstance(value, int | float) else None


def _thousandth(ms: object) -> float | None:
    return _times(ms, 0.001)


def _unix(text: object) -> float | None:
    return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
