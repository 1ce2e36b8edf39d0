"""One watched thing: whom it listens to, when it changes by itself, and when it flaps."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.db import Db
from monitor.domain.probing import Probe
from monitor.domain.signal import Tick
from monitor.domain.verdict import Judgement, Reason, Verdict
from monitor.domain.watch import CALM, FLAP_S, FLAPS, Watch
from tests.domain.build import NOON, at, pulse


class Quiet:
    """A check that takes anything, says nothing, and never changes by itself."""

    name, section, ttl_s = "dify", "services", 65
    takes, evidence, limits = (Probe, int), (Probe,), {}

    def begin(self, _):
        return Judgement(None)

    def judge(self, *_):
        return Judgement(None)


def watch(check=None):
    check = check or Quiet()
    return Watch(check, check.begin(at(0)), since=NOON)


def flip(one, seconds):
    turned = Verdict.OK if one.verdict is not Verdict.OK else Verdict.WARN
    one.flip(turned, at(seconds).wall, at(seconds).mono)


@pytest.mark.parametrize(
    ("section", "name", "key"),
    [("checks", "db", "db"), ("cron", "cron", "cron"), ("services", "dify", "services/dify")],
)
def test_key(section, name, key):
    """Every watched thing has one name of its own, whatever its section."""
    check = Quiet()
    check.section, check.name = section, name
    assert watch(check).key == key


def test_concerns():
    """A service hears of its own probes only; a check of the seven hears of all that it takes."""
    one = watch()
    assert one.concerns(Probe("dify", "answered", "x"))
    assert not one.concerns(Probe("valkey", "answered", "x"))
    assert one.concerns(7)
    assert not one.concerns("text")
    assert watch(Db()).concerns(Probe("valkey", "answered", "x"))
    assert watch(Db()).concerns(pulse())


def test_flapping():
    """Four changes within ten minutes are flapping; three, or four within more, are not."""
    one = watch()
    for second in (0, 100, 200):
        flip(one, second)
    assert not one.flapping
    flip(one, 599.9)
    assert one.flapping
    assert one.flags() == {"flapping": True}
    slow = watch()
    for second in (0, 300, 601, 902):
        flip(slow, second)
    assert not slow.flapping


def test_a_hidden_child_does_not_flap():
    """Being hidden by its parent and shown again, however often, is no flapping of the child's own."""
    one = watch()
    for second in range(8):
        one.reason = Reason("unknown.blocked_by", Verdict.UNKNOWN) if second % 2 == 0 else None
        one.flip(Verdict.UNKNOWN if second % 2 == 0 else Verdict.OK, at(second).wall, at(second).mono)
    assert not one.flapping
    for second in range(8, 12):
        flip(one, second)
    assert one.flapping


def test_calm_again():
    """Flapping ends by itself, at the second at which fewer than two changes are left in the ten minutes."""
    one = watch()
    assert one.deadline() == math.inf
    for second in range(FLAPS):
        flip(one, second)
    end = one.deadline()
    assert end == pytest.approx(at(FLAPS - CALM + FLAP_S).mono, abs=0.01)
    early, late = at(end - at(0).mono - 0.1), at(end - at(0).mono)
    one.take(Tick(early), Tick(early))
    assert one.flapping
    one.take(Tick(late), Tick(late))
    assert not one.flapping
    assert one.deadline() == math.inf
