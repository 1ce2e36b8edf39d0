"""The sweep: each question in its rhythm and on a hint, never stacked, never dear; what is turned away is a value."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.clock import SystemClock
from monitor.database import Session, Target
from monitor.domain.signal import Sample, Trouble
from monitor.domain.vitals import Round
from monitor.refusals import Turned, Unavailable
from monitor.sources.queries import Query
from monitor.sources.sweep import Pull, Puller, Sweep
from tests.fakes import LoopClock, Recorder, leaping

SWEEP_S = 30.0
REST_S = 0.025


@dataclass(frozen=True)
class Count:
    n: int


@dataclass(frozen=True)
class Other:
    n: int


COUNT = Query("count.sql", "select $1::int8 as n", Count)


class Desk:
    """A session that answers from a list: each answer takes its seconds, or is an error; the last one for ever."""

    def __init__(self, *answers: float | Exception) -> None:
        self._answers: Iterator[float | Exception] = iter(answers)
        self._answer: float | Exception = 0.0
        self._asking = 0
        self.most_asking = 0
        self.asked_at: list[float] = []
        self.arguments: list[tuple[object, ...]] = []
        self.rows: list[dict[str, Any]] = [{"n": 1}]

    async def ask(self, _: str, *arguments: object) -> tuple[list[dict[str, Any]], float]:
        self.asked_at.append(round(asyncio.get_running_loop().time(), 3))
        self.arguments.append(arguments)
        self._answer = answer = next(self._answers, self._answer)
        if isinstance(answer, Turned) and answer.kind == "timeout":
            await asyncio.sleep(2)
        if isinstance(answer, Exception):
            raise answer
        self._asking += 1
        self.most_asking = max(self.most_asking, self._asking)
        await asyncio.sleep(answer)
        self._asking -= 1
        return self.rows, 1000 * answer


@asynccontextmanager
async def running(work):
    """Let this run in a task meanwhile."""
    task = asyncio.get_running_loop().create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rhythm(desk: Desk, lasting: float, *looks: float, **pull: Any) -> list[float]:
    """Run one question for so many seconds, with hints at these; give when it was asked."""

    async def scene() -> None:
        clock, emitted, hinted = LoopClock(), Recorder(), Recorder()
        puller = Puller(Pull("count", COUNT, desk, **{"rest_s": REST_S} | pull), SWEEP_S, clock, emitted, hinted)
        loop = asyncio.get_running_loop()
        for at in looks:
            loop.call_at(at, puller.look)
        async with running(puller):
            await asyncio.sleep(lasting)
        assert desk.most_asking <= 1

    leaping(scene())
    return desk.asked_at


# The rhythm, in a loop whose time leaps


def test_every_sweep():
    """A question is asked at once and then once a sweep."""
    assert rhythm(Desk(), 95) == [0, 30, 60, 90]


def test_every_tenth_sweep():
    """A question whose answer changes slowly is asked in every tenth sweep."""
    assert rhythm(Desk(), 700, every=10) == [0, 300, 600]


def test_a_pace_of_its_own():
    """A question with a pace of its own is asked at that pace, whatever the sweep's."""
    assert rhythm(Desk(), 12, pace_s=5) == [0, 5, 10]


def test_hint():
    """A hint is followed at once, and the sweep begins anew from it."""
    assert rhythm(Desk(), 50, 12.5) == [0, 12.5, 42.5]


def test_hints_while_resting():
    """However many hints come while it rests, exactly one more question follows, when it has rested."""
    assert rhythm(Desk(), 30, 10, *(10 + n / 1000 for n in range(1, 25))) == [0, 10, 10.025]


def test_hints_while_asking():
    """A hint that comes while the question is under way is not lost: it is asked once more, never twice at a time."""
    assert rhythm(Desk(3.0, 0.0), 30, 0.5, 1.0, 2.9) == [0, 3.025]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(1.0, "answered"), (Unavailable(), "lost"), (Turned("timeout", limit="lock"), "turned away")],
)
def test_answer_at_once(answer, outcome):
    """Whoever waits for an answer has the question asked anew, rested or not, and hears how that ended."""
    heard, desk = [], Desk(answer)

    async def scene() -> None:
        puller = Puller(Pull("count", COUNT, desk, 20.0), SWEEP_S, LoopClock(), Recorder(), Recorder())

        async def wait() -> None:
            await asyncio.sleep(10)
            heard.append(await puller.answer())

        async with running(puller), asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(wait())

    leaping(scene())
    # It rests for twenty seconds at least.
    assert (heard, desk.asked_at) == ([outcome] * 2, [0, 10])


def test_flood():
    """Under a flood of hints a quick question is asked once a rest, and not more often."""
    asked = rhythm(Desk(), 1, *(n / 1000 for n in range(1000)))
    assert asked == [round(n * REST_S, 3) for n in range(len(asked))]
    assert len(asked) == 40


def test_dear():
    """A dear question rests twenty times as long as it takes, whatever is hinted at."""
    asked = rhythm(Desk(0.1), 12, *(n / 10 for n in range(120)))
    # The first answer might have been a stumble; from the second on it is what it costs.
    assert asked == [0, 0.125, 2.225, 4.325, 6.425, 8.525, 10.625]


def test_stumble():
    """One slow answer among quick ones does not make it rest."""
    asked = rhythm(Desk(0.0, 1.0, 0.0, 1.0, 0.0), 2.5, *(n / 100 for n in range(250)))
    assert asked[:5] == [0, 0.025, 1.05, 1.075, 2.1]


def test_dearer_than_a_sweep():
    """A question that would have to rest longer than a sweep rests a whole sweep."""
    assert rhythm(Desk(2.0), 130) == [0, 32, 64, 96, 128]


def test_turned_away_rests():
    """A question that ends in a timeout is dear too, and rests for it."""
    turned = Turned("timeout", limit="statement", limit_ms=2000, object="?")
    assert rhythm(Desk(turned), 100, *range(100)) == [0, 2.025, 34.025, 66.025, 98.025]


def test_unavailable_waits():
    """Without a session nothing more is asked until it is told to look, or the next sweep comes."""
    assert rhythm(Desk(Unavailable()), 50, 12.5) == [0, 12.5, 42.5]


def test_not_hinted():
    """A question that is too dear for hints is asked in its sweeps only, but a miss is made up for at the next hint."""
    assert rhythm(Desk(), 70, 0.01, 12.5, hinted=False) == [0, 30, 60]
    assert rhythm(Desk(Unavailable(), 0.0), 50, 12.5, 20, hinted=False) == [0, 12.5, 42.5]
    denied = Turned("permission", object="messages", right="SELECT")
    assert rhythm(Desk(denied, 0.0), 50, 12.5, 20, hinted=False) == [0, 12.5, 42.5]


def test_account():
    """Each sweep tells how long its answers took in all, which took longest, and which are overdue."""

    async def scene() -> list[Round]:
        desks = {"quick": Desk(0.25), "slow": Desk(0.5), "stuck": Desk(200.0)}
        pulls = [Pull(n, Query(f"{n}.sql", "", Count), desk, REST_S) for n, desk in desks.items()]  # type: ignore[arg-type]
        emitted = Recorder()
        async with running(Sweep(pulls, SWEEP_S, LoopClock(), emitted, Recorder())):
            await asyncio.sleep(61)
        return [signal.facts for signal in emitted.seen if isinstance(signal.facts, Round)]

    first, second = leaping(scene())
    assert first.slowest == second.slowest == "stuck"
    assert (round(first.ms), round(second.ms)) == (30_750, 60_750)
    assert (first.skipped, second.skipped) == (1, 1)


def test_arguments():
    """Arguments are made anew for every question."""
    numbers = iter(range(10))
    desk = Desk()
    rhythm(desk, 65, arguments=lambda: (next(numbers), "x"))
    assert desk.arguments == [(0, "x"), (1, "x"), (2, "x")]


def test_look():
    """A hint reaches every question of its check and no other; each runs in a task that bears its name."""

    async def scene() -> None:
        desks = {name: Desk() for name in ("a1", "a2", "b")}
        pulls = [
            Pull(name[0], Query(f"{name}.sql", "", Count), desk, REST_S)  # type: ignore[arg-type]
            for name, desk in desks.items()
        ]
        sweep = Sweep(pulls, SWEEP_S, LoopClock(), Recorder(), Recorder())
        async with running(sweep):
            await asyncio.sleep(1)
            assert {task.get_name() for task in asyncio.all_tasks()} >= {
                "sweep: a1.sql",
                "sweep: a2.sql",
                "sweep: b.sql",
            }
            sweep.look("a")
            sweep.look("nothing")
            await asyncio.sleep(1)
        assert {name: desk.asked_at for name, desk in desks.items()} == {"a1": [0, 1], "a2": [0, 1], "b": [0]}
        assert len(asyncio.all_tasks()) == 1

    leaping(scene())


def test_wishes():
    """What is not asked on a signal is asked when the board wishes it; what is never hinted, not even then."""

    async def scene() -> None:
        desks = {"plain": Desk(), "wished": Desk(), "never": Desk()}
        how: dict[str, Any] = {"plain": {}, "wished": {"on_signal": False}, "never": {"hinted": False}}
        pulls = [Pull("a", COUNT, desk, REST_S, **how[name]) for name, desk in desks.items()]  # type: ignore[arg-type]
        sweep = Sweep(pulls, SWEEP_S, LoopClock(), Recorder(), Recorder())
        async with running(sweep):
            await asyncio.sleep(1)
            sweep.look("a")
            await asyncio.sleep(1)
            sweep.look("a", wished=True)
            await asyncio.sleep(1)
            sweep.look_everywhere()
            await asyncio.sleep(1)
        asked = {name: desk.asked_at for name, desk in desks.items()}
        assert asked == {"plain": [0, 1, 2, 3], "wished": [0, 2, 3], "never": [0]}

    leaping(scene())


def test_one_does_not_wait_for_another():
    """A slow question holds no other up."""

    async def scene() -> None:
        slow, quick = Desk(25.0), Desk()
        pulls = [Pull("slow", COUNT, slow, REST_S), Pull("quick", COUNT, quick, REST_S)]  # type: ignore[arg-type]
        async with running(Sweep(pulls, SWEEP_S, LoopClock(), Recorder(), Recorder())):
            await asyncio.sleep(65)
        assert quick.asked_at == [0, 30, 60]

    leaping(scene())


# What comes of it


def outcome(desk: Desk, times: int = 1, **pull: Any) -> tuple[list[object], list[str], list[Any]]:
    """Ask so often; give the facts that were emitted, the hints, and the log."""
    emitted, hinted = Recorder(), Recorder()

    async def scene() -> None:
        question = Pull("count", COUNT, desk, REST_S, **pull)  # type: ignore[arg-type]
        async with running(Puller(question, SWEEP_S, LoopClock(), emitted, hinted)):
            await asyncio.sleep(SWEEP_S * (times - 0.5))

    with capture_logs() as said:
        leaping(scene())
    assert all(isinstance(sample, Sample) for sample in emitted.seen)
    return [sample.facts for sample in emitted.seen], hinted.seen, said


def test_facts():
    """An answer is a sample of the question's facts."""
    assert outcome(Desk(), 2) == ([Count(1), Count(1)], [], [])


def test_unavailable():
    """Where there is no session, that is the database's own question: it is hinted at, and nothing is said here."""
    assert outcome(Desk(Unavailable(), 0.0), 2) == ([Count(1)], ["db"], [])


def test_trouble():
    """A question that is turned away is trouble each time, and in the log once until it is answered again."""
    away = Turned("permission", object="messages", right="SELECT")
    trouble = Trouble("count", "Count", "permission", {"object": "messages", "right": "SELECT"})
    facts, hinted, said = outcome(Desk(away, away, away, 0.0, away), 5)
    assert facts == [trouble, trouble, trouble, Count(1), trouble]
    assert hinted == []
    line = {"event": "query.turned_away", "log_level": "warning", "query": "count.sql", "kind": "permission"}
    assert said == [line | {"object": "messages", "right": "SELECT"}] * 2


def test_optional():
    """An optional question that is turned away says nothing to its check, and one line to the log."""
    away = Turned("schema", object="pg_stat_statements")
    facts, hinted, said = outcome(Desk(away, away, 0.0), 3, optional=True)
    assert (facts, hinted) == ([Count(1)], [])
    assert [line["event"] for line in said] == ["query.turned_away"]


def test_profile():
    """An answer that does not fit is trouble with the query's name; how to mend it is in the log, once."""
    desk = Desk()
    desk.rows = [{"n": "1"}]
    facts, hinted, said = outcome(desk, 3)
    assert facts == [Trouble("count", "Count", "error", {"where": "count.sql", "code": "profile"})] * 3
    assert hinted == []
    assert [line["error"] for line in said if line["event"] == "query.refused"] == [
        'count.sql: column "n" gives str; cast it to int8.'
    ]
    assert len(said) == 2


# On a real session


@pytest.fixture
async def held(platform):
    session = Session(Target.of(platform.monitor_dsn), "sweep", 5)
    yield session
    session.drop()


async def asked(session, sql, *arguments):
    """Ask once, in earnest; give the facts or the trouble."""
    emitted, hinted = Recorder(), Recorder()
    pull = Pull("count", Query("count.sql", sql, Count), session, 1.0, arguments=lambda: arguments)
    async with asyncio.timeout(5), running(Sweep([pull], SWEEP_S, SystemClock(), emitted, hinted)):
        (sample,) = await emitted.until(1)
    assert hinted.seen == []
    return sample.facts


async def test_real_facts(platform, held):
    """What PostgreSQL answers becomes facts of its types."""
    await platform.write(count=3)
    assert await asked(held, "select count(*) + $1::int8 as n from messages", 39) == Count(42)


TROUBLES = [
    ("select count(body) as n from messages", "permission", {"object": "messages", "right": "SELECT"}),
    ("select count(*) as n from nope", "schema", {"object": "nope"}),
    ("select 1::int8 / 0 as n", "error", {"where": "?", "code": "22012"}),
    ("select 1 as m", "error", {"where": "count.sql", "code": "profile"}),
    ("select 1::int8 as n from generate_series(1, 2)", "error", {"where": "count.sql", "code": "profile"}),
    ("select 'x' as n", "error", {"where": "count.sql", "code": "profile"}),
]


async def test_real_trouble(held):
    """What PostgreSQL refuses, and what does not fit, names the check, the question and the cause."""
    for sql, kind, params in TROUBLES:
        assert await asked(held, sql) == Trouble("count", "Count", kind, params), sql


async def test_real_lock(platform, held):
    """A table that a migration holds is a timeout of the lock."""
    async with platform.connection.transaction():
        await platform.connection.execute("lock table messages in access exclusive mode")
        trouble = await asked(held, "select count(id) as n from messages")
    assert (trouble.kind, trouble.params["limit"]) == ("timeout", "lock")


async def test_real_deadline(held):
    """A question that takes too long is a timeout and does not cost the session: the server gave it up."""
    emitted, hinted = Recorder(), Recorder()
    sql = "select 1::int8 as n from pg_sleep($1)"
    waits = iter([9.0, 0.0])
    pull = Pull("count", Query("count.sql", sql, Count), held, 0.0, arguments=lambda: (next(waits),))
    sweep = Sweep([pull], SWEEP_S, SystemClock(), emitted, hinted)
    async with asyncio.timeout(5), running(sweep):
        (sample,) = await emitted.until(1)
        sweep.look("count")
        _, answered = await emitted.until(2)
    assert (sample.facts.kind, sample.facts.params["limit"]) == ("timeout", "statement")
    assert answered.facts == Count(1)
    assert (held.opened, hinted.seen) == (1, [])
