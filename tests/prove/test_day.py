"""24 hours at speed: the real board watches the healthy demo, raises no false alarm, and does not grow."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.answers import Platform
from tests.replay import Replay
from tests.seen import weight
from tests.test_config import GOOD, read

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]
HOURS, MARKS = 24, (6, 24)
STARTING_S = 60.0
"""Within so many seconds everything is known."""
SHARE = 0.05
BLOCKS = 5_000
"""What the process may hold more at the end than at the mark, in blocks of memory: one for every twenty signals."""
BROKER = '[broker]\nurl = "http://127.0.0.1:3001"\nsecret = "of-the-test"\n'


def is_night(at: datetime) -> bool:
    """Say whether this hour of the platform lies within its quiet hours."""
    return at.hour >= 22 or at.hour < 6


def told(replay: Replay, local: datetime) -> None:
    """Print what a reader would have seen."""
    seen, end = replay.seen, HOURS * 3600
    for (path, code), (often, seconds) in seen.notes(end).items():
        if code == "unknown.starting" and seconds < STARTING_S:
            continue
        print(f"  {path}: {code}, {often} times, {seconds:.0f} s in all")
    print("  patches per hour:", " ".join(f"{seen.patches[hour]}" for hour in range(HOURS)))
    print("  questions per hour:", ", ".join(f"{name} {n / HOURS:.0f}" for name, n in replay.asked.most_common()))
    for name in ("night", "day"):
        hours = [hour for hour in range(HOURS) if is_night(local + timedelta(hours=hour)) == (name == "night")]
        touched = sum((seen.touched[hour] for hour in hours), Counter())
        leaves = sum((seen.leaves[hour] for hour in hours), Counter())
        print(f"  {name}: {sum(seen.patches[hour] for hour in hours) / len(hours):.0f} patches an hour")
        print("   ", ", ".join(f"{key} {n / len(hours):.1f}" for key, n in touched.most_common(16)))
        print("   ", ", ".join(f"{key} {n / len(hours):.1f}" for key, n in leaves.most_common(20)))


@pytest.mark.parametrize(
    ("seed", "start", "floor"),
    [
        (1, "2026-11-25T00:00:00+07:00", True),
        (2, "2026-11-21T10:30:00+07:00", True),
        (3, "2026-11-29T18:07:00+07:00", True),
        (4, "2026-11-23T21:45:00+07:00", False),
    ],
    ids=["wednesday", "saturday", "sunday", "monday, quiet nights"],
)
def test_a_day_of_the_healthy_demo(tmp_path, seed, start, floor):
    """In 24 hours of a healthy platform nothing is ever warn or fail, nor unknown once it is known; memory is flat."""
    local, began = datetime.fromisoformat(start), time.perf_counter()
    config = read(tmp_path, GOOD + BROKER)
    platform = Platform(seed, local.timestamp(), HOURS * 3600, floor=floor)
    replay = Replay(config, platform, seed, local.timestamp(), tmp_path)
    sizes: dict[int, tuple[int, int]] = {}

    def weigh(hour: int) -> None:
        if hour in MARKS:
            gc.collect()
            sizes[hour] = (weight(replay.board), sys.getallocatedblocks())

    replay.run(HOURS, weigh)
    (early, blocks), (late, more) = (sizes[mark] for mark in MARKS)
    took = time.perf_counter() - began
    print(f"seed {seed}, from {start}: {replay.signals} signals, {replay.ticks} of them ticks, in {took:.1f} s")
    print(f"  the board weighs {early / 1e6:.3f} MB at hour {MARKS[0]}, {late / 1e6:.3f} MB at hour {MARKS[1]};")
    print(f"  the process holds {blocks} and {more} blocks")
    told(replay, local)
    assert not replay.seen.troubles
    assert max(replay.seen.unknown_until.values()) <= STARTING_S, replay.seen.unknown_until
    assert abs(late - early) <= SHARE * early
    assert more - blocks <= BLOCKS
