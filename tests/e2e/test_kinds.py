"""Every way to break the demo platform, in a real browser: the cause turns its own entry, mending turns it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.daemon import Daemon, Follower
from tests.demo_process import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SWEEP_S = 5
SETTLED = {
    "realtime.relay_unproven",
    "recent_activity.quiet",
    "db.restarted",
    "db.elevated",
    "message_throughput.learning",
}
"""Notes that a healthy demo may carry."""


@dataclass(frozen=True)
class Fault:
    """What a kind must show: the id of its entry on the page, the code, the verdict, and how long that may take (s)."""

    kind: str
    id: str
    code: str
    verdict: str
    within: float
    back: float
    consequences: tuple[str, ...] = ()


SWEEP = SWEEP_S + 2
FAULTS = (
    Fault("drop-trigger", "triggers", "triggers.missing", "fail", SWEEP, SWEEP),
    Fault("disable-trigger", "triggers", "triggers.disabled", "fail", SWEEP, SWEEP),
    # Three messages must be written, settle for ten seconds, and be proven; then one more.
    Fault("mute-trigger", "triggers", "triggers.mute", "fail", 2 * SWEEP + 10 + 240, 2 * SWEEP + 10 + 120),
    # "Twice in ten seconds" is a second look at once; the token is looked at when the broker says no.
    Fault("stop-broker", "realtime", "realtime.broker_down", "fail", 6, 8),
    Fault("refuse-token", "realtime", "realtime.broker_refuses_token", "fail", 3, 8),
    Fault("stop-service", "service-dify", "service.refused", "fail", SWEEP, SWEEP),
    Fault("slow-service", "service-dify", "service.slow", "warn", 3 * SWEEP + 10, 3 * SWEEP),
    Fault("fail-cron", "cron", "cron.failing", "warn", SWEEP, SWEEP),
    Fault("stop-scheduler", "cron", "cron.scheduler_stuck", "warn", SWEEP, SWEEP),
    Fault("remove-flags", "feature_flags", "feature_flags.file_missing", "fail", 4, 3),
    Fault("stale-flags", "feature_flags", "feature_flags.not_applied", "ok", 3, SWEEP + 2),
    Fault("deactivate-counselor", "cluster_coverage", "cluster_coverage.inactive_only", "warn", SWEEP, SWEEP),
    Fault("spike-traffic", "message_throughput", "message_throughput.spike", "warn", 20, 0),
)


@pytest.fixture(scope="module")
async def stage(tmp_path_factory) -> AsyncIterator[tuple[Demo, Daemon, Follower]]:
    """One demo and one daemon for all faults, as `huph-monitor` would run them, but with shorter sweeps."""
    folder: Path = tmp_path_factory.mktemp("kinds")
    demo = await Demo.start()
    daemon = await Daemon.watching(folder, Path(demo.config), limits=f"sweep_s = {SWEEP_S}\nleak_hold_min = 1")
    yield demo, daemon, await daemon.settled()
    await daemon.stop()
    await demo.stop()


def entries(document):
    """Give everything with a verdict, by the id that it has on the page."""
    found = dict(document["checks"])
    found |= {f"service-{name}": entry for name, entry in document["services"].items()}
    return found | {"cron": document["cron"]}


def troubles(document):
    """Give the codes of everything that is not a plain ok or one of the settled notes."""
    codes = {id_: entry.get("reason") for id_, entry in entries(document).items()}
    return {id_: code for id_, code in codes.items() if code is not None and code not in SETTLED}


async def shows(page: Page, id_: str, verdict: str, code: str | None, within: float) -> None:
    found = f'[id="{id_}"][data-verdict="{verdict}"]' + (f'[data-reason="{code}"]' if code else "")
    await page.wait_for_selector(found, timeout=1000 * within)


@pytest.mark.prove
async def test_a_slow_bot_is_seen_in_its_replies(stage):
    """A bot that takes twenty seconds shows in the reply delay, while database and services answer normally."""
    demo, _, follower = stage

    def slowest(document):
        return document["checks"]["message_throughput"]["detail"].get("reply", {}).get("p95_s", 0)

    await demo.break_("slow-bot")
    await follower.until(lambda d: slowest(d) >= 20, 120)
    assert follower.document["checks"]["db"]["verdict"] == "ok"
    await demo.mend("slow-bot")


QUICK = {"stop-broker", "remove-flags", "deactivate-counselor"}
"""These run with every change; the rest, some of which last minutes, in the long form."""


@pytest.mark.parametrize(
    "fault", [pytest.param(one, marks=() if one.kind in QUICK else pytest.mark.prove, id=one.kind) for one in FAULTS]
)
async def test_a_fault_turns_its_own_entry(page, stage, fault):
    """The page shows the catalogue's code on the entry at fault, nothing else turns red, and mending turns it back."""
    demo, daemon, follower = stage
    await follower.until(lambda d: not troubles(d), 90)
    await page.goto(daemon.address)
    await page.wait_for_selector('html[data-link="live"]')
    await demo.break_(fault.kind)
    try:
        await shows(page, fault.id, fault.verdict, fault.code, fault.within)
        others = {id_: code for id_, code in troubles(follower.document).items() if id_ != fault.id}
        red = {id_ for id_ in others if entries(follower.document)[id_]["verdict"] in {"fail", "warn"}}
        assert red <= set(fault.consequences), others
    finally:
        await demo.mend(fault.kind)
    if fault.back:
        await follower.until(lambda d: fault.id not in troubles(d), fault.back)
        await shows(page, fault.id, "ok", None, 1)


@pytest.mark.prove
async def test_a_deaf_broker_is_told_from_a_silent_platform(page, stage):
    """A broker that stays connected and relays nothing is named once two signals in a row did not come."""
    demo, daemon, follower = stage
    await page.goto(daemon.address)
    await demo.break_("deaf-broker")
    await shows(page, "realtime", "fail", "realtime.broker_not_relaying", 75)
    broker = follower.document["checks"]["realtime"]["detail"]["broker"]
    assert broker["state"] == "connected"
    await demo.mend("deaf-broker")
    await follower.until(lambda d: d["checks"]["realtime"]["verdict"] == "ok", 75)


@pytest.mark.prove
async def test_a_mute_trigger_is_proven(stage, tmp_path):
    """An emptied function is seen at once, proven mute by the next messages, and blamed for the channel's silence."""
    demo, _, _ = stage
    limits = f"sweep_s = {SWEEP_S}\nrelay_proof_min = 1\nmute_settle_s = 1"
    daemon = await Daemon.watching(tmp_path, Path(demo.config), limits=limits)
    try:
        follower = await daemon.settled()
        await follower.until(lambda d: d["checks"]["triggers"]["verdict"] == "ok", 30)
        await demo.break_("mute-trigger")
        await follower.reason("triggers", "triggers.redefined", SWEEP)
        await follower.reason("triggers", "triggers.mute", 2 * SWEEP + 1 + 240)
        assert follower.document["checks"]["triggers"]["params"]["trigger"] == "trg_messages_notify"
        await follower.reason("realtime", "unknown.blocked_by", 120)
        assert follower.document["checks"]["realtime"]["params"]["parent"] == "triggers"
        await demo.mend("mute-trigger")
        await follower.until(lambda d: d["checks"]["realtime"]["verdict"] == "ok", 180)
        await follower.reason("triggers", None, 2 * SWEEP + 120)
    finally:
        await daemon.stop()


async def test_a_setting_that_changes_is_shown(page, stage):
    """A setting changed on the platform is on the page within one sweep; one that is not in order is named."""
    import asyncpg

    demo, daemon, follower = stage
    await page.goto(daemon.address)
    owner = await asyncpg.connect(demo.info["dsn"])
    change = "update system_settings set value = $1 where key = 'system.anthropic_model'"
    try:
        await owner.execute(change, "claude-sonnet-5")
        await page.get_by_text("claude-sonnet-5").wait_for(timeout=1000 * SWEEP)
        await owner.execute(change, "gpt-none")
        await follower.until(
            lambda d: d["settings"]["system.anthropic_model"].get("reason") == "settings.invalid", SWEEP
        )
    finally:
        await owner.execute(change, "claude-haiku-4-5-20251001")
        await owner.close()
    await follower.until(lambda d: d["settings"]["system.anthropic_model"]["verdict"] == "ok", SWEEP)
