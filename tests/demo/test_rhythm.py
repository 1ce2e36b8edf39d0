"""How people write: the curve of a day and the bursts of a conversation."""

import dataclasses
from datetime import timedelta
from random import Random
from statistics import mean

from monitor.demo.rhythm import PLACE, Rhythm, conversation


def test_conversations_are_bursts():
    """A conversation has about five messages of the user; the bot answers each within 1-8 s, until a counselor does."""
    drawn = [conversation(Random(number)) for number in range(3000)]
    turns = [sum(line.sender == "user" for line in each.lines) for each in drawn]
    assert 4.6 < mean(turns) < 5.4
    assert turns.count(1) > turns.count(5) > turns.count(12)
    assert 0.08 < mean(each.taken_over_after is not None for each in drawn) < 0.12
    for each in drawn:
        assert each.lines[0].after == 0
        assert [line.after for line in each.lines] == sorted(line.after for line in each.lines)
        counselors = [line for line in each.lines if line.sender == "counselor"]
        assert bool(counselors) == (each.taken_over_after is not None)
        assert all(line.after > each.taken_over_after for line in counselors)


def test_a_day_has_a_peak_and_a_night(rhythm, end):
    """At ten it is busy, at two at night hardly anyone writes."""
    night = end - timedelta(hours=8)
    assert rhythm.conversations_per_minute(end) > 50 * rhythm.conversations_per_minute(night)


def test_speed_multiplies(rhythm, end):
    """A faster demo is the same demo with more people."""
    faster = Rhythm(rhythm.seed, rhythm.today, speed=3)
    assert faster.conversations_per_minute(end) == 3 * rhythm.conversations_per_minute(end)


def test_a_span_may_be_cut_anywhere(rhythm, end):
    """Two halves hold what the whole holds: the time that a demo was down is filled as if it had not been."""
    begin, middle = end - timedelta(days=3), end - timedelta(hours=30)
    halves = [*rhythm.starts(begin, middle), *rhythm.starts(middle, end)]
    assert halves == list(rhythm.starts(begin, end))


def test_a_conversation_begins_at_once_where_none_is_under_way(rhythm, end):
    """That is the floor: nobody's silence lasts from one conversation to the next, at any hour of the day."""
    begin = end.astimezone(PLACE).replace(hour=0)
    bare = dataclasses.replace(rhythm, floor=False)
    come = {at for at, _ in bare.starts(begin, end)}
    over = begin
    for at, said in rhythm.starts(begin, end):
        assert at <= over + timedelta(seconds=1e-3)
        assert at in come or at >= over - timedelta(seconds=1e-3)
        over = max(over, at + timedelta(seconds=said.lasts))


def test_the_floor_takes_no_one_away(rhythm, end):
    """Who comes by the rhythm comes at the same instants, whether there is a floor or not."""
    bare = dataclasses.replace(rhythm, floor=False)
    begin = end - timedelta(days=2)
    come = {at for at, _ in bare.starts(begin, end)}
    assert come < {at for at, _ in rhythm.starts(begin, end)}
