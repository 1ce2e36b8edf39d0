"""Deviations: what is found, whose it is, what is no deviation, and how long one lasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.domain.baseline import ALL, ANSWERS, SLOTS, Baseline, Course
from monitor.domain.deviations import Counts, Deviation, Episode, drop, spike
from monitor.domain.scatter import Scatter
from monitor.domain.usual import Usual
from tests.domain.build import JAKARTA
from tests.domain.test_baseline import MONDAY

SENDERS = ("user", "bot", "counselor")
RATES = {ALL: 6.0, "user": 3.0, "bot": 2.7, "counselor": 0.3}
NOW = MONDAY + 5 * 86_400 + 400
TIGHT = (Scatter.assumed(1.2, 0.02, least=1.2),) * 3


def usually(**rates):
    """A platform whose rates are the same at all hours, known for weeks, with counts that scatter little."""
    each = {ALL: sum(rates.values()), **rates}
    empty = Baseline.empty(JAKARTA, SENDERS)
    return replace(
        empty,
        weeks=(9,) * SLOTS,
        days=(9,) * 96,
        courses={name: Course((rate,) * SLOTS, (rate,) * 96) for name, rate in each.items()},
        scatter={**dict.fromkeys(each, TIGHT), ANSWERS: (Scatter.assumed(0.3, 0.005, least=0.3),) * 3},
        asked=1000.0,
        answered=1000.0,
    )


BASELINE = usually(user=3.0, bot=2.7, counselor=0.3)
USUAL = Usual.of(BASELINE, NOW, 1e-4)


def counts(five=None, fifteen=None, sixty=None, **more):
    """The usual counts, but for those given: (user, bot, counselor)."""
    by = {5: five or (15, 14, 1), 15: fifteen or (45, 41, 4), 60: sixty or (180, 162, 18)}
    told = {minutes: dict(zip(SENDERS, each, strict=True)) for minutes, each in by.items()}
    return Counts(NOW, told, **{"newest": NOW - 10, "answered": NOW - 10, "unanswered": 1} | more)


def found(deviation):
    return None if deviation is None else (deviation.count, deviation.minutes, deviation.sender)


def test_usual():
    """What is usual is no deviation."""
    assert spike(USUAL, counts()) is None
    assert drop(BASELINE, USUAL, counts()) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"five": (100, 100, 0)}, (200, 5, "all"), id="two senders"),
        pytest.param({"five": (15, 90, 1)}, (90, 5, "bot"), id="one sender"),
        pytest.param({"five": (15, 14, 20)}, (20, 5, "counselor"), id="one whom the whole does not show"),
        pytest.param({"fifteen": (120, 120, 4)}, (244, 15, "all"), id="for a quarter of an hour"),
        pytest.param({"sixty": (500, 500, 18)}, (1018, 60, "all"), id="for an hour"),
    ],
)
def test_spike(given, expected):
    """The first window that holds too many is told, with the sender whose they are."""
    assert found(spike(USUAL, counts(**given))) == expected


def test_flood_is_over():
    """A flood that is told by its own window counts no more than the usual in the longer ones."""
    start = int(NOW) - 1200
    windows = [(start, "user", 1500), (start, "bot", 1500), (start + 300, "user", 15), (start - 7200, "user", 9000)]
    hour = {"sixty": (1680, 1662, 18), "fifteen": (45, 41, 4)}
    assert found(spike(USUAL, counts(**hour))) == (3360, 60, "all")
    assert spike(USUAL, counts(**hour, windows=windows)) is None
    slow = [(int(NOW) - 300 * number, "user", 45) for number in range(1, 13)]
    assert found(spike(USUAL, counts(sixty=(540, 162, 18), windows=slow))) == (540, 60, "user")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"fifteen": (2, 2, 0)}, (4, 15, "all"), id="a quarter of an hour"),
        pytest.param({"sixty": (40, 40, 0)}, (80, 60, "all"), id="an hour"),
        pytest.param({"newest": NOW - 840, "answered": NOW - 840}, (0, 10, "all"), id="silence"),
        pytest.param({"five": (14, 0, 0)}, (0, 5, "bot"), id="no answers in five minutes"),
        pytest.param({"fifteen": (45, 3, 4)}, (3, 15, "bot"), id="few answers in a quarter of an hour"),
        pytest.param({"unanswered": 9, "answered": NOW - 320}, (0, 5, "bot"), id="no answer since"),
        pytest.param({"unanswered": 70, "answered": 0.0}, (0, 60, "bot"), id="never an answer"),
        pytest.param({"unanswered": 4, "answered": NOW - 320}, None, id="some wait"),
        pytest.param({"newest": 0.0, "answered": 0.0, "unanswered": 0}, None, id="never a message"),
    ],
)
def test_drop(given, expected):
    """What is missing is told: answers to what is asked before anything else."""
    assert found(drop(BASELINE, USUAL, counts(**given))) == expected


def test_drop_of_one():
    """Where one sender's messages are missing and the others go on, it is named; where all are, it is all."""
    talkative = usually(user=5.4, bot=0.5, counselor=0.1)
    usual = Usual.of(talkative, NOW, 1e-4)
    assert found(drop(talkative, usual, counts(sixty=(5, 30, 6)))) == (5, 60, "user")
    assert found(drop(talkative, usual, counts(sixty=(5, 6, 0)))) == (11, 60, "all")


def test_flood_of_questions():
    """A flood of questions is told as a spike, not as a bot that answers few of them."""
    flood = counts(five=(900, 14, 1), fifteen=(930, 41, 4), sixty=(1060, 162, 18), unanswered=40)
    assert drop(BASELINE, USUAL, flood) is None
    assert found(spike(USUAL, flood)) == (900, 5, "user")
    # When it is over, the longer windows still hold it, and the answers are judged by the shorter ones.
    after = counts(fifteen=(930, 41, 4), sixty=(1060, 162, 18))
    assert drop(BASELINE, USUAL, after) is None
    assert found(drop(BASELINE, USUAL, replace(after, by=after.by | {5: {"user": 15}}))) == (0, 5, "bot")


@pytest.mark.parametrize(
    ("blind", "expected"),
    [
        pytest.param((), (4, 15, "all"), id="all seen"),
        pytest.param(((NOW - 5000, NOW - 4000),), (4, 15, "all"), id="blind before"),
        pytest.param(((NOW - 1000, NOW - 870),), (4, 15, "all"), id="blind at its beginning"),
        pytest.param(((NOW - 900, NOW - 60),), None, id="blind for nearly all of it"),
        pytest.param(((NOW - 2000, NOW),), None, id="blind for all of it"),
    ],
)
def test_blind(blind, expected):
    """What could not be seen is not missing."""
    assert found(drop(BASELINE, USUAL, counts(fifteen=(2, 2, 0), blind=blind))) == expected


def test_silence_after_blindness():
    """A silence is reckoned from the moment on at which the database answered again."""
    silent = counts(newest=NOW - 1200, answered=NOW - 1200)
    assert drop(BASELINE, USUAL, silent) is not None
    assert drop(BASELINE, USUAL, replace(silent, blind=((NOW - 1100, NOW - 100),))) is None


def test_silence_of_the_dead():
    """Where nobody ever writes, weeks of silence are usual."""
    dead = usually(user=0.0, bot=0.0, counselor=0.0)
    usual = Usual.of(dead, NOW, 1e-4)
    nothing = counts(
        five=(0, 0, 0), fifteen=(0, 0, 0), sixty=(0, 0, 0), newest=NOW - 9e6, answered=NOW - 9e6, unanswered=0
    )
    assert drop(dead, usual, nothing) is None


def test_one_sender_alone():
    """With one sender nothing is answered, and nothing is expected to be."""
    alone = replace(Baseline.empty(JAKARTA, ("user",)), asked=100.0)
    usual = Usual.of(alone, NOW, 1e-4)
    five = {minutes: {"user": 5} for minutes in (5, 15, 60)}
    assert drop(alone, usual, Counts(NOW, five, newest=NOW, unanswered=60)) is None


def test_episode():
    """A deviation lasts until nothing has been found for a while, and begins its calm anew when it comes back."""
    bad = Deviation(0, 15, 45.04, 6.66)
    episode = Episode.after(None, bad, 900, 10.0, 300)
    assert episode == Episode(bad, 900)
    calm = Episode.after(episode, None, 1800, 20.0, 300)
    assert (calm.calm_at, calm.slot) == (20.0, 900)
    assert Episode.after(calm, None, 1800, 319.9, 300) is calm
    assert Episode.after(calm, None, 1800, 320.0, 300) is None
    assert Episode.after(calm, bad, 1800, 319.9, 300) == Episode(bad, 1800)
    assert Episode.after(None, None, 900, 10.0, 300) is None
    assert episode.params() == {
        "count": 0, "window_min": 15, "slot": "1970-01-01T00:15:00.000Z", "usual": 45, "spread": 6.7, "sender": "all",
    }  # fmt: skip
