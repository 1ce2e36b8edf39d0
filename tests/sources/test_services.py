"""The services' rounds: when each is asked, what comes of it, and that no service holds up another one."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.domain.probing import Probe, Resolver, ServiceTarget
from monitor.domain.signal import Sample
from monitor.sources.probes.names import Names
from monitor.sources.services import REST_S, Services
from tests.fakes import LoopClock, Recorder, leaping
from tests.sources.probes.servers import answer, nobody, says, serving, silent

SWEEP_S = 30.0
TIMEOUT_S = 3.0


class Place:
    """A service as a script: each answer takes its seconds and ends in its way; the last one for ever."""

    def __init__(self, *script: tuple[float, str]) -> None:
        self.script = list(script)
        self.asked_at: list[float] = []
        self.asking = 0
        self.most_asking = 0

    async def ask(self, target: ServiceTarget, _: object, timeout_s: float) -> Probe:
        assert timeout_s == TIMEOUT_S
        self.asked_at.append(round(asyncio.get_running_loop().time(), 3))
        takes, outcome = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        await asyncio.sleep(takes)
        self.asking -= 1
        return target.probe(outcome, latency_ms=1000 * takes if outcome == "answered" else None)


@asynccontextmanager
async def running(work):
    """Let this run in a task meanwhile."""
    task = asyncio.get_running_loop().create_task(work.run())
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def scene(places, lasting, looks=(), **more):
    """Run the services for so many seconds with hints at these; give what was said of whom."""
    said = Recorder()

    async def play():
        async def ask(target, addresses, timeout_s):
            return await places[target.name].ask(target, addresses, timeout_s)

        targets = [ServiceTarget(name, "tcp", address="127.0.0.1:1") for name in places]
        services = Services(
            targets, sweep_s=SWEEP_S, timeout_s=TIMEOUT_S, clock=LoopClock(), emit=said, asks={"tcp": ask}, **more
        )
        for at, name in looks:
            asyncio.get_running_loop().call_at(at, services.look, name)
        async with running(services):
            await asyncio.sleep(lasting)
        assert all(place.most_asking <= 1 for place in places.values())
        assert len(asyncio.all_tasks()) == 1

    leaping(play())
    return [(sample.facts.service, sample.facts.outcome) for sample in said.seen]


WELL, GONE, HUNG = (0.0, "answered"), (0.0, "refused"), (3.0, "timeout")

# The rhythm, in a loop whose time leaps


def test_every_sweep():
    """A service is asked at once and then once a sweep; several are a little apart."""
    places = {name: Place(WELL) for name in ("a", "b", "c")}
    scene(places, 65)
    assert {name: place.asked_at for name, place in places.items()} == {
        "a": [0, 30, 60],
        "b": [0.1, 30.1, 60.1],
        "c": [0.2, 30.2, 60.2],
    }


def test_slow_ones_keep_the_rhythm():
    """How long an answer takes does not move the next question: evidence is renewed once a sweep."""
    place = Place((2.5, "answered"))
    scene({"a": place}, 95)
    assert place.asked_at == [0, 30, 60, 90]


@pytest.mark.parametrize("miss", ["refused", "timeout", "no_such_name", "bad_answer"])
def test_a_miss_is_asked_again_at_once(miss):
    """The second question follows the first miss at once; while it lasts, one a sweep is enough."""
    place = Place(WELL, (3.0, miss))
    said = scene({"a": place}, 100)
    assert place.asked_at == [0, 30, 33, 60, 90]
    assert said == [("a", "answered"), *[("a", miss)] * 4]


def test_a_stumble():
    """One miss between two answers is asked again at once, each time it happens."""
    place = Place(GONE, WELL)
    assert scene({"a": place}, 10) == [("a", "refused"), ("a", "answered")]
    place = Place(WELL, GONE, WELL, GONE, WELL)
    scene({"a": place}, 70)
    assert place.asked_at == [0, 30, 30, 60, 60]


def test_after_it_came_back():
    """A miss after an answer is a first one again."""
    place = Place(GONE, GONE, WELL, GONE, GONE)
    scene({"a": place}, 65)
    assert place.asked_at == [0, 0, 30, 60, 60]


def test_hint():
    """A hint is followed at once, by whom it names or by all, and the sweep begins anew from it."""
    places = {name: Place(WELL) for name in ("a", "b")}
    scene(places, 55, [(10, "a"), (20, None), (25, "nobody")])
    assert places["a"].asked_at == [0, 10, 20, 50]
    assert places["b"].asked_at == [0.1, 20, 50]


def test_flood_of_hints():
    """However often it is hinted at, a service rests in between."""
    place = Place(WELL)
    scene({"a": place}, 4.5, [(number / 100, "a") for number in range(500)])
    assert place.asked_at == [round(number * REST_S, 3) for number in range(len(place.asked_at))]
    assert len(place.asked_at) == 5


def test_hint_while_asking():
    """A hint that comes while the question is under way is not lost."""
    place = Place((2.0, "answered"))
    scene({"a": place}, 10, [(1, "a")])
    assert place.asked_at == [0, 3.0]


def test_one_does_not_wait_for_another():
    """A hung service holds no other up."""
    places = {"a": Place(HUNG), "b": Place(WELL)}
    scene(places, 65)
    assert places["b"].asked_at == [0.1, 30.1, 60.1]


def test_without_services():
    """Without any service there is nothing to do, and that is no end."""
    assert scene({}, 100) == []


# What says nothing of a service


def test_our_own_lag():
    """A sample of which more than half is our own lag is thrown away and asked again; twice is enough for a round."""
    lags = iter([1.6, 0.0, 1.6, 1.6, 1.5])
    place = Place((3.0, "timeout"))
    said = scene({"a": place}, 50, lag_since=lambda _: next(lags, 0.0))
    # 0: thrown away, asked again at 3: a miss; asked again at 6 and at 9: both thrown away. 30: it counts again.
    assert place.asked_at == [0, 3, 6, 9, 30]
    assert said == [("a", "timeout")] * 2


def test_lag_is_asked_since_the_question():
    """The lag is that of the question's own time."""
    since = []

    def lag_since(mono):
        since.append(mono)
        return 0.0

    scene({"a": Place((2.0, "answered"))}, 35, lag_since=lag_since)
    assert since == [0, 30]


def test_silence_is_said_as_it_is():
    """Silence of all is told like any other: whether our own network is to blame is judged where all is known."""
    said = scene({"a": Place(HUNG), "b": Place(HUNG)}, 7)
    assert sorted(said) == [("a", "timeout")] * 2 + [("b", "timeout")] * 2


@pytest.mark.parametrize("nothing", ["unresolved", "exhausted"])
def test_no_evidence_is_no_miss(nothing):
    """What says nothing of the service is not asked again at once, and ends no series of misses."""
    place = Place((0.0, nothing))
    assert scene({"a": place}, 65) == [("a", nothing)] * 3
    assert place.asked_at == [0, 30, 60]
    place = Place(GONE, GONE, (0.0, nothing), GONE)
    scene({"a": place}, 65)
    assert place.asked_at == [0, 0, 30, 60]


# For real


async def asked(targets, count, timeout_s=0.5, **more):
    """Ask these in earnest until so much has been said; give the facts."""
    said = Recorder()
    services = Services(targets, sweep_s=SWEEP_S, timeout_s=timeout_s, clock=SystemClock(), emit=said, **more)
    async with asyncio.timeout(20), running(services):
        seen = list(await said.until(count))
    assert all(isinstance(sample, Sample) for sample in seen)
    return [sample.facts for sample in seen]


async def test_each_kind():
    """Each kind of service is asked in its own way, each in a task that bears its name."""
    async with serving(says(answer(b"ok"))) as web, serving(silent) as port:

        async def pong(reader, writer):
            await reader.readline()
            writer.write(b"+PONG\r\n")

        async with serving(pong) as valkey:
            targets = [
                ServiceTarget("admin", "http", f"http://localhost:{web.port}/"),
                ServiceTarget("milvus", "tcp", address=f"127.0.0.1:{port.port}"),
                ServiceTarget("valkey", "valkey", address=f"127.0.0.1:{valkey.port}"),
            ]
            facts = await asked(targets, 3)
    assert {(one.service, one.outcome) for one in facts} == {
        ("admin", "answered"),
        ("milvus", "answered"),
        ("valkey", "answered"),
    }


async def test_no_such_name():
    """A name that the name server does not know is a miss of the service, and none of the name server."""

    def look_up(host):
        raise OSError(0, host)

    targets = [ServiceTarget("dify", "http", "http://no-such-name.invalid/")]
    silent_server = Names(Recorder(), look_up=look_up, deadline_s=0.1)
    (probe,) = await asked(targets, 1, names=silent_server)
    assert probe.outcome == "unresolved"


@pytest.fixture
def hung_names():
    """A name server that answers for "here" and hangs for everybody else."""
    go = threading.Event()

    def look_up(host):
        if host != "here":
            go.wait(30)
        return ["127.0.0.1"]

    yield look_up
    go.set()


async def test_hung_name_server(hung_names):
    """A hung name server is told as such; services that need no name go on, the others say nothing of themselves."""
    said = Recorder()
    async with serving(says(answer(b"ok"))) as web:
        targets = [
            ServiceTarget("lost", "http", f"http://lost:{web.port}/"),
            ServiceTarget("here", "http", f"http://here:{web.port}/"),
            ServiceTarget("plain", "http", f"http://127.0.0.1:{web.port}/"),
        ]
        names = Names(lambda facts: said(Sample(SystemClock().now(), facts)), look_up=hung_names, deadline_s=0.2)
        services = Services(targets, sweep_s=30, timeout_s=0.5, clock=SystemClock(), emit=said, names=names)
        async with asyncio.timeout(10), running(services):
            facts = [sample.facts for sample in await said.until(5)]
    assert {(one.service, one.outcome) for one in facts if isinstance(one, Probe)} == {
        ("here", "answered"),
        ("plain", "answered"),
        ("lost", "unresolved"),
    }
    assert [one.answers for one in facts if isinstance(one, Resolver)] == [False, False]


async def test_a_hung_service_moves_no_other():
    """While others hang, drip and flood us, a service's own time moves by less than 50 ms."""

    async def flood(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def quick_ones(*others):
        async with AsyncExitStack() as stack:
            served = [await stack.enter_async_context(serving(one)) for one in (says(answer(b"ok")), *others)]
            said = Recorder()
            targets = [
                ServiceTarget(str(number), "http", f"http://127.0.0.1:{one.port}/") for number, one in enumerate(served)
            ]
            services = Services(targets, sweep_s=1.0, timeout_s=0.9, clock=SystemClock(), emit=said)
            async with running(services):
                await asyncio.sleep(3.5)
        facts = [sample.facts for sample in said.seen]
        return [one.latency_ms for one in facts if one.service == "0" and one.outcome == "answered"]

    alone = await quick_ones()
    among = await quick_ones(*[silent] * 5, flood)
    assert min(len(alone), len(among)) >= 3
    assert statistics.median(among) - statistics.median(alone) < 50


CHILD = """
import asyncio, json, os, resource, sys
from monitor.clock import SystemClock
from monitor.domain.probing import ServiceTarget
from monitor.sources.services import Services

port = int(sys.argv[1])
targets = [
    ServiceTarget("web", "http", f"http://127.0.0.1:{port}/"),
    ServiceTarget("named", "http", f"http://no-such-name.invalid:{port}/"),
    ServiceTarget("port", "tcp", address=f"localhost:{port}"),
    ServiceTarget("valkey", "valkey", address=f"127.0.0.1:{port}"),
]

async def main():
    said, came = [], asyncio.Event()
    def emit(sample):
        if hasattr(sample.facts, "service"):
            said.append((sample.facts.service, sample.facts.outcome))
            came.set()
    services = Services(targets, sweep_s=30, timeout_s=2, clock=SystemClock(), emit=emit)
    async def until(count):
        async with asyncio.timeout(20):
            while len(said) < count:
                came.clear()
                await came.wait()
        seen, said[:] = said[:], []
        return seen
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    task = asyncio.create_task(services.run())
    without = await until(4)
    for one in held:
        os.close(one)
    await asyncio.sleep(1.1)
    services.look()
    print(json.dumps([without, await until(6)]))
    task.cancel()

asyncio.run(main())
"""


async def test_without_files():
    """Without a file left every probe says that it is our own fault; with files again it asks as ever."""
    async with serving(says(answer(b"ok"))) as web:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(web.port), stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
        )
        async with asyncio.timeout(30):
            out, _ = await child.communicate()
    without, again = json.loads(out)
    assert sorted(map(tuple, without)) == [(name, "exhausted") for name in ("named", "port", "valkey", "web")]
    assert {tuple(one) for one in again} >= {("web", "answered"), ("port", "answered"), ("named", "no_such_name")}


async def test_real_outage():
    """A service that goes away and comes back is refused twice at once, and answers at the next look."""
    port, said = nobody(), Recorder()
    target = ServiceTarget("dify", "http", f"http://127.0.0.1:{port}/")
    services = Services([target], sweep_s=30, timeout_s=1, clock=SystemClock(), emit=said)
    started = time.monotonic()
    async with asyncio.timeout(10), running(services):
        await said.until(2)
        assert time.monotonic() - started < 1
        async with serving(says(answer(b"ok")), port=port):
            services.look("dify")
            seen = await said.until(3)
    assert [sample.facts.outcome for sample in seen] == ["refused", "refused", "answered"]
