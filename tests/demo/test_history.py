"""Eight weeks that look lived in, and the filling of a gap."""

import asyncio
import dataclasses
from collections import Counter
from datetime import timedelta

from monitor.demo import history, schema
from monitor.demo.rhythm import PLACE, Rhythm


def test_the_same_seed_tells_the_same_past(rhythm, end, past):
    """The same number and the same end draw the same rows; another number draws others."""
    assert history.draw(rhythm, history.whole(end)) == past
    other = Rhythm(8, rhythm.today)
    assert history.draw(other, history.whole(end)).messages[:100] != past.messages[:100]


def per_minute(messages):
    """Messages a minute of a working day, by hour in Jakarta."""
    at = [row[3].astimezone(PLACE) for row in messages]
    workdays = len({moment.date() for moment in at if moment.weekday() < 5})
    return [Counter(moment.hour for moment in at if moment.weekday() < 5)[hour] / workdays / 60 for hour in range(24)]


def test_it_has_the_shape_of_a_platform(past, end):
    """It is in order of time, busy on working days, less so at weekends, and somebody is awake at any hour."""
    at = [row[3] for row in past.messages]
    assert at == sorted(at)
    assert end - history.SPAN <= at[0]
    assert at[-1] < end
    rates = per_minute(past.messages)
    assert all(2 < rates[hour] < 4 for hour in (23, 0, 1, 2, 3, 4))
    assert all(4 < rates[hour] < 6 for hour in (9, 10, 11, 14, 15))
    by_day = Counter(moment.astimezone(PLACE).weekday() for moment in at)
    assert by_day[6] < 0.95 * by_day[1]


def test_without_the_floor_the_nights_are_quiet(rhythm, end):
    """About three messages a minute at the peak of a working day, next to none at night, fewer at weekends."""
    drawn = history.draw(dataclasses.replace(rhythm, floor=False), history.whole(end))
    rates = per_minute(drawn.messages)
    assert 2.0 < max(rates) < 4.0
    assert sum(rates[hour] for hour in (23, 0, 1, 2, 3, 4)) < 0.02 * sum(rates)
    by_day = Counter(row[3].astimezone(PLACE).weekday() for row in drawn.messages)
    assert by_day[6] < 0.7 * by_day[1]


def test_people_answer_each_other(past):
    """One in ten conversations is a counselor's, and the counselor hears of it."""
    handlers = Counter(row[3] for row in past.conversations)
    assert 0.08 < handlers["counselor"] / len(past.conversations) < 0.12
    assert Counter(row[1] for row in past.notifications)["takeover"] == handlers["counselor"]
    assert {row[1] for row in past.messages} == {"user", "bot", "counselor"}


def test_jobs_ran_and_seldom_failed(past):
    """Every job has its runs; a failure has a reason and a success has none."""
    assert {row[0] for row in past.cron_runs} == {job.name for job in history.jobs.JOBS}
    failed = [row for row in past.cron_runs if row[1] == "failed"]
    assert 0 < len(failed) < 0.02 * len(past.cron_runs)
    assert all((row[1] == "failed") == bool(row[2]) for row in past.cron_runs)


async def test_it_is_written_silently(huph, past, server):
    """Eight weeks go in, and nobody who listens hears of them."""
    heard = []
    await huph.add_listener("messages", lambda *_: heard.append(1))
    await history.write(huph, past)
    assert await huph.fetchval("select count(*) from messages") == len(past.messages)
    await huph.execute("notify messages, 'own'")
    await asyncio.sleep(0.05)
    assert heard == [1]
    # Its indexes, made after the rows, are those that every start would make.
    before = await huph.fetch("select indexdef from pg_indexes where tablename = 'messages'")
    await schema.create_tables(huph)
    assert await huph.fetch("select indexdef from pg_indexes where tablename = 'messages'") == before
    assert len(before) == 3
    # The next conversation of the platform gets the next number.
    number = await huph.fetchval("insert into conversations (user_id, cluster_id) values (1001, 1) returning id")
    assert number == len(past.conversations) + 1
    orphans = "select count(*) from messages m left join conversations c on c.id = m.conversation_id where c.id is null"
    assert await huph.fetchval(orphans) == 0


async def test_a_gap_is_filled_from_where_it_began(huph, rhythm, end):
    """After a pause of 21 hours, exactly these hours are added: no message and no run of a job twice, none missing."""
    stopped = end - timedelta(hours=21)
    begin = stopped - timedelta(days=1)
    first = history.Gap(begin, stopped, 1, {job.name: begin for job in history.jobs.JOBS})
    await history.write(huph, history.draw(rhythm, first))
    await huph.execute("insert into cron_runs (job, status, started_at) values ('follow_up', 'running', $1)", stopped)

    gap = await history.find_gap(huph, end)
    assert stopped - timedelta(minutes=30) < gap.begin < stopped
    await history.write(huph, history.draw(rhythm, gap))

    assert (
        await huph.fetchval("select count(*) from cron_runs where job = 'follow_up'") == 45 * 3 - 1
    )  # both ends stand on the clock, and neither counts
    assert await huph.fetchval("select count(*) from cron_runs where finished_at is null") == 0
    newest = await huph.fetchval("select max(created_at) from messages")
    assert end - timedelta(minutes=30) < newest < end
    starts = await huph.fetch("select created_at from conversations group by 1 having count(*) > 1")
    assert starts == []


async def test_a_past_of_an_older_law_is_drawn_anew(huph, rhythm, end):
    """What an older release drew is not gone on with: its nights and ours would be two different platforms'."""
    begin = end - timedelta(days=1)
    day = history.Gap(begin, end, 1, {job.name: begin for job in history.jobs.JOBS})
    await history.write(huph, history.draw(rhythm, day))
    assert await history.find_gap(huph, end) != history.whole(end)
    await huph.execute("comment on table messages is null")
    assert await history.find_gap(huph, end) == history.whole(end)
    assert await huph.fetchval("select count(*) from messages") == 0
    await history.write(huph, history.draw(rhythm, day))
