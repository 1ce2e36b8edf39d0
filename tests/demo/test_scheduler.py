"""The scheduler and the traffic, lived through in a loop whose time leaps: days in a second, and no database."""

import asyncio
import dataclasses
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo import history, jobs
from monitor.demo.rhythm import PLACE, Rhythm
from monitor.demo.traffic import Traffic
from tests.fakes import LoopClock, leaping


class Ledger:
    """Takes the statements of the traffic as a session of PostgreSQL would, and writes down when they came."""

    def __init__(self, clock):
        self._clock = clock
        self._numbers = 0
        self.messages = []
        self.assigned = []
        self.started = 0
        self.runs = {}

    def now(self):
        return datetime.fromtimestamp(self._clock.now().wall, UTC)

    async def fetchval(self, statement, *values):
        self._numbers += 1
        if "into cron_runs" in statement:
            self.started += 1
            self.runs[self._numbers] = jobs.Run(values[0], self.now(), None, None)
        return self._numbers

    async def execute(self, statement, *values):
        if "into messages" in statement:
            self.messages.append((values[0], values[1], "", self.now()))
        elif "update cluster_assignments" in statement:
            self.assigned.append(values)
        elif "update cron_runs" in statement:
            number, status, error = values
            assert status == ("failed" if error else "success")
            assert re.search(r"finished_at = now\(\)", statement)
            self.runs[number] = dataclasses.replace(self.runs[number], finished_at=self.now(), error=error)
        elif "delete from cron_runs" in statement:
            del self.runs[values[0]]


def live(work, *, speed=1.0):
    """Let a platform live; `work` is given the traffic and the ledger, and says by its end when that is enough."""

    async def main():
        clock = LoopClock()
        rhythm = Rhythm(7, datetime.fromtimestamp(clock.now().wall, PLACE).date(), speed)
        ledger = Ledger(clock)
        traffic = Traffic("", rhythm, clock)
        traffic._plan_arrival()
        traffic._plan_assignment()
        traffic.scheduler.begin(ledger.now())
        living = asyncio.get_running_loop().create_task(traffic._live(ledger), name="traffic")
        begin = ledger.now()
        await work(traffic, ledger)
        living.cancel()
        with pytest.raises(asyncio.CancelledError):
            await living
        return rhythm, ledger, (begin, ledger.now())

    return leaping(main())


def lasting(**span):
    async def work(*_):
        await asyncio.sleep(timedelta(**span).total_seconds())

    return work


@pytest.mark.prove
def test_a_lived_week_is_like_a_drawn_one():
    """By day and by night as many messages come live as were drawn for such hours, within a tenth."""
    rhythm, ledger, (begin, end) = live(lasting(days=7))
    gap = history.Gap(begin, end, 1, dict.fromkeys((job.name for job in jobs.JOBS), end))
    drawn = history.draw(rhythm, gap).messages
    for hours in (range(5), range(9, 16)):
        counts = [sum(row[3].astimezone(PLACE).hour in hours for row in rows) for rows in (ledger.messages, drawn)]
        assert counts[0] == pytest.approx(counts[1], rel=0.1)
    senders = [Counter(row[1] for row in rows) for rows in (ledger.messages, drawn)]
    assert senders[0]["bot"] / senders[0]["user"] == pytest.approx(senders[1]["bot"] / senders[1]["user"], rel=0.05)


def test_a_lived_day_has_the_runs_of_a_drawn_one():
    """The same runs at the same instants with the same ends: what is live today is no other story tomorrow."""
    rhythm, ledger, (begin, end) = live(lasting(days=2))
    drawn = list(jobs.runs_between(dict.fromkeys((job.name for job in jobs.JOBS), begin), end, rhythm.seed))
    lived = [run for run in ledger.runs.values() if run.finished_at]
    assert len(lived) > 200
    drawn.sort(key=lambda run: run.started_at)
    for one, other in zip(lived, drawn, strict=False):
        assert (one.job, one.error) == (other.job, other.error)
        assert abs(one.started_at - other.started_at) < timedelta(seconds=0.01)
        assert abs(one.finished_at - other.finished_at) < timedelta(seconds=0.01)


@pytest.mark.parametrize("before", [timedelta(seconds=1), timedelta(hours=3)])
def test_no_due_falls_between_the_past_and_the_live_traffic(before):
    """What became due while the demo was still starting is started at once, and once, however long that took."""

    async def main():
        clock = LoopClock()
        ledger = Ledger(clock)
        due = jobs.JOBS[0].next_after(ledger.now())
        traffic = Traffic("", Rhythm(7, due.date()), clock)
        traffic._plan_arrival()
        await asyncio.sleep((due - ledger.now()).total_seconds() + 5)
        traffic.scheduler.begin(due - before)
        living = asyncio.get_running_loop().create_task(traffic._live(ledger), name="traffic")
        await asyncio.sleep(60)
        living.cancel()
        return [run.job for run in ledger.runs.values()]

    assert leaping(main()).count("follow_up") == 1


def test_a_stopped_scheduler_starts_nothing_and_makes_up_for_it():
    """While it is stopped no job starts; afterwards each that was missed runs once, at once, and the rhythm goes on."""

    async def work(traffic, ledger):
        await asyncio.sleep(3600)
        traffic.scheduler.stop()
        stopped = len(ledger.runs)
        await asyncio.sleep(3 * 3600)
        assert ledger.started == len(ledger.runs) == stopped
        traffic.scheduler.resume()
        await asyncio.sleep(1)
        missed = [run.job for run in list(ledger.runs.values())[stopped:]]
        assert missed.count("follow_up") == 1
        assert missed.count("embedding_refresh") == 1
        assert len(missed) == len(set(missed))
        await asyncio.sleep(3600)
        assert [run.job for run in list(ledger.runs.values())[stopped:]].count("follow_up") == 4
        assert all(run.finished_at for run in list(ledger.runs.values())[:-2])

    live(work)


def test_a_broken_template_lets_every_run_of_its_job_fail():
    """Those of that job, from then on until it is whole again, and of no other."""

    async def work(traffic, ledger):
        traffic.scheduler.broken_template = "follow_up"
        await asyncio.sleep(4 * 3600)
        broken = list(ledger.runs.values())
        traffic.scheduler.broken_template = None
        await asyncio.sleep(4 * 3600)
        later = list(ledger.runs.values())[len(broken) :]
        says = {run.job: {each.error for each in broken if each.job == run.job} for run in broken}
        assert says["follow_up"] == {jobs.BROKEN_TEMPLATE}
        assert all(jobs.BROKEN_TEMPLATE not in said for name, said in says.items() if name != "follow_up")
        assert jobs.BROKEN_TEMPLATE not in {run.error for run in later}

    live(work)


def test_a_slow_bot_answers_half_a_minute_late():
    """People go on writing, each answer comes 20 to 30 s later than it would have, and none is lost."""

    def delays(ledger, begin, end):
        """How long each question of a span waited: the first of a conversation for its first answer, and so on."""
        said = {}
        for number, sender, _, at in ledger.messages:
            said.setdefault(number, {"user": [], "bot": [], "counselor": []})[sender].append(at)
        pairs = (pair for each in said.values() for pair in zip(each["user"], each["bot"], strict=False))
        return [(answer - question).total_seconds() for question, answer in pairs if begin <= question < end]

    async def work(traffic, ledger):
        await asyncio.sleep(3600)
        middle = ledger.now()
        traffic.slow_bot = True
        await asyncio.sleep(3600)
        end = ledger.now()
        traffic.slow_bot = False
        await asyncio.sleep(3600)
        before = delays(ledger, middle - timedelta(hours=1), middle - timedelta(seconds=10))
        late = delays(ledger, middle, end - timedelta(minutes=1))
        after = delays(ledger, end, ledger.now() - timedelta(seconds=10))
        assert max(*before, *after) <= 8.1
        assert 20 < min(late) <= max(late) <= 38.1
        assert min(len(before), len(late), len(after)) > 50

    live(work)


def test_counselors_are_assigned_anew_now_and_then():
    """Every few minutes, to the cluster that is theirs; a faster demo does it more often."""
    _, ledger, _ = live(lasting(hours=10))
    assert 60 < len(ledger.assigned) < 400
    assert all(counselor - 11 in {2 * (cluster - 1), 2 * (cluster - 1) + 1} for cluster, counselor in ledger.assigned)
    _, faster, _ = live(lasting(hours=1), speed=10)
    assert len(faster.assigned) > len(ledger.assigned) / 2
