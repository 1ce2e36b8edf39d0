"""The listener: it listens before anybody counts, proves the way, knows when it is deaf, and comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import time
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import asyncpg
import pytest
from structlog.testing import capture_logs

from monitor.clock import SystemClock
from monitor.database import Session, Target
from monitor.domain.ledger import Changes, Deltas
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import Burst, Event, Gap, Sample
from monitor.sources.canary import TEST_CHANNEL
from monitor.sources.listener import Listener
from monitor.sources.reading import READ_PER_S
from tests.fakes import Recorder
from tests.proxy import PASS, latency, proxied, throttle

CHANNELS = {
    "messages": ("message_throughput", "recent_activity"),
    "conversations": ("recent_activity",),
    "cluster_assignments": (),
}
APPLICATION = "huph-monitor listen"
SIGNAL = '{"x":"700","q":1,"d":[[5,"user",2]]}'


class Kept(Listener):
    """A listener whose connection the test may lay hands on."""

    connection: asyncpg.Connection | None = None
    opened = 0

    async def _open(self):
        opened, word = await super()._open()
        self.connection = opened
        self.opened += opened is not None
        return opened, word


class Scene:
    """A listener that listens, and all that it says, in order: signals, and hints as plain names.

    `then` is told each of them too, at its very moment.
    """

    def __init__(self, dsn, speaker, *, channels, sample_s, deadline_s, then, caught_up=True, deltas=None):
        self.said = Recorder()
        self._then = then
        self.caught_up = caught_up
        self.listener = Kept(
            Target.of(dsn),
            channels,
            speaker,
            sample_s=sample_s,
            connect_timeout_s=2,
            deadline_s=deadline_s,
            deltas=deltas,
            clock=SystemClock(),
            emit=self._hear,
            hint=self._hear,
            catch_up=self._catch_up,
        )

    async def _catch_up(self):
        self._hear("caught up" if self.caught_up else "not caught up")
        return "answered" if self.caught_up else "lost"

    def _hear(self, thing):
        self.said(thing)
        self._then(self.listener, thing)

    def of(self, kind):
        """Give what was said of one kind so far: signals, hints, or the facts of samples."""
        found = [one.facts if isinstance(one, Sample) else one for one in self.said.seen]
        return [one for one in found if isinstance(one, kind)]

    def heard(self):
        """Give every notification as (channel, payload, instant), whether alone or with others; None is unreadable."""
        said = []
        for one in self.said.seen:
            if isinstance(one, Event):
                said.append((one.channel, one.payload if one.readable else None, one.at))
            if isinstance(one, Burst):
                said += [(one.channel, payload, one.at) for payload in one.payloads]
        return said

    async def hears(self, count):
        """Wait until so many notifications were heard; give them."""
        async with asyncio.timeout(10):
            while len(self.heard()) < count:
                await self.said.until(len(self.said.seen) + 1)
        return self.heard()

    async def until(self, kind, count):
        """Wait until so many of one kind were said; give them."""
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                await self.said.until(len(self.said.seen) + 1)
        return self.of(kind)


@asynccontextmanager
async def listening(
    dsn, speaker_dsn=None, *, channels=CHANNELS, sample_s=3600.0, deadline_s=3.0, then=lambda *_: None, deltas=None
):
    """Let a listener listen meanwhile, with a speaker on the same database or on another."""
    speaker = Session(Target.of(speaker_dsn or dsn), "speaker", 2)
    scene = Scene(dsn, speaker, channels=channels, sample_s=sample_s, deadline_s=deadline_s, then=then, deltas=deltas)
    task = asyncio.get_running_loop().create_task(scene.listener.run())
    try:
        yield scene
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        speaker.drop()


class Door:
    """A way to PostgreSQL that can be shut: what comes then is kept, and nothing goes through."""

    def __init__(self, port):
        self.port = port
        self.way = asyncio.Event()
        self.way.set()
        self.dsn = ""

    async def let(self, reader, writer):
        there = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(ConnectionError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.carry(reader, there[1]))
                group.create_task(self.carry(there[0], writer))

    async def carry(self, reader, writer):
        with suppress(ConnectionError):
            while text := await reader.read(65_536):
                await self.way.wait()
                writer.write(text)
        writer.close()


@pytest.fixture
def door_of(platform):
    """Makes a way to the platform's PostgreSQL, of one kind."""

    @asynccontextmanager
    async def make(kind):
        port = platform.postgres.port
        one = kind(port)
        server = await asyncio.start_server(one.let, "127.0.0.1", 0)
        one.dsn = platform.monitor_dsn.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/")
        yield one
        one.way.set()
        server.close()

    return make


@pytest.fixture
async def door(door_of):
    async with door_of(Door) as one:
        yield one


@pytest.fixture
def elsewhere(platform):
    """Give another database of the same server, from which no notification comes."""
    return platform.postgres.dsn("postgres", "huph_monitor")


async def until(truth, within=5):
    """Wait until it is true."""
    async with asyncio.timeout(within):
        while not await truth():
            await asyncio.sleep(0.005)


def sessions(platform):
    return platform.connection.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = $1",
        APPLICATION,
    )


async def end(platform):
    await platform.connection.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = $1",
        APPLICATION,
    )


# To come to listen


async def test_order(platform):
    """It listens on every channel, hints at every check once, has all caught up, proves the way, then says so."""
    before = SystemClock().now().mono
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
    *hints, caught_up, sample = scene.said.seen
    assert (hints, caught_up) == (["message_throughput", "recent_activity"], "caught up")
    assert sample.facts.channels == CHANNELS.keys()
    assert before < sample.facts.sent < sample.at.mono


async def test_not_caught_up(platform):
    """As long as what could have been missed has not been counted, nothing is proven, and it is tried again soon."""
    async with listening(platform.monitor_dsn) as scene:
        scene.caught_up = False
        while scene.of(str).count("not caught up") < 2:
            await scene.until(str, len(scene.of(str)) + 1)
        assert scene.of(Listening) == []
        scene.caught_up = True
        await scene.until(Listening, 1)
        assert scene.listener.opened == 1


async def test_nothing_is_missed(platform):
    """Whatever is written while it connects is seen by a count that the hint starts, or heard after it."""
    loop = asyncio.get_running_loop()
    writing, written, connections = True, set(), []

    async def write():
        writer = await asyncpg.connect(platform.dsn)
        connections.append(writer)
        while writing:
            written.add(
                await writer.fetchval(
                    "insert into messages (conversation_id, sender_type, body)"
                    " select min(id), 'user', 'text' from conversations returning id"
                )
            )

    async with asyncio.timeout(20):
        counter = await asyncpg.connect(platform.dsn)
        writers = [loop.create_task(write()) for _ in range(2)]
        for _ in range(10):
            hinted, counted = asyncio.Event(), set()

            async def count(hinted=hinted, counted=counted):
                await hinted.wait()
                rows = await counter.fetch("select id from messages")
                counted.update(row["id"] for row in rows)

            def then(_, thing, hinted=hinted):
                if thing == "count":
                    hinted.set()

            counting = loop.create_task(count())
            async with listening(platform.monitor_dsn, channels={"messages": ("count",)}, then=then) as scene:
                await scene.hears(20)
                await counting
                due = set(written)

                async def known(scene=scene, due=due, counted=counted):
                    return due <= counted | {payload["id"] for _, payload, _ in scene.heard()}

                await until(known)
        writing = False
        for task in writers:
            await task
    for connection in (counter, *connections):
        await connection.close()


async def test_test_signal(platform):
    """The test signal's way is measured, between its sending and its return, and is nothing like its deadline."""
    async with listening(platform.monitor_dsn) as scene:
        (facts,) = await scene.until(Listening, 1)
    assert 0 < facts.test_signal_ms < 1000
    # Nothing was ever said on it that anybody could take for an event of the platform's.
    assert scene.of(Event) == []


async def test_every_sweep(platform):
    """The way is proven again in every sweep, with a new signal on the same connection."""
    async with listening(platform.monitor_dsn, sample_s=0.05) as scene:
        samples = await scene.until(Listening, 4)
        assert scene.listener.opened == 1
    assert all(facts.channels == CHANNELS.keys() for facts in samples)


async def test_strange_name(platform):
    """A channel may have any name that PostgreSQL allows."""
    name = 'Ruang "A"; --'
    async with listening(platform.monitor_dsn, channels={name: ("a",)}) as scene:
        (facts,) = await scene.until(Listening, 1)
        assert facts.channels == {name}
        await scene.listener.connection.execute("unlisten *")
        await scene.listener.connection.execute(f'listen "{TEST_CHANNEL}"')
        scene.listener.wake()
        *_, lost, again = await scene.until(Listening, 3)
        assert (lost.channels, again.channels) == (frozenset(), {name})
        await platform.connection.execute("select pg_notify($1, '{}')", name)
        (event,) = await scene.until(Event, 1)
    assert event.channel == name


# What is heard


async def test_events(platform):
    """Events come in the order of the commits, each with the facts of its payload and the moment of its arrival."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        before = SystemClock().now()
        for sender in ("user", "bot", "counselor"):
            await platform.write(sender, count=10)
        await platform.connection.execute("update conversations set handled_by = 'bot' where id = 1")
        heard = await scene.hears(31)
        after = SystemClock().now()
    ids = [row["id"] for row in await platform.connection.fetch("select id from messages order by id")]
    assert [channel for channel, _, _ in heard] == ["messages"] * 30 + ["conversations"]
    assert [payload["id"] for _, payload, _ in heard] == [*ids, 1]
    assert [payload["sender_type"] for _, payload, _ in heard[:30:10]] == ["user", "bot", "counselor"]
    assert heard[0][1].items() >= {"table": "messages", "op": "INSERT", "conversation_id": 1}.items()
    moments = [at.mono for _, _, at in heard]
    assert moments == sorted(moments)
    assert before.mono <= moments[0] <= moments[-1] <= after.mono


async def test_burst(platform):
    """What comes at once is one signal per channel, in order, with one hint each; an unreadable one keeps its place."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        begun = len(scene.said.seen)
        await platform.connection.execute(
            "select pg_notify('messages', format('{\"id\": %s}', n)) from generate_series(1, 3) n;"
            "select pg_notify('messages', 'hello');"
            "select pg_notify('conversations', '{\"id\": 9}');"
            "select pg_notify('messages', '{\"id\": 4}')"
        )
        await scene.hears(6)
        first, *rest = scene.said.seen[begun:]
    assert first.payloads == ({"id": 1}, {"id": 2}, {"id": 3}, {}, {"id": 4})
    assert (first.channel, first.unreadable, first.unread, first.size) == ("messages", 1, 0, 9)
    said = [getattr(one, "channel", one) for one in rest]
    assert said == ["message_throughput", "recent_activity", "conversations", "recent_activity"]


async def test_flood(platform):
    """A flood is counted to the last signal, and read no further than so many a second."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        await platform.connection.execute(
            "select pg_notify('messages', format('{\"id\": %s}', n)) from generate_series(1, 30000) n"
        )
        async with asyncio.timeout(10):
            while sum(one.count for one in scene.of(Burst)) + len(scene.of(Event)) < 30_000:
                await scene.said.until(len(scene.said.seen) + 1)
        read = [payload["id"] for _, payload, _ in scene.heard()]
        assert sum(one.count for one in scene.of(Burst)) + len(scene.of(Event)) == 30_000
    assert read == sorted(read)
    # It may have lasted over more than one second.
    assert 2000 <= len(read) <= 8000


async def test_hints(platform):
    """Each event hints at every check of its channel, after it was told, and at no other."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        begun = len(scene.said.seen)
        await platform.connection.execute("select pg_notify('messages', '')")
        await platform.connection.execute("select pg_notify('conversations', '')")
        await platform.connection.execute("select pg_notify('cluster_assignments', '')")
        await platform.connection.execute("select pg_notify('notifications', '')")
        await scene.until(Event, 3)
        said = [getattr(one, "channel", one) for one in scene.said.seen[begun:]]
    assert said == [
        *("messages", "message_throughput", "recent_activity"),
        *("conversations", "recent_activity"),
        "cluster_assignments",
    ]


async def test_payload(platform):
    """A payload that cannot be read is heard all the same, marked as such, and hints as any other."""
    payloads = {
        '{"id": 7}': {"id": 7},
        "": {},
        "hello": None,
        "[1]": None,
        '{"id": ': None,
        "x" * 7999: None,
    }
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        for count, text in enumerate(payloads, start=1):
            begun = len(scene.said.seen)
            await platform.connection.execute("select pg_notify('messages', $1)", text)
            heard = await scene.hears(count)
            await scene.said.until(begun + 3)
            assert scene.said.seen[begun + 1 :] == ["message_throughput", "recent_activity"]
    assert [payload for _, payload, _ in heard] == list(payloads.values())


async def test_foreign_signals(platform, elsewhere):
    """Whoever shouts on the test channel proves nothing: only the very signal that was sent does."""
    async with listening(platform.monitor_dsn, elsewhere, deadline_s=0.2) as scene:
        for number in range(1000):
            if scene.of(Gap):
                break
            await platform.connection.execute("select pg_notify($1, $2)", TEST_CHANNEL, f"{number:016x}")
        (gap, *_) = await scene.until(Gap, 1)
        assert scene.of(Listening) == []
    assert number > 3
    assert gap.cause == "after_hung"


# To be deaf, and to know it


async def test_lost_subscription(platform):
    """A channel that is lost on an open connection is said, listened to again, looked at, and soon proven."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn) as scene:
            await scene.until(Listening, 1)
            await scene.listener.connection.execute('unlisten "messages"')
            await platform.write()
            begun = len(scene.said.seen)
            scene.listener.wake()
            _, lost, again = await scene.until(Listening, 3)
            assert lost.channels == CHANNELS.keys() - {"messages"}
            assert again.channels == CHANNELS.keys()
            said = [one if isinstance(one, str) else type(one) for one in scene.said.seen[begun:]]
            assert said == [Sample, "message_throughput", "recent_activity", Sample]
            await platform.write()
            await scene.until(Event, 1)
            assert (scene.listener.opened, scene.of(Gap)) == (1, [])
    assert [line["channels"] for line in log if line["event"] == "channel.missed"] == [["messages"]]


async def test_unlistened(platform):
    """Without any subscription the test signal is lost; the connection answers, so it listens again on the same one."""
    async with listening(platform.monitor_dsn, deadline_s=0.2) as scene:
        await scene.until(Listening, 1)
        await scene.listener.connection.execute("unlisten *")
        scene.listener.wake()
        (lost,) = await scene.until(SignalLost, 1)
        await scene.until(Listening, 2)
        assert (scene.listener.opened, scene.of(Gap)) == (1, [])
        assert (lost.lost, lost.channels, lost.pooled) == (1, frozenset(), False)
        await platform.write()
        await scene.hears(1)


async def test_frozen(platform):
    """A backend that does not answer is told apart; it is left for a fresh one, and ended as soon as it can be."""
    async with listening(platform.monitor_dsn, deadline_s=0.2) as scene:
        await scene.until(Listening, 1)
        pid = scene.listener.connection.get_server_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            scene.listener.wake()
            (lost,) = await scene.until(SignalLost, 1)
            (gap, *_) = await scene.until(Gap, 1)
            await scene.until(Listening, 2)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert (lost.lost, lost.channels, lost.pid, gap.cause) == (1, None, pid, "after_hung")

        async def gone():
            return not await platform.connection.fetchval("select count(*) from pg_stat_activity where pid = $1", pid)

        await until(gone)


async def test_signal_does_not_return(platform, elsewhere):
    """A way that carries nothing never counts as listening; it is tried again, each time after a longer wait."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn, elsewhere, deadline_s=0.02) as scene:
            gaps = await scene.until(Gap, 6)
            assert scene.of(Listening) == []
            assert scene.listener.opened >= 6
    assert [(gap.cause, gap.attempt, gap.error) for gap in gaps[:6]] == [("after_hung", n, None) for n in range(6)]
    between = [after.at.mono - before.at.mono for before, after in pairwise(gaps[:6])]
    # The least wait is a fifth of 50 ms, doubled each time; the deadline comes on top.
    assert all(one >= 0.02 + 0.01 * 2**n for n, one in enumerate(between))
    assert {line["event"] for line in log} == {"listen.lost"}


@pytest.mark.parametrize(("way", "deadline_s"), [(throttle(2000), 0.2), (latency(400), 0.1)], ids=["narrow", "long"])
async def test_late(platform, way, deadline_s):
    """A signal that is behind on a narrow way or a long one is never called lost twice, however often it is late."""
    writer, loop = await asyncpg.connect(platform.dsn), asyncio.get_running_loop()

    async def talk():
        while True:
            await writer.execute("select pg_notify('messages', n || repeat(' ', 200)) from generate_series(1, 10) n")
            await asyncio.sleep(0.01)

    async with proxied(platform.postgres.port) as network:

        def then(_, thing):
            if thing == "caught up" or isinstance(thing, Gap):
                changing.append(loop.create_task(network.set(way if thing == "caught up" else PASS)))

        changing, talking = [], loop.create_task(talk())
        dsn, ours = network.dsn(platform.monitor_dsn), platform.monitor_dsn
        async with listening(dsn, ours, sample_s=0.05, deadline_s=deadline_s, then=then) as scene:
            # Which of both it is that comes too late, the signal or the answer to the question after it, is chance.
            await scene.until((SignalLost, Gap), 3)
            lost = scene.of(SignalLost)
        talking.cancel()
        await asyncio.gather(talking, *changing, return_exceptions=True)
    writer.terminate()
    assert {one.lost for one in lost} <= {1}


class Pooler(Door):
    """A way through another process that answers for PostgreSQL: with an id of its own, and without notifications."""

    async def let(self, reader, writer):
        there = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.carry(reader, there[1]))
                group.create_task(self.answer(there[0], writer))

    async def answer(self, reader, writer):
        # The answer to the question for TLS is one letter; all else is framed (PostgreSQL 18, 54.7).
        writer.write(await reader.readexactly(1))
        while True:
            kind, length = struct.unpack("!cI", await reader.readexactly(5))
            body = await reader.readexactly(length - 4)
            if kind == b"K":
                body = struct.pack("!I", 4_000_000) + body[4:]
            if kind != b"A":
                writer.write(struct.pack("!cI", kind, length) + body)


async def test_pooler(platform, door_of):
    """Behind a pooler nothing is heard though all is answered: found out by two signals, and by who answers."""
    async with door_of(Pooler) as way, listening(way.dsn, platform.monitor_dsn, deadline_s=0.2) as scene:
        first, second, *_ = await scene.until(SignalLost, 2)
        assert scene.of(Listening) == []
    assert (first.lost, second.lost, second.pooled) == (1, 2, True)
    assert str(way.dsn).rpartition("@")[2] == second.target


async def test_shut(platform, door):
    """A connection that is open and carries nothing any more is found out by the signal; open again, all is back."""
    async with listening(door.dsn, platform.monitor_dsn, deadline_s=0.2) as scene:
        await scene.until(Listening, 1)
        door.way.clear()
        scene.listener.wake()
        (gap,) = await scene.until(Gap, 1)
        assert gap.cause == "after_hung"
        door.way.set()
        await scene.until(Listening, 2)


async def test_shut_amid_listen(platform, door):
    """Even to listen again has a deadline: a way that is shut at that moment does not hold it for ever."""

    def then(_, thing):
        if isinstance(thing, Sample) and thing.facts.channels != CHANNELS.keys():
            door.way.clear()

    async with listening(door.dsn, platform.monitor_dsn, deadline_s=0.2, then=then) as scene:
        await scene.until(Listening, 1)
        await scene.listener.connection.execute('unlisten "messages"')
        scene.listener.wake()
        await scene.until(Gap, 1)
        door.way.set()
        *_, back = await scene.until(Listening, 3)
        assert back.channels == CHANNELS.keys()


async def test_ended(platform):
    """A connection that was ended is a gap at once; it comes back by itself, hints anew, and is proven whole."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn) as scene:
            await scene.until(Listening, 1)
            for round_ in (1, 2):
                begun = len(scene.said.seen)
                began = time.monotonic()
                await end(platform)
                gap = (await scene.until(Gap, round_))[-1]
                assert time.monotonic() - began < 1
                # Back whole, it begins anew to count its attempts.
                assert (gap.cause, gap.attempt, gap.error) == ("terminated", 0, None)
                facts = (await scene.until(Listening, 1 + round_))[-1]
                assert facts.channels == CHANNELS.keys()
                said = [one if isinstance(one, str) else type(one) for one in scene.said.seen[begun:]]
                assert said == [Gap, "db", "message_throughput", "recent_activity", "caught up", Sample]
            await platform.write()
            await scene.until(Event, 1)
    assert [line["event"] for line in log] == ["listen.lost", "listen.recovered"] * 2


async def test_cannot_connect():
    """Where it cannot connect it says so at each attempt, with the cause, and hints at the database."""
    with socket.socket() as vacant:
        vacant.bind(("127.0.0.1", 0))
        async with listening(f"postgresql://m@127.0.0.1:{vacant.getsockname()[1]}/huph") as scene:
            gaps = await scene.until(Gap, 4)
    assert [(gap.cause, gap.attempt, gap.error) for gap in gaps] == [("closed", n, "refused") for n in range(4)]
    assert scene.of(str)[:3] == ["db"] * 3


async def test_no_speaker(platform):
    """A test signal that cannot be sent says nothing of what is heard: events still come, and "db" is hinted at."""
    with socket.socket() as vacant:
        vacant.bind(("127.0.0.1", 0))
        nowhere = f"postgresql://m@127.0.0.1:{vacant.getsockname()[1]}/huph"
        async with listening(platform.monitor_dsn, nowhere) as scene:
            # It is tried again long before the next sweep.
            while scene.of(str).count("db") < 2:
                await scene.until(str, len(scene.of(str)) + 1)
            await platform.write()
            await scene.until(Event, 1)
            assert (scene.of(Listening), scene.of(Gap)) == ([], [])


# To be woken, and to end


async def test_wake(platform):
    """Woken, it proves the way at once instead of at the next sweep."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        for count in (2, 3, 4):
            began = time.monotonic()
            scene.listener.wake()
            await scene.until(Listening, count)
            assert time.monotonic() - began < 1
        assert scene.listener.opened == 1


async def test_wake_while_waiting():
    """Woken while it waits for its next attempt, it does not wait any longer."""
    with socket.socket() as vacant:
        vacant.bind(("127.0.0.1", 0))
        async with listening(f"postgresql://m@127.0.0.1:{vacant.getsockname()[1]}/huph") as scene:
            began = time.monotonic()
            for count in range(1, 16):
                await scene.until(Gap, count)
                scene.listener.wake()
            # Unwoken, the least waits of so many attempts add up to eight seconds.
            assert time.monotonic() - began < 4


async def test_end(platform):
    """Told to end, it leaves no session behind, whether it listens or is about to."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Listening, 1)
        assert await sessions(platform) == 1

    async def none():
        return await sessions(platform) == 0

    await until(none)
    async with listening(platform.monitor_dsn) as scene:
        await scene.said.until(1)
    await until(none)


async def test_end_while_shut(door):
    """Told to end while nothing answers, it ends at once."""
    door.way.clear()
    async with asyncio.timeout(1):
        async with listening(door.dsn):
            await asyncio.sleep(0)


async def test_our_own_triggers(platform):
    """Signals of our own triggers come as samples, in their order, hint at nothing, and their channel is proven too."""
    async with listening(platform.monitor_dsn, deltas="ours") as scene:
        (told,) = await scene.until(Listening, 1)
        assert told.channels == {*CHANNELS, "ours"}
        before = len(scene.said.seen)
        for text in (SIGNAL, "nonsense"):
            await platform.connection.execute("select pg_notify('ours', $1)", text)
        assert await scene.until(Deltas, 2) == [Deltas(700, 1, ((5, "user", 2),)), Deltas(0, 0, None)]
        assert [type(one) for one in scene.said.seen[before:]] == [Sample, Sample]


async def test_our_own_channel_is_missed(platform):
    """Where PostgreSQL does not list our own channel, it is asked for again, and the way proven anew."""
    async with listening(platform.monitor_dsn, deltas="ours") as scene:
        await scene.until(Listening, 1)
        await scene.listener.connection.execute("unlisten ours")
        scene.listener.wake()
        told = await scene.until(Listening, 3)
        assert ["ours" in one.channels for one in told] == [True, False, True]


async def test_a_flood_of_our_own(platform):
    """Of more signals than may be read in a second, the rest says but once that all must be counted anew."""
    async with listening(platform.monitor_dsn, deltas="ours") as scene:
        await scene.until(Listening, 1)
        scene.listener._heard([("ours", SIGNAL)] * (READ_PER_S + 3))
        (told,) = scene.of(Changes)
    assert len(told.deltas) == READ_PER_S + 1
    assert [one.rows is None for one in told.deltas[-2:]] == [False, True]
