"""The client of the broker: it tells down from refused, hears what is relayed, and comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import engineio.base_client
import pytest
import websockets
from structlog.testing import capture_logs

from monitor.clock import SystemClock
from monitor.demo.broker import DemoBroker
from monitor.demo.port import free_port
from monitor.domain.brokering import Broker, BrokerSettings, Relay, Relayed
from monitor.domain.signal import At
from monitor.secret import Secret
from monitor.sources.broker import BrokerClient
from monitor.sources.probes.names import system
from tests.fakes import Recorder

SECRET = "canary-secret-shared-with-the-broker"
RELAYS = {
    "messages": Relay("message", ("id",)),
    "conversations": Relay("conversation", ("table", "op", "id")),
    "notifications": Relay("notification", ("id",)),
}
CLAIMS = {"sub": "huph-monitor", "role": "system_admin"}


class Scene:
    """A client that runs, and all that it says: of the broker, and what was relayed."""

    def __init__(self, url, *, secret, clock, namespace, stats, sample_s, sweep_s, timeout_s, look_up):
        self.said = Recorder()
        settings = BrokerSettings(
            url, "socket.io", namespace, "join", "inbox", stats, RELAYS, CLAIMS, Secret(secret)
        )  # fmt: skip
        self.client = BrokerClient(
            settings,
            clock,
            self.said,
            sample_s=sample_s,
            sweep_s=sweep_s,
            connect_timeout_s=timeout_s,
            look_up=look_up,
        )

    def of(self, kind):
        return [sample.facts for sample in self.said.seen if isinstance(sample.facts, kind)]

    @property
    def last(self):
        """Its last word of the broker."""
        found = self.of(Broker)
        return found[-1] if found else None

    async def until(self, holds, seconds=3.0):
        """Wait until something holds; give it."""
        async with asyncio.timeout(seconds):
            while not (found := holds()):
                await self.said.until(len(self.said.seen) + 1)
        return found

    async def until_state(self, state, seconds=3.0):
        return await self.until(lambda: self.last if self.last and self.last.state == state else None, seconds)

    async def until_connected(self, seconds=3.0):
        """Wait until it is connected and was answered."""
        await self.until_state("connected", seconds)
        return await self.until(lambda: self.last if self.last.round_trip_ms is not None else None, seconds)


@asynccontextmanager
async def client(url, *, secret=SECRET, clock=None, namespace="/", stats="stats", sample_s=0.3, sweep_s=0.2,
                 timeout_s=0.5, look_up=system):  # fmt: skip
    """Let a client run meanwhile."""
    scene = Scene(
        url,
        secret=secret,
        clock=clock or SystemClock(),
        namespace=namespace,
        stats=stats,
        sample_s=sample_s,
        sweep_s=sweep_s,
        timeout_s=timeout_s,
        look_up=look_up,
    )
    task = asyncio.get_running_loop().create_task(scene.client.run())
    try:
        yield scene
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def demo_broker(dsn="postgresql://nobody@127.0.0.1:1/none"):
    broker = DemoBroker(dsn, SECRET)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@pytest.fixture
async def broker():
    """A broker without a database: it lets in, and has nothing to relay."""
    async with demo_broker() as broker:
        yield broker


@pytest.fixture
async def relaying(platform):
    """A broker that listens to the platform's database."""
    async with demo_broker(platform.dsn) as broker:
        yield broker


# Connected


async def test_connected(relaying):
    """Let in, it says so, with the broker's own figures, and says it again at least every so often."""
    async with client(relaying.url) as scene:
        said = await scene.until(lambda: scene.last and scene.last.listens and scene.last)
        assert (said.state, said.target, said.error, said.answer) == ("connected", relaying.url, "", "")
        assert said.subscribers == 1
        assert 0 < said.connect_ms < 1000
        assert 0 < said.round_trip_ms < 500
        begun = len(scene.of(Broker))
        began = time.monotonic()
        await scene.until(lambda: len(scene.of(Broker)) >= begun + 3)
        assert time.monotonic() - began < 2
    assert {one.state for one in scene.of(Broker)} == {"connected"}


async def test_relayed(platform, relaying):
    """What the broker relays is told in its order, by channel and identity; what has no identity is not told."""
    async with client(relaying.url) as scene:
        await scene.until(lambda: scene.last and scene.last.listens)
        await platform.write(count=20)
        await platform.connection.execute("update conversations set handled_by = 'bot' where id = 1")
        await platform.connection.execute("delete from cluster_assignments where user_id = 11")
        await platform.connection.execute("insert into notifications (user_id, kind) values (11, 'assigned')")
        await scene.until(lambda: len(scene.of(Relayed)) == 22)
    ids = [row["id"] for row in await platform.connection.fetch("select id from messages order by id")]
    number = await platform.connection.fetchval("select max(id) from notifications")
    assert scene.of(Relayed) == [
        *(Relayed("messages", (one,)) for one in ids),
        Relayed("conversations", ("conversations", "UPDATE", 1)),
        Relayed("notifications", (number,)),
    ]


async def test_deaf(platform, relaying):
    """A deaf broker stays connected and relays nothing; mended it relays again."""
    async with client(relaying.url) as scene:
        await scene.until(lambda: scene.last and scene.last.listens)
        relaying.deaf = True
        await platform.write()
        said = len(scene.of(Broker))
        await scene.until(lambda: len(scene.of(Broker)) > said + 2)
        assert scene.of(Relayed) == []
        relaying.deaf = False
        await platform.write()
        await scene.until(lambda: scene.of(Relayed))
    assert {one.state for one in scene.of(Broker)} == {"connected"}


async def test_stopped(broker):
    """A stopped broker is down at once, and found again within two seconds."""
    with capture_logs() as log:
        async with client(broker.url) as scene:
            await scene.until_connected()
            for _ in range(2):
                await broker.stop()
                began = time.monotonic()
                await scene.until(lambda: scene.last.error == "refused" and scene.last)
                assert time.monotonic() - began < 1
                assert (scene.last.state, scene.last.target) == ("down", broker.url)
                await broker.start()
                await scene.until_connected(2)
    assert [line["event"] for line in log] == ["broker.connected", *["broker.lost", "broker.connected"] * 2]


async def test_refused(broker):
    """A broker that refuses the token is told from one that is down, with its answer, and let in again it is well."""
    with capture_logs() as log:
        async with client(broker.url) as scene:
            await scene.until_connected()
            broker.refuse(True)
            said = await scene.until_state("refused", 1)
            assert (said.answer, said.error, said.target) == ("unauthorized", "", broker.url)
            broker.refuse(False)
            await scene.until_connected(2)
    assert [line["event"] for line in log] == ["broker.connected", "broker.lost", "broker.refused", "broker.connected"]


async def test_wrong_secret(broker, capfd):
    """A token signed with another secret is refused, again and again; neither of the two is ever shown."""
    with capture_logs() as log:
        async with client(broker.url, secret="canary-of-another-secret") as scene:
            await scene.until(lambda: len(scene.of(Broker)) >= 3)
    assert {(one.state, one.answer) for one in scene.of(Broker)} == {("refused", "unauthorized")}
    assert [line["event"] for line in log] == ["broker.refused"]
    assert "canary" not in repr(log) + repr(scene.said.seen) + "".join(capfd.readouterr())


class Wrong:
    """A clock that is wrong by so many seconds."""

    behind_s = 0.0

    def now(self):
        at = SystemClock().now()
        return At(at.mono, at.wall - self.behind_s)


async def test_token_is_made_anew(broker):
    """Each attempt brings a token of its own, which lives for a minute: one of an hour ago is refused."""
    clock = Wrong()
    clock.behind_s = 3600
    async with client(broker.url, clock=clock) as scene:
        await scene.until_state("refused")
        clock.behind_s = 0
        await scene.until_connected(2)


# Down, in all its ways


class Door:
    """A way to the broker that can be shut: what comes then is kept, and nothing goes through."""

    def __init__(self, port):
        self.port = port
        self.way = asyncio.Event()
        self.way.set()

    async def let(self, reader, writer):
        there = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(ConnectionError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.carry(reader, there[1]))
                group.create_task(self.carry(there[0], writer))

    async def carry(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.way.wait()
                writer.write(data)
        finally:
            writer.close()


@asynccontextmanager
async def served(handle):
    """Serve TCP on a port of its own; give the address."""
    port = free_port()
    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


async def test_frozen(broker):
    """A connected broker that answers nothing any more is found out by its heartbeat; thawed it is found again."""
    door = Door(broker.port)
    async with served(door.let) as url, client(url, stats="", sample_s=0.3) as scene:
        await scene.until_state("connected")
        door.way.clear()
        began = time.monotonic()
        said = await scene.until_state("down")
        assert said.error == "timeout"
        # The ping goes out after 0.3 s at most, and has half of that to come back.
        assert time.monotonic() - began < 1.5
        before = len(scene.of(Broker))
        await scene.until(lambda: len(scene.of(Broker)) > before)
        assert scene.last.error == "timeout"
        door.way.set()
        await scene.until_state("connected")


async def hang(reader, writer):
    with suppress(ConnectionError):
        await reader.read()
    writer.close()


def saying(answer):
    async def handle(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    return handle


def http(status):
    return saying(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("handle", "state", "told"),
    [
        (hang, "down", "timeout"),
        (saying(b""), "down", "reset"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "down", "bad_answer"),
        (http("502 Bad Gateway"), "down", "http_502"),
        (http("200 OK"), "down", "http_200"),
        (http("401 Unauthorized"), "refused", "HTTP 401"),
        (http("403 Forbidden"), "refused", "HTTP 403"),
    ],
    ids=["silent", "closed", "no HTTP", "502", "200", "401", "403"],
)
async def test_does_not_open(handle, state, told):
    """A transport that does not open is down, by the kind of its failure; a handshake that says no is a refusal."""
    async with served(handle) as url, client(url) as scene:
        await scene.until(lambda: len(scene.of(Broker)) >= 2)
    for said in scene.of(Broker):
        assert (said.state, said.error or said.answer) == (state, told)


async def test_no_tls():
    """A broker that speaks no TLS where it should is told as that."""

    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with served(plain) as url:
        secure = url.replace("http", "https")
        async with client(secure) as scene:
            said = await scene.until(lambda: scene.last)
    assert (said.state, said.error, said.target) == ("down", "tls", secure)


async def test_no_such_namespace(broker):
    """A namespace that is not there says nothing of our token."""
    async with client(broker.url, namespace="/elsewhere") as scene:
        said = await scene.until(lambda: scene.last)
    assert (said.state, said.error) == ("down", "namespace")


async def test_credentials_are_not_shown():
    """Of an address only the host is shown."""
    async with client(f"http://someone:canary@127.0.0.1:{free_port()}/?key=canary") as scene:
        said = await scene.until(lambda: scene.last)
    assert "canary" not in repr(said)


# The name server


async def test_no_such_name():
    """A name that the name server does not know is a broker that cannot be found."""
    async with client("http://broker.invalid", look_up=lambda _: ()) as scene:
        said = await scene.until(lambda: scene.last)
    assert (said.state, said.error) == ("down", "dns")


async def test_hung_name_server():
    """A name server that hangs says nothing of the broker, and takes one thread, however often it is asked."""
    hung = threading.Event()
    asked = []

    def look_up(host):
        asked.append(host)
        hung.wait(10)
        return ("127.0.0.1",)

    try:
        async with client("http://broker.example", look_up=look_up, timeout_s=0.05) as scene:
            for _ in range(5):
                scene.client.wake()
                await asyncio.sleep(0.1)
            assert asked == ["broker.example"]
            assert scene.said.seen == []
            # Nobody else was starved by it.
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().run_in_executor(None, time.monotonic)
    finally:
        hung.set()


async def test_by_name(broker):
    """A broker that is known by its name is found by it."""
    async with client(f"http://localhost:{broker.port}") as scene:
        said = await scene.until_connected()
    assert said.target == f"http://localhost:{broker.port}"


# Other brokers: of whatever breed, and whatever they say


class Breed:
    """A broker that speaks as little of the protocol as it likes; `heard` is all that it was sent."""

    def __init__(self, port, *, opening='0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}',
                 welcome=('40{"sid":"b"}',), stats=None, after=()):  # fmt: skip
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.opening = opening
        self.welcome = welcome
        self.stats = stats
        self.after = after
        self.heard = []
        self.came = []

    async def __call__(self, socket):
        self.came.append(time.monotonic())
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.send(self.opening)
            async for text in socket:
                self.heard.append(text)
                if text.startswith("40"):
                    for word in self.welcome:
                        await socket.send(word)
                elif '"join"' in text:
                    for word in self.after:
                        await socket.send(word)
                elif '"stats"' in text and self.stats is not None:
                    number = text[2 : text.index("[")]
                    await socket.send(f"43{number}{json.dumps(self.stats)}")


@asynccontextmanager
async def bred(**says):
    breed = Breed(free_port(), **says)
    async with websockets.serve(breed, "127.0.0.1", breed.port):
        yield breed


async def test_sends_nothing_else():
    """It sends its token, the wish for its room and the question for statistics, and nothing else ever."""
    async with bred(stats=[{}], after=['42["message",{"id":1}]']) as breed, client(breed.url) as scene:
        await scene.until(lambda: sum('"stats"' in text for text in breed.heard) >= 3)
        assert scene.of(Relayed) == [Relayed("messages", (1,))]
    hello, join, *rest = breed.heard
    assert hello.startswith('40{"token":"')
    assert join == '42["join","inbox"]'
    questions = [text for text in rest if text not in {"41", "1"}]
    assert {text[:2] + text.lstrip("0123456789") for text in questions} == {'42["stats"]'}


async def test_needs_no_statistics():
    """A broker that never answers that question is connected all the same, without figures; nothing piles up."""
    async with bred() as breed, client(breed.url, sweep_s=0.02, timeout_s=0.1, sample_s=0.2) as scene:
        await scene.until(lambda: sum('"stats"' in text for text in breed.heard) >= 5)
        assert {one.state for one in scene.of(Broker)} == {"connected"}
        assert (scene.last.round_trip_ms, scene.last.subscribers, scene.last.listens) == (None, None, None)
    async with bred() as breed, client(breed.url, stats="", sample_s=0.1) as scene:
        await scene.until(lambda: len(scene.of(Broker)) >= 3)
    assert not any('"stats"' in text for text in breed.heard)


async def test_says_that_it_does_not_listen():
    """A broker that says that it does not hear the database is soon asked again, not only in the next sweep."""
    async with bred(stats=[{"listens": False}]) as breed, client(breed.url, sample_s=0.1, sweep_s=3600) as scene:
        await scene.until(lambda: scene.last and scene.last.listens is False)
        breed.stats = [{"listens": True}]
        await scene.until(lambda: scene.last.listens, 1)


@pytest.mark.parametrize("stats", [[{"subscribers": 12, "listens": False}], ["fine", {"subscribers": 12}], []])
async def test_statistics(stats):
    """Of its statistics the first answer counts; that it answered is a round trip in any case."""
    async with bred(stats=stats) as breed, client(breed.url) as scene:
        said = await scene.until_connected()
    assert (said.subscribers, said.listens) == ((12, False) if stats and stats[0] != "fine" else (None, None))


@pytest.mark.parametrize(
    "event",
    [
        '42["message"]',
        '42["message",null]',
        '42["message",[1]]',
        '42["message",{"id":null}]',
        '42["message",{"id":[1]}]',
        '42["message",{}]',
        '42["other",{"id":1}]',
    ],
)
async def test_strange_events(event):
    """An event that identifies no signal is passed over."""
    async with bred(stats=[{}], after=[event, '42["message",{"id":7},"more"]']) as breed, client(breed.url) as scene:
        await scene.until(lambda: scene.of(Relayed))
    assert scene.of(Relayed) == [Relayed("messages", (7,))]
    assert {one.state for one in scene.of(Broker)} == {"connected"}


@pytest.mark.parametrize("word", ['42["message"', "42", "4", "47", "45x-", '42{"a":1}'])
async def test_broken_packet(word):
    """A packet that cannot be read ends the connection, and is never more than one word."""
    async with bred(after=[word]) as breed, client(breed.url, stats="") as scene:
        said = await scene.until_state("down")
    assert said.error == "bad_answer"


@pytest.mark.parametrize("opening", ["0{}", "0", "", "x", "0[1]", '0{"sid":1}', "6", '0{"sid":"a","upgrades":[]}'])
async def test_broken_handshake(opening):
    """A handshake that cannot be read is a broker that does not open."""
    async with bred(opening=opening) as breed, client(breed.url) as scene:
        said = await scene.until(lambda: scene.last)
    assert (said.state, said.error) == ("down", "bad_answer")


@pytest.mark.parametrize(
    ("word", "state", "told"),
    [
        ('44{"message":"jwt expired"}', "refused", "jwt expired"),
        ('44{"message":"bad\\u001b[31m token sk-ant-1234567890abcdefghij"}', "refused", "bad\\x1b[31m token •••"),
        ('44"no"', "refused", "no"),
        ("44{}", "refused", ""),
        ('44{"message":"Invalid namespace"}', "down", "namespace"),
    ],
)
async def test_answers(word, state, told):
    """The namespace's words are quoted: without secrets and control characters, and cut."""
    async with bred(welcome=(word,)) as breed, client(breed.url) as scene:
        said = await scene.until(lambda: scene.last)
    assert (said.state, said.error or said.answer) == (state, told)


async def test_long_answer():
    """An answer that never ends is cut."""
    word = '44{"message":"' + "no, no " * 1000 + '"}'
    async with bred(welcome=(word,)) as breed, client(breed.url) as scene:
        said = await scene.until(lambda: scene.last)
    assert len(said.answer) <= 200


async def test_thrown_out():
    """Who lets us in and throws us out at once is down, and left alone for longer each time."""
    async with bred(welcome=('40{"sid":"b"}', "41")) as breed, client(breed.url, stats="", sample_s=5) as scene:
        await scene.until(lambda: len(breed.came) >= 6, 10)
    assert {one.error for one in scene.of(Broker) if one.state == "down"} <= {"closed"}
    between = [after - before for before, after in pairwise(breed.came)]
    assert all(one >= 0.01 * 2**number for number, one in enumerate(between))


async def test_never_welcomed():
    """A namespace that does not answer at all is not waited for longer than the deadline."""
    async with bred(welcome=()) as breed, client(breed.url, timeout_s=0.3) as scene:
        began = time.monotonic()
        said = await scene.until(lambda: scene.last)
        assert time.monotonic() - began < 1.5
    assert (said.state, said.error) == ("down", "timeout")


# To be woken, and to end


async def test_wake(broker):
    """Woken while it waits for its next attempt, it tries at once; woken while it is connected, it asks at once."""
    await broker.stop()
    async with client(broker.url, sweep_s=3600) as scene:
        began = time.monotonic()
        for count in range(1, 13):
            await scene.until(lambda count=count: len(scene.of(Broker)) >= count)
            scene.client.wake()
        # Unwoken, the least waits of so many attempts add up to five seconds.
        assert time.monotonic() - began < 3
        await broker.start()
        scene.client.wake()
        await scene.until_connected()
        broker._listens = True
        scene.client.wake()
        await scene.until(lambda: scene.last.listens, 1)


async def test_end(broker):
    """Told to end, it leaves nothing behind: no task, no connection, no client that the library still knows."""
    others = asyncio.all_tasks()

    def left():
        return {task for task in asyncio.all_tasks() - others if "_send_ping" not in repr(task)}

    async with client(broker.url) as scene:
        await scene.until_connected()
    async with served(hang) as url, client(url, timeout_s=30):
        await asyncio.sleep(0.05)
    async with client(f"http://127.0.0.1:{free_port()}") as scene:
        await scene.until(lambda: scene.last)
    await broker.stop()
    async with asyncio.timeout(2):
        while left():
            await asyncio.sleep(0.01)
    assert engineio.base_client.connected_clients == []


async def test_end_while_frozen(broker):
    """Told to end while nothing answers, it ends soon."""
    door = Door(broker.port)
    async with served(door.let) as url:
        async with client(url, sample_s=30) as scene:
            await scene.until_connected()
            door.way.clear()
            began = time.monotonic()
        assert time.monotonic() - began < 1.5
        door.way.set()


async def test_library_is_silent(broker, capfd, caplog):
    """Whatever the library has to say is not said: neither on standard error nor in the logs."""
    with caplog.at_level(logging.DEBUG):
        async with client(broker.url) as scene:
            await scene.until_connected()
            await broker.stop()
            await scene.until_state("down")
        async with bred(after=["47"]) as breed, client(breed.url) as scene:
            await scene.until_state("down")
    assert not [record for record in caplog.records if record.name.startswith(("socketio", "engineio", "monitor"))]
    assert "engineio" not in "".join(capfd.readouterr())
