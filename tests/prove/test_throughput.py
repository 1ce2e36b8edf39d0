"""The rule of what is usual, replayed over months of a platform on paper: how often it is wrong, and how soon right."""

from __future__ import annotations

import statistics

import pytest

from monitor.domain.checks.message_throughput import MessageThroughput
from tests import simulator
from tests.simulator import DAY, HOUR, MONDAY, SENDERS, WEEK, ZONE, Replay

pytestmark = [pytest.mark.prove, pytest.mark.timeout(2400)]
SEEDS = range(5)
LEARNED, WATCHED = 8, 8
"""Weeks of history, and weeks that are watched after it."""
TEN = 10 * HOUR
SOUGHT = {"message_throughput.drop", "message_throughput.spike"}


def replay(said) -> Replay:
    one = Replay(MessageThroughput(senders=SENDERS, zone=ZONE), said, sweep_s=60.0)
    one.history(MONDAY + LEARNED * WEEK)
    return one


def alarms(said, begin, end):
    return [(now, code, params) for now, code, params in replay(said).watch(begin, end) if code in SOUGHT]


def found_after(said, begin, code, within=4 * HOUR):
    """Give the seconds after which the rule speaks, None when it does not within four hours."""
    start = MONDAY + LEARNED * WEEK
    one = replay([line for line in said if line[0] < begin + within])
    hits = (now - begin for now, told, _ in one.watch(max(start, begin - HOUR), begin + within) if told == code)
    return next((after for after in hits if after >= 0), None)


@pytest.mark.parametrize(("floor", "most"), [(False, 0.3), (True, 0.5)])
def test_false_alarms(floor, most):
    """Where nothing is wrong it speaks less than 0.3 times a week; where somebody always writes, 0.5."""
    begin = MONDAY + LEARNED * WEEK
    counts = []
    for seed in SEEDS:
        said = simulator.talk(seed, LEARNED + WATCHED, floor=floor)
        wrong = alarms(said, begin, begin + WATCHED * WEEK)
        counts.append(len(wrong) / WATCHED)
        print(f"floor {floor}, seed {seed}: {counts[-1]:.2f} a week", [(code, params) for _, code, params in wrong])
    print(f"floor {floor}: {statistics.mean(counts):.3f} false alarms a week")
    assert statistics.mean(counts) < most


def test_dead_bot_in_the_morning():
    """A bot that dies at ten is found within 15 minutes, though users write on; a platform that falls silent, later."""
    after = {"bot": [], "everybody": []}
    for seed in SEEDS:
        said = simulator.talk(seed, LEARNED + 1)
        for day in range(5):
            begin = MONDAY + LEARNED * WEEK + day * DAY + TEN
            end = begin + 4 * HOUR
            after["bot"].append(
                found_after(simulator.without(said, begin, end, "bot"), begin, "message_throughput.drop")
            )
            after["everybody"].append(
                found_after(simulator.without(said, begin, end, *SENDERS), begin, "message_throughput.drop")
            )
    for who, seconds in after.items():
        told = sorted(one / 60 for one in seconds if one is not None)
        in_time = sum(one <= 15 for one in told)
        print(
            f"{who} silent at 10:00: found {len(told)} of {len(seconds)}, {in_time} within 15 min,"
            f" median {statistics.median(told):.1f} min, worst {told[-1]:.1f} min"
        )
        assert len(told) == len(seconds)
    soon = [one for one in after["bot"] if one is not None and one <= 15 * 60]
    assert len(soon) >= 0.8 * len(after["bot"])


def test_night_loop():
    """A loop of twenty messages a minute at two in the night is found within 5 minutes."""
    minutes = []
    for seed in SEEDS:
        said = simulator.talk(seed, LEARNED + 1)
        for day in range(5):
            begin = MONDAY + LEARNED * WEEK + day * DAY + 2 * HOUR
            looping = simulator.loop(said, begin, begin + HOUR, 20, "user", "bot", seed=seed)
            minutes.append(found_after(looping, begin, "message_throughput.spike"))
    assert None not in minutes
    told = sorted(one / 60 for one in minutes if one is not None)
    print(f"night loop of 20/min: median {statistics.median(told):.1f} min, worst {told[-1]:.1f} min")
    assert told[-1] <= 5


def test_what_cannot_be_told():
    """What is too near to chance at this volume is named by the card: so few as that cannot be found, or too late."""
    trebled, doubled, thinned = [], [], []
    for seed in SEEDS:
        said = simulator.talk(seed, LEARNED + 1)
        others = [simulator.talk(100 + seed + n, LEARNED + 1) for n in range(2)]
        begin = MONDAY + LEARNED * WEEK + TEN
        end = begin + 4 * HOUR
        spike, drop = "message_throughput.spike", "message_throughput.drop"
        trebled.append(found_after(simulator.crowded(said, begin, end, *others), begin, spike))
        doubled.append(found_after(simulator.crowded(said, begin, end, others[0]), begin, spike))
        thinned.append(found_after(simulator.thinned(said, begin, end, 0.3, seed), begin, drop))
    for name, seen in (("x3", trebled), ("x2", doubled), ("-70 %", thinned)):
        told = sorted(one / 60 for one in seen if one is not None)
        print(f"{name}: found {len(told)} of {len(seen)} in 4 h, after {[round(one) for one in told]} min")
    one = replay(simulator.talk(0, LEARNED + 1))
    for _ in one.watch(MONDAY + LEARNED * WEEK, MONDAY + LEARNED * WEEK + TEN):
        pass
    usual = one.judgement.detail["usual"]
    assert "drop_to" not in usual["w5"], "at a few messages in five minutes, none at all is no surprise"
    assert all(usual[window]["spike_from"] > usual[window]["usual"] for window in ("w5", "w15", "w60"))
