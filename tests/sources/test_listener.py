"""The listener: it listens before anybody counts, proves the way, knows when it is deaf, and comes back by itself."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import asyncpg
import pytest
from structlog.testing import capture_logs

from monitor.clock import SystemClock
from monitor.database import Session, Target
from monitor.domain.ledger import Deltas
from monitor.domain.signal import Event, Gap, Sample
from monitor.sources.listener import TEST_CHANNEL, Listener
from tests.fakes import Recorder

CHANNELS = {
    "messages": ("message_throughput", "recent_activity"),
    "conversations": ("recent_activity",),
    "cluster_assignments": (),
}
APPLICATION = "huph-monitor listen"


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

    def __init__(self, dsn, speaker, *, channels, sweep_s, deadline_s, then, deltas=None):
        self.said = Recorder()
        self._then = then
        self.listener = Kept(
            Target.of(dsn),
            channels,
            speaker,
            sweep_s=sweep_s,
            connect_timeout_s=2,
            deadline_s=deadline_s,
            deltas=deltas,
            clock=SystemClock(),
            emit=self._hear,
            hint=self._hear,
        )

    def _hear(self, thing):
        self.said(thing)
        self._then(self.listener, thing)

    def of(self, kind):
        """Give what was said of one kind so far; of samples their facts."""
        found = [one for one in self.said.seen if isinstance(one, kind)]
        return [one.facts for one in found] if kind is Sample else found

    async def until(self, kind, count):
        """Wait until so many of one kind were said; give them."""
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                await self.said.until(len(self.said.seen) + 1)
        return self.of(kind)


@asynccontextmanager
async def listening(
    dsn, speaker_dsn=None, *, channels=CHANNELS, sweep_s=3600.0, deadline_s=3.0, then=lambda *_: None, deltas=None
):
    """Let a listener listen meanwhile, with a speaker on the same database or on another."""
    speaker = Session(Target.of(speaker_dsn or dsn), "speaker", 2)
    scene = Scene(dsn, speaker, channels=channels, sweep_s=sweep_s, deadline_s=deadline_s, then=then, deltas=deltas)
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
async def door(platform):
    port = platform.postgres.port
    one = Door(port)
    server = await asyncio.start_server(one.let, "127.0.0.1", 0)
    one.dsn = platform.monitor_dsn.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/")
    yield one
    one.way.set()
    server.close()


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
    """It listens on every channel, then hints at every check once, then proves the way, then says that it listens."""
    heard = []

    def then(listener, _):
        heard.append(set(listener.connection._listeners))

    async with listening(platform.monitor_dsn, then=then) as scene:
        await scene.until(Sample, 1)
    assert scene.said.seen[:2] == ["message_throughput", "recent_activity"]
    (sample,) = scene.said.seen[2:]
    assert sample.facts.channels == CHANNELS.keys()
    assert heard == [{*CHANNELS, TEST_CHANNEL}] * 3


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
                await scene.until(Event, 20)
                await counting
                due = set(written)

                async def known(scene=scene, due=due, counted=counted):
                    return due <= counted | {event.payload["id"] for event in scene.of(Event)}

                await until(known)
        writing = False
        for task in writers:
            await task
    for connection in (counter, *connections):
        await connection.close()


async def test_test_signal(platform):
    """The test signal's way is measured, between its sending and its return, and is nothing like its deadline."""
    async with listening(platform.monitor_dsn) as scene:
        (facts,) = await scene.until(Sample, 1)
    assert 0 < facts.test_signal_ms < 1000
    # Nothing was ever said on it that anybody could take for an event of the platform's.
    assert scene.of(Event) == []


async def test_every_sweep(platform):
    """The way is proven again in every sweep, with a new signal on the same connection."""
    async with listening(platform.monitor_dsn, sweep_s=0.05) as scene:
        samples = await scene.until(Sample, 4)
        assert scene.listener.opened == 1
    assert all(facts.channels == CHANNELS.keys() for facts in samples)


async def test_strange_name(platform):
    """A channel may have any name that PostgreSQL allows."""
    name = 'Ruang "A"; --'
    async with listening(platform.monitor_dsn, channels={name: ("a",)}) as scene:
        (facts,) = await scene.until(Sample, 1)
        assert facts.channels == {name}
        await scene.listener.connection.execute("unlisten *")
        await scene.listener.connection.execute(f'listen "{TEST_CHANNEL}"')
        scene.listener.wake()
        *_, lost, again = await scene.until(Sample, 3)
        assert (lost.channels, again.channels) == (frozenset(), {name})
        await platform.connection.execute("select pg_notify($1, '{}')", name)
        (event,) = await scene.until(Event, 1)
    assert event.channel == name


# What is heard


async def test_events(platform):
    """Events come in the order of the commits, each with the facts of its payload and the moment of its arrival."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Sample, 1)
        before = SystemClock().now()
        for sender in ("user", "bot", "counselor"):
            await platform.write(sender, count=10)
        await platform.connection.execute("update conversations set handled_by = 'bot' where id = 1")
        events = await scene.until(Event, 31)
        after = SystemClock().now()
    ids = [row["id"] for row in await platform.connection.fetch("select id from messages order by id")]
    assert [event.channel for event in events] == ["messages"] * 30 + ["conversations"]
    assert [event.payload["id"] for event in events] == [*ids, 1]
    assert [event.payload["sender_type"] for event in events[:30:10]] == ["user", "bot", "counselor"]
    assert events[0].payload.items() >= {"table": "messages", "op": "INSERT", "conversation_id": 1}.items()
    assert all(event.readable for event in events)
    moments = [event.at.mono for event in events]
    assert moments == sorted(moments)
    assert before.mono <= moments[0] <= moments[-1] <= after.mono


async def test_hints(platform):
    """Each event hints at every check of its channel, after it was told, and at no other."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Sample, 1)
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
    """A payload that cannot be read is an event all the same, marked as such, and hints as any other."""
    payloads = {
        '{"id": 7}': ({"id": 7}, True),
        "": ({}, True),
        "hello": ({}, False),
        "[1]": ({}, False),
        '{"id": ': ({}, False),
        "x" * 7999: ({}, False),
    }
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Sample, 1)
        begun = len(scene.said.seen)
        for text in payloads:
            await platform.connection.execute("select pg_notify('messages', $1)", text)
        events = await scene.until(Event, len(payloads))
        said = [one for one in scene.said.seen[begun:] if isinstance(one, str)]
    assert [(event.payload, event.readable) for event in events] == list(payloads.values())
    assert said == ["message_throughput", "recent_activity"] * len(payloads)


async def test_foreign_signals(platform, elsewhere):
    """Whoever shouts on the test channel proves nothing: only the very signal that was sent does."""
    async with listening(platform.monitor_dsn, elsewhere, deadline_s=0.2) as scene:
        for number in range(1000):
            if scene.of(Gap):
                break
            await platform.connection.execute("select pg_notify($1, $2)", TEST_CHANNEL, f"{number:016x}")
        (gap, *_) = await scene.until(Gap, 1)
        assert scene.of(Sample) == []
    assert number > 3
    assert gap.cause == "after_hung"


# To be deaf, and to know it


async def test_lost_subscription(platform):
    """A channel that is lost on an open connection is said, listened to again, looked at, and soon proven."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn) as scene:
            await scene.until(Sample, 1)
            await scene.listener.connection.execute('unlisten "messages"')
            await platform.write()
            begun = len(scene.said.seen)
            scene.listener.wake()
            _, lost, again = await scene.until(Sample, 3)
            assert lost.channels == CHANNELS.keys() - {"messages"}
            assert again.channels == CHANNELS.keys()
            said = [one if isinstance(one, str) else type(one) for one in scene.said.seen[begun:]]
            assert said == [Sample, "message_throughput", "recent_activity", Sample]
            await platform.write()
            await scene.until(Event, 1)
            assert (scene.listener.opened, scene.of(Gap)) == (1, [])
    assert [line["channels"] for line in log if line["event"] == "channel.missed"] == [["messages"]]


async def test_lost_test_channel(platform):
    """Without the test channel nothing is proven, so the connection is made anew."""
    async with listening(platform.monitor_dsn, deadline_s=0.2) as scene:
        await scene.until(Sample, 1)
        await scene.listener.connection.execute(f'unlisten "{TEST_CHANNEL}"')
        scene.listener.wake()
        (gap,) = await scene.until(Gap, 1)
        await scene.until(Sample, 2)
        assert scene.listener.opened == 2
    assert (gap.cause, gap.attempt, gap.error) == ("after_hung", 0, None)


async def test_signal_does_not_return(platform, elsewhere):
    """A way that carries nothing never counts as listening; it is tried again, each time after a longer wait."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn, elsewhere, deadline_s=0.02) as scene:
            gaps = await scene.until(Gap, 6)
            assert scene.of(Sample) == []
            assert scene.listener.opened >= 6
    assert [(gap.cause, gap.attempt, gap.error) for gap in gaps[:6]] == [("after_hung", n, None) for n in range(6)]
    between = [after.at.mono - before.at.mono for before, after in pairwise(gaps[:6])]
    # The least wait is a fifth of 50 ms, doubled each time; the deadline comes on top.
    assert all(one >= 0.02 + 0.01 * 2**n for n, one in enumerate(between))
    assert {line["event"] for line in log} == {"listen.lost"}


async def test_shut(platform, door):
    """A connection that is open and carries nothing any more is found out by the signal; open again, all is back."""
    async with listening(door.dsn, platform.monitor_dsn, deadline_s=0.2) as scene:
        await scene.until(Sample, 1)
        door.way.clear()
        scene.listener.wake()
        (gap,) = await scene.until(Gap, 1)
        assert gap.cause == "after_hung"
        door.way.set()
        await scene.until(Sample, 2)


async def test_shut_amid_listen(platform, door):
    """Even to listen again has a deadline: a way that is shut at that moment does not hold it for ever."""

    def then(_, thing):
        if isinstance(thing, Sample) and thing.facts.channels != CHANNELS.keys():
            door.way.clear()

    async with listening(door.dsn, platform.monitor_dsn, deadline_s=0.2, then=then) as scene:
        await scene.until(Sample, 1)
        await scene.listener.connection.execute('unlisten "messages"')
        scene.listener.wake()
        await scene.until(Gap, 1)
        door.way.set()
        *_, back = await scene.until(Sample, 3)
        assert back.channels == CHANNELS.keys()


async def test_ended(platform):
    """A connection that was ended is a gap at once; it comes back by itself, hints anew, and is proven whole."""
    with capture_logs() as log:
        async with listening(platform.monitor_dsn) as scene:
            await scene.until(Sample, 1)
            for round_ in (1, 2):
                begun = len(scene.said.seen)
                began = time.monotonic()
                await end(platform)
                gap = (await scene.until(Gap, round_))[-1]
                assert time.monotonic() - began < 1
                # Back whole, it begins anew to count its attempts.
                assert (gap.cause, gap.attempt, gap.error) == ("closed", 0, None)
                facts = (await scene.until(Sample, 1 + round_))[-1]
                assert facts.channels == CHANNELS.keys()
                said = [one if isinstance(one, str) else type(one) for one in scene.said.seen[begun:]]
                assert said == [Gap, "db", "message_throughput", "recent_activity", Sample]
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
            assert (scene.of(Sample), scene.of(Gap)) == ([], [])


# To be woken, and to end


async def test_wake(platform):
    """Woken, it proves the way at once instead of at the next sweep."""
    async with listening(platform.monitor_dsn) as scene:
        await scene.until(Sample, 1)
        for count in (2, 3, 4):
            began = time.monotonic()
            scene.listener.wake()
            await scene.until(Sample, count)
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
        await scene.until(Sample, 1)
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
        (told,) = await scene.until(Sample, 1)
        assert told.channels == {*CHANNELS, "ours"}
        before = len(scene.said.seen)
        for text in ('{"x":"700","q":1,"d":[[5,"user",2]]}', "nonsense"):
            await platform.connection.execute("select pg_notify('ours', $1)", text)
        assert (await scene.until(Sample, 3))[1:] == [Deltas(700, 1, ((5, "user", 2),)), Deltas(0, 0, None)]
        assert [type(one) for one in scene.said.seen[before:]] == [Sample, Sample]


async def test_our_own_channel_is_missed(platform):
    """Where PostgreSQL does not list our own channel, it is asked for again, and the way proven anew."""
    async with listening(platform.monitor_dsn, deltas="ours") as scene:
        await scene.until(Sample, 1)
        await scene.listener.connection.execute("unlisten ours")
        scene.listener.wake()
        told = await scene.until(Sample, 3)
        assert ["ours" in one.channels for one in told] == [True, False, True]
