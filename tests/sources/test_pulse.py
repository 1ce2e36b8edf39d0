"""The pulse: old sessions and new ones are told apart in every pair of fates, one beat at a time, never busily."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest

from monitor.clock import SystemClock
from monitor.database import Session, Target
from monitor.domain.connection import Opening
from monitor.sources.pulse import REST_S, DatabasePulse, Rhythm
from tests.fakes import FakeClock, Recorder

BRISK = Rhythm(sample_s=0.01, sweep_s=30, query_timeout_s=2, connect_timeout_s=2)
CALM = Rhythm(sample_s=30, sweep_s=60, query_timeout_s=2, connect_timeout_s=2)
QUICK_TO_JUDGE = Rhythm(sample_s=30, sweep_s=60, query_timeout_s=0.1, connect_timeout_s=2)


class Beating:
    """A pulse that beats, and what it has emitted."""

    def __init__(self, target, sessions, rhythm, clock=None, **more):
        self.said = Recorder()
        self.pulse = DatabasePulse(target, sessions, rhythm, clock or SystemClock(), self.said, **more)

    async def beats(self, count):
        async with asyncio.timeout(10):
            return [sample.facts for sample in await self.said.until(count)]

    @property
    def waits(self):
        """Give the seconds from each beat to the next."""
        return [after.at.mono - before.at.mono for before, after in pairwise(self.said.seen)]


@asynccontextmanager
async def beating(target, sessions, rhythm, clock=None, **more):
    """Let a pulse beat meanwhile."""
    one = Beating(target, sessions, rhythm, clock, **more)
    task = asyncio.get_running_loop().create_task(one.pulse.run())
    try:
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def held(platform):
    """Give two held sessions, both open."""
    pair = [Session(Target.of(platform.monitor_dsn), name, 5) for name in ("first", "second")]
    for session in pair:
        await session.ask("select 1", timeout=5)
    yield pair
    for session in pair:
        session.drop()


@pytest.fixture
def target(platform):
    return Target.of(platform.monitor_dsn)


async def until(truth, within=5):
    """Wait until it is true."""
    async with asyncio.timeout(within):
        while not await truth():
            await asyncio.sleep(0.005)


async def asleep(platform, count):
    """Wait until so many questions have begun to take their time."""

    async def begun():
        return count == await platform.connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
        )

    await until(begun)


async def end(platform, *purposes):
    """End sessions as an administrator does, all at once."""
    await platform.connection.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = any($1)",
        [f"huph-monitor {purpose}" for purpose in purposes],
    )


@asynccontextmanager
async def occupied(platform, sessions, seconds=1.5):
    """Let each of these sessions be amid a long question."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(one.ask("select pg_sleep($1)", seconds, timeout=5)) for one in sessions]
    await asleep(platform, len(tasks))
    try:
        yield
    finally:
        for one in sessions:
            one.drop()
        await asyncio.gather(*tasks, return_exceptions=True)


# Doors: each gives the address of something that is no open door to a session


@asynccontextmanager
async def closed_port(_):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"postgresql://m@127.0.0.1:{one.getsockname()[1]}/huph"


@asynccontextmanager
async def backlog_full(_):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield f"postgresql://m@127.0.0.1:{full.getsockname()[1]}/huph"
        for one in waiting:
            one.close()


@asynccontextmanager
async def says_nothing(_):
    async def mute(reader, writer):
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    yield f"postgresql://m@127.0.0.1:{server.sockets[0].getsockname()[1]}/huph"
    server.close()


@asynccontextmanager
async def hangs_up(_):
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield f"postgresql://m@127.0.0.1:{server.sockets[0].getsockname()[1]}/huph"
    server.close()


@asynccontextmanager
async def no_such_name(_):
    yield "postgresql://m@db..example/huph"


@asynccontextmanager
async def no_such_role(platform):
    yield platform.postgres.dsn(platform.database, "nobody")


@asynccontextmanager
async def no_such_database(platform):
    yield platform.postgres.dsn("nowhere", "huph_monitor")


@asynccontextmanager
async def no_connection_left(platform):
    role = f"full_{platform.database}"
    await platform.connection.execute(f"create role {role} login connection limit 0")
    yield platform.postgres.dsn(platform.database, role)
    await platform.connection.execute(f"drop role {role}")


DOORS = [
    (backlog_full, Opening("no_tcp")),
    (closed_port, Opening("refused")),
    (says_nothing, Opening("silent")),
    (hangs_up, Opening("reset")),
    (no_such_name, Opening("unresolved")),
    (no_such_role, Opening("login_refused", sqlstate="28000")),
    (no_such_database, Opening("login_refused", sqlstate="3D000")),
    (no_connection_left, Opening("too_many", sqlstate="53300")),
]
SOON = Rhythm(sample_s=30, sweep_s=60, query_timeout_s=2, connect_timeout_s=0.2)


# The table: what old sessions do, what new ones do


async def test_all_is_well(platform, held, target):
    """Old sessions answer and a new one opens: both are measured, with who asks and where."""
    async with beating(target, held, CALM) as one:
        (beat,) = await one.beats(1)
    assert (beat.target, beat.role) == (target.label, "huph_monitor")
    assert 0 <= beat.answer.server_ms <= beat.answer.latency_ms < 2000
    started = await platform.connection.fetchval("select date_part('epoch', pg_postmaster_start_time())")
    assert beat.answer.started_at == started
    assert beat.opening.outcome == "opened"
    assert 0 < beat.opening.connect_ms < 2000
    assert (beat.ended_by, beat.lost) == (frozenset(), False)
    assert (beat.answer.stalled, beat.answer.read_only) == (False, False)


@pytest.mark.parametrize(("lags", "stalled"), [([0.0], False), ([9.0, 0.0], False), ([9.0, 9.0], True)])
async def test_our_own_loop(held, target, lags, stalled):
    """An answer that is more than half our own loop's lag is asked for once more; a second one says so of itself."""
    left = list(lags)
    async with beating(target, held, CALM, lag_since=lambda _: left.pop(0)) as one:
        (beat,) = await one.beats(1)
    assert beat.answer.stalled is stalled
    assert left == []


async def test_the_wait_for_a_turn(platform, held, target):
    """How long a question of ours had to wait for its turn is told once, apart from the latency."""
    loop = asyncio.get_running_loop()
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        tasks = [loop.create_task(held[0].ask("select pg_sleep(0.3)"))]
        await asleep(platform, 1)
        tasks.append(loop.create_task(held[0].ask("select 1")))
        await asyncio.gather(*tasks)
        one.pulse.wake()
        _, late = await one.beats(2)
        one.pulse.wake()
        *_, calm = await one.beats(3)
    assert 200 < late.answer.wait_ms < 2000
    assert late.answer.latency_ms < 200
    assert calm.answer.wait_ms < 100


async def test_old_yes_new_no(platform, held):
    """While old sessions answer, a new one that fails is told with its cause, and takes nothing from the answer."""
    for door, opening in DOORS:
        async with door(platform) as dsn, beating(Target.of(dsn), held, SOON) as one:
            (beat,) = await one.beats(1)
        assert beat.answer is not None, door
        assert (beat.opening, beat.lost) == (opening, False), door
        assert all(session.opened == 1 and session.alive for session in held), door


async def test_old_no_new_no(platform):
    """Where nothing answers and nothing opens, the cause of the opening is all that is known."""
    for door, opening in DOORS[1:]:
        async with door(platform) as dsn:
            target = Target.of(dsn)
            sessions = [Session(target, name, 0.2) for name in ("first", "second")]
            async with beating(target, sessions, SOON) as one:
                (beat, *_) = await one.beats(1)
        assert (beat.answer, beat.opening, beat.lost) == (None, opening, False), door
        assert not any(session.alive for session in sessions), door


async def test_old_hang_new_opens(held, target):
    """Sessions that do not answer while a new one does are given up as lost: it was the sessions."""
    pids = [(await session.ask("select pg_backend_pid()", timeout=5))[0][0][0] for session in held]
    rhythm = Rhythm(sample_s=30, sweep_s=60, query_timeout_s=0.5, connect_timeout_s=2)
    async with beating(target, held, rhythm) as one:
        await one.beats(1)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            one.pulse.wake()
            _, beat = await one.beats(2)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
    assert beat.answer is not None
    assert beat.opening.outcome == "opened"
    assert beat.lost
    assert not any(session.alive for session in held)


async def test_all_are_busy(platform, held, target):
    """Sessions amid long questions are not waited for: a new one answers for the database, and nothing is lost."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        async with occupied(platform, held, 5):
            one.pulse.wake()
            _, beat = await one.beats(2)
            assert all(session.alive and session.opened == 1 for session in held)
    assert beat.answer is not None
    assert beat.opening.outcome == "opened"
    assert not beat.lost


@pytest.mark.parametrize(("door", "opening"), DOORS[1:4], ids=lambda one: getattr(one, "__name__", ""))
async def test_old_hang_new_no(platform, held, door, opening):
    """Where old sessions hang and no new one opens, there is no answer."""
    rhythm = Rhythm(sample_s=30, sweep_s=60, query_timeout_s=0.05, connect_timeout_s=0.2)
    async with door(platform) as dsn, occupied(platform, held), beating(Target.of(dsn), held, rhythm) as one:
        (beat, *_) = await one.beats(1)
        assert not any(session.alive for session in held)
    assert (beat.answer, beat.opening) == (None, opening)


async def test_one_of_two_hangs(held, target):
    """After a miss another old session and a new one are asked at the same time: if they answer, nothing is down."""
    rows, _ = await held[0].ask("select pg_backend_pid()", timeout=5)
    os.kill(rows[0][0], signal.SIGSTOP)
    try:
        async with beating(target, held, QUICK_TO_JUDGE) as one:
            (beat,) = await one.beats(1)
    finally:
        os.kill(rows[0][0], signal.SIGCONT)
    assert beat.answer is not None
    assert beat.opening.outcome == "opened"
    assert not beat.lost
    assert [session.alive for session in held] == [False, True]


async def test_one_of_two_is_busy(platform, held, target):
    """A session amid a long question is let alone: the free one is asked, and the pulse waits for nobody."""
    async with occupied(platform, held[:1]), beating(target, held, QUICK_TO_JUDGE) as one:
        (beat,) = await one.beats(1)
        assert beat.answer is not None
        assert beat.answer.latency_ms < 500
        assert held[0].alive


async def test_one_of_two_is_ended(platform, held, target):
    """One session that was ended is no loss of them all."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        await end(platform, "first")
        one.pulse.wake()
        _, beat = await one.beats(2)
    assert beat.answer is not None
    assert not beat.lost


async def test_all_are_ended(platform, held, target):
    """When every old session was ended at once and new ones open, the answer is there and says that they were lost."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        await end(platform, "first", "second")

        async def gone():
            return not any(session.alive for session in held)

        await until(gone)
        one.pulse.wake()
        _, beat = await one.beats(2)
        one.pulse.wake()
        *_, after = await one.beats(3)
    assert (beat.answer is not None, beat.lost) == (True, True)
    assert (after.answer is not None, after.lost) == (True, False)


async def test_all_are_ended_amid_questions(platform, held, target):
    """Sessions that were ended amid questions of others are lost too, though the pulse saw none of its own fail."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        async with occupied(platform, held):
            await end(platform, "first", "second")

            async def gone():
                return not any(session.alive for session in held)

            await until(gone)
            one.pulse.wake()
            _, beat = await one.beats(2)
    assert beat.answer is not None
    assert beat.lost
    assert beat.ended_by == {"57P01"}


async def test_opened_by_others(platform, held, target):
    """Sessions that somebody else has opened anew before the pulse looked were lost all the same."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        await end(platform, "first", "second")

        async def gone():
            return not any(session.alive for session in held)

        await until(gone)
        for session in held:
            await session.ask("select 1", timeout=5)
        one.pulse.wake()
        _, beat = await one.beats(2)
    assert beat.lost


async def test_ended_by(platform, held, target):
    """The SQLSTATE with which the server ended a session is told once, by the next beat."""
    async with beating(target, held, CALM) as one:
        await one.beats(1)
        async with occupied(platform, held[:1]):
            await end(platform, "first")

            async def said():
                return bool(held[0].ended_by)

            await until(said)
        for _ in range(2):
            one.pulse.wake()
            await one.beats(len(one.said.seen) + 1)
        assert [beat.ended_by for beat in await one.beats(3)] == [frozenset(), {"57P01"}, frozenset()]


# When a new session is tried


async def test_opening_once_a_sweep(held, target):
    """A new session is tried in the first beat, then once a sweep, not at every beat."""
    clock = FakeClock()
    async with beating(target, held, BRISK, clock) as one:
        beats = await one.beats(6)
        clock.advance(29.9)
        beats = await one.beats(len(beats) + 3)
        assert [beat.opening is not None for beat in beats] == [True] + [False] * (len(beats) - 1)
        clock.advance(0.1)
        before = len(one.said.seen)
        beats = await one.beats(before + 3)
    assert [beat.opening is not None for beat in beats[before:]].count(True) == 1


async def test_opening_when_woken(held, target):
    """Woken, it looks at once, at new sessions too, but at most once a second."""
    clock = FakeClock()
    async with beating(target, held, CALM, clock) as one:
        await one.beats(1)
        clock.advance(1)
        began = time.monotonic()
        one.pulse.wake()
        _, beat = await one.beats(2)
        assert time.monotonic() - began < 1
        assert beat.opening.outcome == "opened"
        one.pulse.wake()
        *_, again = await one.beats(3)
        assert again.opening is None


class HastyClock(FakeClock):
    """A clock that goes on by a second whenever it is asked."""

    def now(self):
        self.advance(1)
        return super().now()


async def test_opening_until_it_opens(platform, held):
    """A new session that failed is tried again, at most once a second, until one opens."""
    role = f"late_{platform.database}"
    await platform.connection.execute(f"create role {role} login connection limit 0")
    try:
        target = Target.of(platform.postgres.dsn(platform.database, role))
        async with beating(target, held, BRISK, HastyClock()) as one:
            beats = await one.beats(4)
            assert {beat.opening.outcome for beat in beats} == {"too_many"}
            await platform.connection.execute(f"alter role {role} connection limit 1")
            async with asyncio.timeout(5):
                while beats[-1].opening is not None:
                    beats = await one.beats(len(one.said.seen) + 1)
            await one.beats(len(beats) + 3)
        outcomes = [beat.opening and beat.opening.outcome for beat in await one.beats(1)]
        opened = outcomes.index("opened")
        assert set(outcomes[:opened]) == {"too_many"}
        assert set(outcomes[opened + 1 :]) == {None}
    finally:
        await platform.connection.execute(f"drop role {role}")


async def test_reset_is_tried_again(platform, held):
    """A greeting that is cut off once is no outcome: it is tried again at once."""
    port = platform.postgres.port
    cut = []

    async def pump(reader, writer):
        with suppress(ConnectionError):
            while text := await reader.read(65_536):
                writer.write(text)
        writer.close()

    async def door(reader, writer):
        # asyncpg itself tries once more, without TLS; the first of our two attempts fails wholly.
        if len(cut) < 1:
            text = await reader.read(8)
            writer.write(b"N")
            await reader.read(1)
            cut.append(text)
            writer.close()
            return
        to = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, to[1]))
            group.create_task(pump(to[0], writer))

    server = await asyncio.start_server(door, "127.0.0.1", 0)
    dsn = platform.monitor_dsn.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/")
    async with beating(Target.of(dsn), held, CALM) as one:
        (beat,) = await one.beats(1)
    server.close()
    assert len(cut) == 1
    assert beat.opening.outcome == "opened"


async def test_cut_amid_its_question(platform):
    """A new session that is cut off before it answers is as good as cut off in the handshake: it is not called open."""
    port = platform.postgres.port

    async def pump(reader, writer):
        with suppress(ConnectionError):
            while (text := await reader.read(65_536)) and b"pg_postmaster_start_time" not in text:
                writer.write(text)
        writer.close()

    async def door(reader, writer):
        to = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, to[1]))
            group.create_task(pump(to[0], writer))

    server = await asyncio.start_server(door, "127.0.0.1", 0)
    target = Target.of(platform.monitor_dsn.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/"))
    async with beating(target, [Session(target, "first", 5)], CALM) as one:
        (beat, *_) = await one.beats(1)
    server.close()
    assert (beat.answer, beat.opening) == (None, Opening("reset"))


async def test_probes_are_ended(platform, held, target):
    """The session that proves that one can be opened is ended at once: nothing but the held ones stays."""
    async with beating(target, held, CALM) as one:
        for count in range(1, 6):
            await one.beats(count)
            one.pulse.wake()

        async def none():
            return not await platform.connection.fetchval(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and application_name = 'huph-monitor probe'"
            )

        await until(none)


# How often


async def test_sample(held, target):
    """It beats once a sample, without being asked."""
    rhythm = Rhythm(sample_s=0.1, sweep_s=30, query_timeout_s=2, connect_timeout_s=2)
    async with beating(target, held, rhythm) as one:
        began = time.monotonic()
        await one.beats(5)
        assert time.monotonic() - began >= 0.4


async def test_one_beat_at_a_time(platform, held):
    """However often it is woken, its questions never overlap, and each beat is told once."""

    class Counted(Session):
        now = most = 0

        async def ask(self, sql, *arguments, timeout=None):
            Counted.now += 1
            Counted.most = max(Counted.most, Counted.now)
            try:
                return await super().ask(sql, *arguments, timeout=timeout)
            finally:
                Counted.now -= 1

    session = Counted(Target.of(platform.monitor_dsn), "first", 5)
    await session.open()
    async with beating(session.target, [session], CALM) as one:
        async with asyncio.timeout(10):
            while len(one.said.seen) < 20:
                one.pulse.wake()
                await asyncio.sleep(0)
    assert Counted.most == 1
    assert all(beat.answer is not None for beat in await one.beats(20))
    session.drop()


async def test_no_busy_loop(platform):
    """While the database is down, being woken all the time makes it beat some twenty times a second, not thousands."""
    async with closed_port(platform) as dsn:
        target = Target.of(dsn)
        async with beating(target, [Session(target, "first", 1)], CALM) as one:
            await one.beats(1)
            over = time.monotonic() + 1
            while time.monotonic() < over:
                one.pulse.wake()
                await asyncio.sleep(0.001)
    assert 5 < len(one.said.seen) <= 40


async def test_backs_off(platform):
    """While the database is down it waits longer and longer, so that its beats are few, and a wake is heard at once."""
    async with closed_port(platform) as dsn:
        target = Target.of(dsn)
        async with beating(target, [Session(target, "first", 1)], CALM) as one:
            await one.beats(6)
            one.pulse.wake()
            began = time.monotonic()
            await one.beats(7)
            assert time.monotonic() - began < 0.5
    # The least waits: a fifth of 50 ms, doubled each time, and the rest between two beats.
    assert all(wait >= REST_S + 0.01 * 2**n for n, wait in enumerate(one.waits[:5]))


async def test_begins_anew(platform):
    """An outage after an answer is looked at as quickly as the first was, however long that one lasted."""
    role = f"gone_{platform.database}"
    await platform.connection.execute(f"create role {role} login connection limit 0")
    try:
        target = Target.of(platform.postgres.dsn(platform.database, role))
        session = Session(target, "first", 1)
        async with beating(target, [session], CALM) as one:
            await one.beats(5)
            await platform.connection.execute(f"alter role {role} connection limit 2")
            while (await one.beats(len(one.said.seen) + 1))[-1].answer is None:
                pass
            before = len(one.said.seen)
            await platform.connection.execute(f"alter role {role} connection limit 0")
            session.drop()
            one.pulse.wake()
            beats = await one.beats(before + 4)
        assert {beat.answer for beat in beats[before:]} == {None}
        # Had it not begun anew, each wait would be a fifth of a second at least, and the rest.
        assert min(one.waits[before : before + 3]) < 0.2
    finally:
        await end(platform, "first", "probe")
        await platform.connection.execute(f"drop role {role}")
