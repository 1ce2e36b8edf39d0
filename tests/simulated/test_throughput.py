"""The rule replayed on a platform on paper: right about a dead bot, a loop and an outage, silent on ordinary days.

The long form, with more seeds and months of watching, is tests/prove/test_throughput.py.
"""

from __future__ import annotations

import statistics
from functools import cache

import pytest

from monitor.domain.checks.message_throughput import MessageThroughput
from tests import simulator
from tests.simulator import DAY, HOUR, MINUTE, MONDAY, SENDERS, WEEK, ZONE, Replay

START = MONDAY + 8 * WEEK
DROP, SPIKE = "message_throughput.drop", "message_throughput.spike"
talk = cache(simulator.talk)


def watched(said, begin, end, **options):
    """Give what the rule says between two instants, after it has learned the eight weeks before."""
    replay = Replay(MessageThroughput(senders=SENDERS, zone=ZONE), said, **options)
    replay.history(begin)
    return list(replay.watch(begin, end))


def minutes_until(code, said, begin, within=2 * HOUR):
    """Give after how many minutes the rule says this code, and of whom."""
    told = watched(said, begin - 5 * MINUTE, begin + within)
    assert all(now >= begin for now, _, _ in told), "it spoke before anything was wrong"
    return next(((now - begin) / MINUTE, params["sender"]) for now, said_code, params in told if said_code == code)


@pytest.mark.prove
@pytest.mark.parametrize(("seed", "floor"), [pytest.param(1, False, marks=pytest.mark.prove), (2, True)])
def test_ordinary_days(seed, floor):
    """Two ordinary days and nights pass without a word."""
    begin = START + 3 * DAY
    assert watched(talk(seed, 9, floor=floor), begin, begin + 2 * DAY, sweep_s=60.0) == []


@pytest.mark.prove
def test_dead_bot():
    """A bot that dies at ten on a working day is named, though users write on; in the median within 15 minutes."""
    found = []
    for seed in (1, 2):
        for day in (0, 2, 4):
            begin = START + day * DAY + 10 * HOUR
            found.append(minutes_until(DROP, simulator.without(talk(seed, 9), begin, begin + DAY, "bot"), begin))
    assert {sender for _, sender in found} == {"bot"}
    assert statistics.median(minutes for minutes, _ in found) <= 15


@pytest.mark.prove
def test_night_loop():
    """A loop of twenty messages a minute in the night is found within five minutes."""
    for seed, day in ((1, 1), (2, 6), (3, 3)):
        begin = START + day * DAY + 2 * HOUR
        looped = simulator.loop(talk(seed, 9), begin, begin + HOUR, 20, "user", "bot")
        minutes, sender = minutes_until(SPIKE, looped, begin, HOUR)
        assert minutes <= 5
        assert sender == "all"


@pytest.mark.prove
def test_outage():
    """Where somebody always writes, silence is found within ten minutes; elsewhere it takes longer, and is found."""
    begin = START + DAY + 10 * HOUR
    for floor, most in ((True, 10), (False, 90)):
        silent = simulator.without(talk(1, 9, floor=floor), begin, begin + DAY, *SENDERS)
        minutes, sender = minutes_until(DROP, silent, begin)
        assert minutes <= most
        assert sender == "all"


@pytest.mark.prove
def test_over():
    """When the loop ends, the warning leaves ten to twelve minutes later, though the last hour still holds it."""
    begin = START + DAY + 10 * HOUR
    looped = simulator.loop(talk(2, 9), begin, begin + 10 * MINUTE, 240, "user", "bot")
    replay = Replay(MessageThroughput(senders=SENDERS, zone=ZONE), looped)
    replay.history(begin - 5 * MINUTE)
    last = None
    for now in replay.looks(begin, begin + 40 * MINUTE):
        last = now if SPIKE in {reason.code for reason in replay.judgement.reasons} else last
    assert 9 * MINUTE < last - begin - 10 * MINUTE <= 12 * MINUTE
