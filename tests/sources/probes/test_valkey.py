"""A real Valkey, with and without a password, and others that answer in its place."""

from __future__ import annotations

import asyncio

import pytest

from monitor.domain.probing import ServiceTarget
from monitor.secret import Secret
from monitor.sources.probes import valkey
from tests.sources.probes.servers import answer, begins, drips, endless, hung, nobody, resets, says, serving, silent


async def asked(port, password=None, timeout_s=0.5):
    secret = Secret(password) if password is not None else None
    target = ServiceTarget("valkey", "valkey", address=f"127.0.0.1:{port}", password=secret)
    return await valkey.ask(target, ["127.0.0.1"], timeout_s)


@pytest.fixture(scope="session")
def open_valkey(start_valkey):
    return start_valkey()


@pytest.fixture(scope="session")
def locked_valkey(start_valkey):
    return start_valkey(requirepass="open sesame")


async def test_pong(open_valkey):
    """A Valkey answers, and says how quickly."""
    probe = await asked(open_valkey)
    assert (probe.outcome, probe.answer) == ("answered", "")
    assert 0 < probe.latency_ms < 500


async def test_needless_password(open_valkey):
    """A password that nobody asks for is no trouble."""
    assert (await asked(open_valkey, "open sesame")).outcome == "answered"


async def test_password(locked_valkey):
    """With its password it answers, whatever that is made of."""
    assert (await asked(locked_valkey, "open sesame")).outcome == "answered"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (None, "asks for a login"),
        ("hunter2", "refuses the password"),
        ("", "refuses the password"),
        ("x\r\nPING\r\n", "refuses the password"),
    ],
)
async def test_no_login(locked_valkey, password, words):
    """Without the right password the service lives and is not well; what is in a password is never a command."""
    probe = await asked(locked_valkey, password)
    assert (probe.outcome, probe.answer) == ("bad_answer", words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"-LOADING Valkey is loading the dataset in memory\r\n", "error LOADING"),
        (b"-DENIED " + b"protected mode " * 90 + b"\r\n", "error DENIED"),
        (b"-ERR\r\n", "error ERR"),
        (b"+OK\r\n", "no Valkey"),
        (b"220 smtp.example ESMTP\r\n", "no Valkey"),
        (b"+PONG", "no Valkey"),
        (b"-hunter2 is wrong\r\n", "no Valkey"),
        (b"", "closed without an answer"),
    ],
)
async def test_other_words(line, words):
    """Whatever else is said is no PONG; of an error only its code is kept."""

    async def behave(reader, writer):
        await reader.read(100)
        writer.write(line)

    async with serving(behave) as served:
        probe = await asked(served.port)
    assert (probe.outcome, probe.answer) == ("bad_answer", words)


async def test_denied_with_password():
    """A server that turns us away before it reads the password is understood too."""

    async def behave(reader, writer):
        await reader.read(100)
        writer.write(b"-DENIED no\r\n")

    async with serving(behave) as served:
        probe = await asked(served.port, "hunter2")
    assert (probe.outcome, probe.answer) == ("bad_answer", "error DENIED")


async def test_http_in_its_place():
    """A web server on its port is no Valkey."""
    async with serving(says(answer(b"hello"))) as served:
        probe = await asked(served.port, timeout_s=0.3)
    assert probe.outcome in {"timeout", "bad_answer"}


@pytest.mark.parametrize(
    ("behave", "outcome", "words"),
    [
        pytest.param(silent, "timeout", "", id="silent"),
        pytest.param(begins(b"+PON"), "timeout", "", id="half a word"),
        pytest.param(drips(b"+", b"P", 0.05), "timeout", "", id="drip"),
        pytest.param(endless(b"+", b"P" * 50_000), "bad_answer", "no Valkey", id="endless line"),
        pytest.param(resets, "bad_answer", "reset", id="reset"),
    ],
)
async def test_misbehaves(behave, outcome, words):
    """Whoever does not answer is cut off after the time, and nobody stays connected."""
    started = asyncio.get_running_loop().time()
    async with serving(behave) as served:
        probe = await asked(served.port, timeout_s=0.3)
        await served.alone()
    assert (probe.outcome, probe.answer) == (outcome, words)
    assert asyncio.get_running_loop().time() - started < 0.6


async def test_nobody():
    """A port without anybody is refused; one that lets nobody in is a timeout."""
    assert (await asked(nobody())).outcome == "refused"
    with hung() as port:
        assert (await asked(port, timeout_s=0.2)).outcome == "timeout"
