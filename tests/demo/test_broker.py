"""The demo's broker: lets in who has the secret, relays what the database signals, and can be broken in three ways."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest
import socketio
from joserfc import jwt
from joserfc.jwk import OctKey

from monitor.demo import schema
from monitor.demo.broker import EVENTS, SESSION, DemoBroker
from monitor.errors import MonitorError

SECRET = "not-a-secret-but-long-enough-to-be-one"


@pytest.fixture
async def broker(huph, server):
    """A broker that hears the database of this test."""
    made = DemoBroker(server.dsn(schema.DATABASE, schema.OWNER), SECRET)
    await made.start()
    yield made
    await made.stop()


def token(secret=SECRET, *, alg="HS256", expires_in=60, **claims):
    claims = {"sub": "someone", "exp": int(time.time()) + expires_in} | claims
    return jwt.encode({"alg": alg}, claims, OctKey.import_key(secret.encode()), algorithms=[alg])


class Inbox:
    """Somebody's inbox: what reached it, and whether it is connected."""

    def __init__(self):
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.got = asyncio.Queue()
        self.gone = asyncio.Event()
        self.refusal = None
        for event in EVENTS.values():

            def take(data, event=event):
                self.got.put_nowait((event, data))

            self.client.on(event, take)
        self.client.on("disconnect", lambda _: self.gone.set())
        self.client.on("connect_error", self._refused)

    def _refused(self, data):
        self.refusal = data

    async def next(self, seconds=3.0):
        async with asyncio.timeout(seconds):
            return await self.got.get()

    async def listens(self):
        return (await self.client.call("stats", timeout=2))["listens"]


@asynccontextmanager
async def inbox(broker, auth=None, *, room="inbox"):
    """Be connected meanwhile, in that room."""
    made = Inbox()
    try:
        await made.client.connect(broker.url, auth={"token": token()} if auth is None else auth, wait_timeout=3)
        if room:
            await made.client.emit("join", room)
        yield made
    finally:
        await made.client.disconnect()


async def write(huph):
    return await huph.fetchval(
        "insert into messages (conversation_id, sender_type, body) select min(id), 'user', 'text' from conversations"
        " returning id"
    )


@pytest.fixture
async def conversation(huph):
    return await huph.fetchval("insert into conversations (user_id, cluster_id) values (1001, 1) returning id")


async def test_relays(huph, conversation, broker, eventually):
    """What the triggers of each channel say comes to everyone in the room, as it was said and in its order."""
    async with inbox(broker) as one, inbox(broker) as other, inbox(broker, room="") as outside:
        await eventually(one.listens)
        numbers = [await write(huph) for _ in range(10)]
        await huph.execute("update conversations set handled_by = 'counselor' where id = $1", conversation)
        await huph.execute("insert into notifications (user_id, kind) values (11, 'assigned')")
        for box in (one, other):
            came = [await box.next() for _ in range(12)]
            assert [(event, data["id"]) for event, data in came[:10]] == [("message", number) for number in numbers]
            assert came[0][1].items() >= {"table": "messages", "op": "INSERT", "sender_type": "user"}.items()
            assert came[10] == ("conversation", {"table": "conversations", "op": "UPDATE", "id": conversation})
            assert came[11][0] == "notification"
        assert outside.got.empty()


async def test_stats(broker, eventually):
    """Asked for statistics it tells how many are in the room, and whether it hears the database."""
    async with inbox(broker) as one:
        await eventually(one.listens)
        assert await one.client.call("stats", timeout=2) == {"subscribers": 1, "listens": True}
        async with inbox(broker), inbox(broker, room="elsewhere"):
            assert await one.client.call("stats", timeout=2) == {"subscribers": 2, "listens": True}

        async def alone():
            return (await one.client.call("stats", timeout=2))["subscribers"] == 1

        await eventually(alone)


@pytest.mark.parametrize(
    "auth",
    [
        {"token": token("another secret that is long enough")},
        {"token": token(expires_in=-1)},
        {"token": token(alg="HS512")},
        {"token": "nonsense"},
        {"token": None},
        {"other": 1},
        "nonsense",
        {},
    ],
    ids=["other secret", "expired", "other algorithm", "no token", "none", "no key", "a text", "nothing"],
)
async def test_refuses_strangers(broker, auth):
    """Whoever has not the secret, or a token that is too old, is refused in one word."""
    made = Inbox()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await made.client.connect(broker.url, auth=auth, wait_timeout=3)
    assert made.refusal == {"message": "unauthorized"}


async def test_without_an_end(broker):
    """A token that never ends is none."""
    made = Inbox()
    endless = jwt.encode({"alg": "HS256"}, {"sub": "someone"}, OctKey.import_key(SECRET.encode()))
    with pytest.raises(socketio.exceptions.ConnectionError):
        await made.client.connect(broker.url, auth={"token": endless}, wait_timeout=3)


async def test_stop(broker):
    """Stopped, it cuts everyone off, frees its port and soon is gone; started again it is where it was."""
    async with inbox(broker) as one:
        began = time.monotonic()
        await broker.stop()
        assert time.monotonic() - began < 1
        assert not broker.running
        async with asyncio.timeout(2):
            await one.gone.wait()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", broker.port))
    url = broker.url
    await broker.start()
    assert (broker.url, broker.running) == (url, True)
    async with inbox(broker):
        pass


async def test_stop_and_start_twice(broker):
    """To stop what is stopped, and to start what runs, changes nothing."""
    await broker.start()
    async with inbox(broker) as one:
        await broker.start()
        assert one.client.connected
    await broker.stop()
    await broker.stop()
    assert not broker.running


async def test_port_taken(broker):
    """A port that somebody else has is said, and leaves nothing half open."""
    other = DemoBroker("postgresql://nobody@127.0.0.1:1/none", SECRET, broker.port)
    with pytest.raises(MonitorError, match=f"port {broker.port}"):
        await other.start()
    assert not other.running


async def test_deaf(huph, conversation, broker, eventually):
    """Deaf, it keeps everyone connected and relays nothing; what was missed does not come later."""
    async with inbox(broker) as one:
        await eventually(one.listens)
        broker.deaf = True
        await write(huph)
        await asyncio.sleep(0.2)
        assert one.got.empty()
        assert one.client.connected
        broker.deaf = False
        number = await write(huph)
        assert (await one.next())[1]["id"] == number


async def test_refuse(broker):
    """Told to refuse, it lets everyone go and nobody in, good token or not, until it is told to accept."""
    async with inbox(broker) as one:
        broker.refuse(True)
        async with asyncio.timeout(2):
            await one.gone.wait()
    made = Inbox()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await made.client.connect(broker.url, auth={"token": token()}, wait_timeout=3)
    assert made.refusal == {"message": "unauthorized"}
    broker.refuse(False)
    async with inbox(broker):
        pass


async def test_refuse_while_stopped(broker):
    """What it was told while it was stopped holds when it starts."""
    await broker.stop()
    broker.refuse(True)
    await broker.start()
    made = Inbox()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await made.client.connect(broker.url, auth={"token": token()}, wait_timeout=3)


async def test_hears_again(huph, conversation, broker, eventually):
    """Its session ended, it says that it does not listen, listens again by itself, and relays."""
    async with inbox(broker) as one:
        await eventually(one.listens)
        ended = await huph.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1", SESSION
        )
        assert ended == 1

        async def deaf():
            return not await one.listens()

        await eventually(deaf)
        await eventually(one.listens)
        number = await write(huph)
        assert (await one.next())[1]["id"] == number


async def test_without_database():
    """Without a database it lets in all the same, and says that it hears nothing."""
    broker = DemoBroker("postgresql://nobody@127.0.0.1:1/none", SECRET)
    await broker.start()
    try:
        async with inbox(broker) as one:
            assert await one.client.call("stats", timeout=2) == {"subscribers": 1, "listens": False}
    finally:
        await broker.stop()


async def test_odd_signal(huph, conversation, broker, eventually):
    """A signal that is no JSON is passed over, and the next one comes."""
    async with inbox(broker) as one:
        await eventually(one.listens)
        await huph.execute("select pg_notify('messages', 'no json')")
        number = await write(huph)
        assert (await one.next())[1]["id"] == number


async def test_leaves_no_session(huph, broker, eventually):
    """Stopped, it leaves no session in the database."""
    async with inbox(broker) as one:
        await eventually(one.listens)
    await broker.stop()

    async def none():
        return not await huph.fetchval("select count(*) from pg_stat_activity where application_name = $1", SESSION)

    await eventually(none)
