"""Does a port open: what each way of not opening is called."""

from __future__ import annotations

import asyncio
import errno

import pytest

from monitor.domain.probing import ServiceTarget
from monitor.sources.probes import refusal, tcp
from tests.sources.probes.servers import hung, nobody, serving, silent


def target(port):
    return ServiceTarget("milvus", "tcp", address=f"localhost:{port}")


async def asked(port, *addresses, timeout_s=0.3):
    """Ask in earnest; give the outcome and how long it took."""
    started = asyncio.get_running_loop().time()
    probe = await tcp.ask(target(port), addresses or ("127.0.0.1",), timeout_s)
    return probe, asyncio.get_running_loop().time() - started


async def test_opens():
    """An open port is an answer with its latency, and the connection is ended at once."""
    async with serving(silent) as served:
        probe, _ = await asked(served.port)
        await served.alone()
    assert (probe.outcome, probe.service, probe.target) == ("answered", "milvus", f"localhost:{served.port}")
    assert 0 < probe.latency_ms < 300


async def test_refused():
    """A port without anybody is refused, at every one of the host's addresses."""
    port = nobody()
    for addresses in (["127.0.0.1"], ["127.0.0.1", "::1"], ["::1", "127.0.0.1"]):
        probe, took = await asked(port, *addresses)
        assert (probe.outcome, probe.latency_ms) == ("refused", None)
        assert took < 0.2


async def test_hung():
    """A door that lets nobody in is a timeout, after its time and not later."""
    with hung() as port:
        probe, took = await asked(port)
    assert probe.outcome == "timeout"
    assert 0.29 < took < 0.5


async def test_one_refuses():
    """Where one address refuses and another one hangs, somebody has answered: it is refused."""
    with hung() as port:
        for addresses in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
            probe, _ = await asked(port, *addresses)
            assert probe.outcome == "refused"


async def test_next_address():
    """An address that hangs takes only its share of the time: the next one is still asked."""
    with hung() as port:
        async with serving_on("127.0.0.2", port):
            probe, took = await asked(port, "127.0.0.1", "127.0.0.2", timeout_s=0.6)
    assert probe.outcome == "answered"
    assert 0.29 < took < 0.5


class serving_on:  # noqa: N801 - reads as the function that it stands in for
    """Somebody who listens on one address only."""

    def __init__(self, address, port):
        self._place = (address, port)

    async def __aenter__(self):
        self._server = await asyncio.start_server(silent, *self._place)

    async def __aexit__(self, *_):
        self._server.close()


@pytest.mark.parametrize(
    ("error", "outcome", "answer"),
    [
        (OSError(errno.ECONNREFUSED, "x"), "refused", ""),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 99] b"), "refused", ""),
        (OSError("Multiple exceptions: [Errno 24] a, [Errno 24] b"), "exhausted", ""),
        (OSError(errno.EMFILE, "x"), "exhausted", ""),
        (OSError(errno.ENFILE, "x"), "exhausted", ""),
        (OSError(errno.ENOBUFS, "x"), "exhausted", ""),
        (OSError(errno.EHOSTUNREACH, "x"), "timeout", ""),
        (OSError(errno.ENETUNREACH, "x"), "timeout", ""),
        (OSError(errno.ETIMEDOUT, "x"), "timeout", ""),
        (TimeoutError(), "timeout", ""),
        (OSError(errno.ECONNRESET, "x"), "bad_answer", "reset"),
        (OSError(errno.EPIPE, "x"), "bad_answer", "reset"),
    ],
)
def test_refusals(error, outcome, answer):
    """Each error of a connection has its name, also where several come in one sentence."""
    probe = refusal.of(target(1), error)
    assert (probe.outcome, probe.answer) == (outcome, answer)
