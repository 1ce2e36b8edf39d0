"""Names to addresses: what is known, what does not exist, and a name server that says nothing and starves nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.domain.probing import Resolver
from monitor.sources.probes.names import Found, Names, name_server, system
from tests.fakes import Recorder

SOON = 0.15
"""The deadline of a lookup in these tests, in seconds."""
GOOD = Found("found", ("10.0.0.7",))


class Server:
    """A name server: answers, fails with an error, or hangs until it is let go."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.threads = set()
        self.go = threading.Event()
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, host):
        self.asked.append(host)
        self.threads.add(threading.current_thread())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == "hang":
                self.go.wait(20)
                answer = ["10.0.0.7"]
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.at_once -= 1


@pytest.fixture
def names():
    """Makes the names of a server; whatever hangs is let go at the end."""
    servers = []

    def make(*answers, deadline_s=SOON):
        server, said = Server(*answers), Recorder()
        servers.append(server)
        return Names(said, look_up=server, deadline_s=deadline_s), server, said

    yield make
    for server in servers:
        server.go.set()
        for thread in server.threads:
            thread.join(5)


def heard(said):
    return [facts.answers for facts in said.seen]


NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("10.0.0.7", ("10.0.0.7",)),
        ("::1", ("::1",)),
        ("localhost", ("127.0.0.1", "::1")),
    ],
)
async def test_needs_no_lookup(names, host, addresses):
    """An address is one already, and this machine knows itself."""
    some, server, said = names("hang")
    assert await some.find(host) == Found("found", addresses)
    assert (server.asked, said.seen) == ([], [])


async def test_found(names):
    """A name is looked up each time: its address may have moved."""
    some, server, said = names(["10.0.0.7", "10.0.0.8"], ["10.0.0.9"])
    assert await some.find("dify") == Found("found", ("10.0.0.7", "10.0.0.8"))
    assert await some.find("dify") == Found("found", ("10.0.0.9",))
    assert server.asked == ["dify", "dify"]
    assert said.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        NO_SUCH_NAME,
        socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"),
        UnicodeError("label empty or too long"),
        [],
    ],
)
async def test_no_such_name(names, answer):
    """A name server that knows no such name answers; a name with an old address has none any more."""
    some, _, said = names(["10.0.0.7"], answer)
    await some.find("dify")
    assert await some.find("dify") == Found("no_such_name")
    assert said.seen == []


async def test_no_such_name_for_real():
    """The machine's own resolver says so of a name that can never exist (RFC 6761), and knows its own."""
    try:
        system("no-such-name.invalid")
    except socket.gaierror as error:
        if error.errno != socket.EAI_NONAME:
            pytest.skip("no name server here that answers")
    assert await Names(Recorder(), deadline_s=15).find("no-such-name.invalid") == Found("no_such_name")
    assert "127.0.0.1" in system("localhost")
    assert await Names(Recorder()).find("db..example") == Found("no_such_name")


@pytest.mark.parametrize("answer", [AGAIN, socket.gaierror(socket.EAI_FAIL, "x"), OSError(5, "x")])
async def test_fails(names, answer):
    """A name server that fails is asked twice; then the last good address is used, and both misses are told."""
    some, server, said = names(["10.0.0.7"], answer)
    await some.find("dify")
    assert await some.find("dify") == GOOD
    assert (len(server.asked), heard(said)) == (3, [False, False])
    # While it lasts, once a time is enough.
    assert await some.find("dify") == GOOD
    assert (len(server.asked), heard(said)) == (4, [False, False, False])


async def test_fails_from_the_start(names):
    """Without a good address from before nothing can be asked."""
    some, _, said = names(AGAIN)
    assert await some.find("dify") == Found("unresolved")
    assert heard(said) == [False, False]
    assert said.seen[0] == Resolver(answers=False, resolver=name_server())


async def test_stumbles(names):
    """A name server that fails once and then answers has answered."""
    some, _, said = names(AGAIN, ["10.0.0.7"])
    assert await some.find("dify") == GOOD
    assert heard(said) == [False, True]


async def test_hangs(names):
    """A name server that hangs costs each lookup its deadline, one thread in all, and the last good address serves."""
    some, server, said = names(["10.0.0.7"], "hang")
    await some.find("dify")
    started = time.monotonic()
    assert [await some.find("dify") for _ in range(3)] == [GOOD] * 3
    assert 4 * SOON <= time.monotonic() - started < 4 * SOON + 1
    assert (len(server.asked), server.most_at_once) == (2, 1)
    assert heard(said) == [False] * 4


async def test_hangs_for_many(names):
    """Several who ask for one host share its thread; one who gives up takes nothing away from the others."""
    some, server, _ = names("hang", deadline_s=0.4)
    tasks = [asyncio.create_task(some.find("dify")) for _ in range(4)]
    await asyncio.sleep(0.05)
    tasks[0].cancel()
    server.go.set()
    assert [await task for task in tasks[1:]] == [GOOD] * 3
    assert (len(server.asked), server.most_at_once) == (1, 1)


async def test_answers_late(names):
    """An answer that comes after its deadline is remembered for the next lookup."""
    some, server, said = names("hang", ["10.0.0.8"])
    assert await some.find("dify") == Found("unresolved")
    server.go.set()
    while await some.find("dify") == Found("unresolved"):
        await asyncio.sleep(0.01)
    assert heard(said)[-1] is True


async def test_back(names):
    """When it answers again that is told once."""
    some, _, said = names(AGAIN, AGAIN, ["10.0.0.7"])
    assert await some.find("dify") == Found("unresolved")
    assert [await some.find("dify") for _ in range(3)] == [GOOD] * 3
    assert heard(said) == [False, False, True]


async def test_one_host_of_two(names):
    """As long as one host's name is not answered for, another one's answer does not hide it."""
    answers = {"dify": AGAIN, "admin": ["10.0.0.9"]}

    def look_up(host):
        if isinstance(answers[host], Exception):
            raise answers[host]
        return answers[host]

    said = Recorder()
    some = Names(said, look_up=look_up)
    for _ in range(3):
        assert await some.find("dify") == Found("unresolved")
        assert await some.find("admin") == Found("found", ("10.0.0.9",))
    assert True not in heard(said)
    answers["dify"] = ["10.0.0.7"]
    assert await some.find("dify") == GOOD
    assert heard(said)[-1] is True


async def test_one_hung_host_delays_no_other(names):
    """A name that hangs has a thread of its own: hundreds of others are found meanwhile."""
    some, server, _ = names("hang", ["10.0.0.9"], deadline_s=5)
    waiting = asyncio.create_task(some.find("dify"))
    await asyncio.sleep(0.02)
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(some.find(f"host{number}")) for number in range(200)]
    assert {task.result() for task in found} == {Found("found", ("10.0.0.9",))}
    assert time.monotonic() - started < 2
    server.go.set()
    assert await waiting == GOOD


def test_shared_executor_is_left_alone(names):
    """Nothing here uses the executor that everybody shares: hung names would keep the database's from connecting."""

    class Counted(ThreadPoolExecutor):
        used = 0

        def submit(self, *args, **kwargs):
            Counted.used += 1
            return super().submit(*args, **kwargs)

    async def scene():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Counted(1))
        some, server, _ = names("hang")
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(some.find(f"host{number}"))
        assert Counted.used == 0
        started = time.monotonic()
        await loop.run_in_executor(None, lambda: None)
        assert time.monotonic() - started < 0.2
        server.go.set()

    asyncio.run(scene())


def test_our_end_waits_for_no_name(names):
    """A loop that ends leaves a hung name behind without waiting, and its late answer disturbs nobody."""
    some, server, _ = names("hang", deadline_s=0.05)
    started = time.monotonic()
    asyncio.run(some.find("dify"))
    assert time.monotonic() - started < 0.5
    assert all(thread.daemon for thread in server.threads)
    server.go.set()
    for thread in server.threads:
        thread.join(5)
        assert not thread.is_alive()


def test_name_server(tmp_path):
    """The name server is the first of the machine's settings; where nothing is told, nothing is claimed."""
    settings = tmp_path / "resolv.conf"
    assert name_server(settings) == "?"
    settings.write_text("# nameserver 10.0.0.1\nsearch example\nnameserver\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n")
    assert name_server(settings) == "10.0.0.2"
    settings.write_text("search example\n")
    assert name_server(settings) == "?"
