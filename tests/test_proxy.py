"""The proxy does to a connection what the network of its mode would do."""

from __future__ import annotations

import asyncio

import pytest

from tests.proxy import BLACKHOLE, HOST, PARTITION, PASS, REFUSE, RESET, latency, proxied, stall, throttle


@pytest.fixture
async def network():
    """A server that repeats each line, behind a proxy."""
    writers = []

    async def repeat(reader, writer):
        writers.append(writer)
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(repeat, HOST, 0)
    async with proxied(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    for writer in writers:
        writer.close()
    server.close()


async def dial(proxy, within=1.0):
    async with asyncio.timeout(within):
        return await asyncio.open_connection(HOST, proxy.port)


async def say(link, text=b"hello\n", within=1.0):
    """Say a line; give the seconds until it comes back."""
    reader, writer = link
    started = asyncio.get_running_loop().time()
    writer.write(text)
    async with asyncio.timeout(within):
        assert await reader.readline() == text
    return asyncio.get_running_loop().time() - started


async def test_pass_and_latency(network):
    """What is said comes through, and takes its round trip longer when the way is longer."""
    link = await dial(network)
    await say(link)
    await network.set(latency(200))
    assert await say(link) >= 0.2
    await network.set(PASS)
    await say(link)
    link[1].close()


async def test_throttle(network):
    """A narrow line takes as long as its bytes."""
    link = await dial(network)
    await network.set(throttle(2000))
    assert await say(link, b"x" * 511 + b"\n", 3) >= 0.25
    link[1].close()


@pytest.mark.parametrize("mode", [BLACKHOLE, PARTITION], ids=["blackhole", "partition"])
async def test_swallowed(network, mode):
    """A black hole says nothing on old connections, and when it is over those that lost something are reset."""
    link, idle = await dial(network), await dial(network)
    await say(link)
    await say(idle)
    await network.set(mode)
    with pytest.raises(TimeoutError):
        await say(link, within=0.2)
    if mode is BLACKHOLE:
        silent = await dial(network)
        with pytest.raises(TimeoutError):
            await say(silent, within=0.2)
    else:
        with pytest.raises(TimeoutError):
            await dial(network, within=0.5)
    await network.set(PASS)
    with pytest.raises((ConnectionError, AssertionError)):
        await say(link)
    await say(idle)
    fresh = await dial(network, within=5)
    await say(fresh)


async def test_stalled(network):
    """While one side is not read nothing of it arrives, and nothing is lost."""
    link = await dial(network)
    await network.set(stall("server"))
    link[1].write(b"first\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await link[0].readline()
    await network.set(PASS)
    assert await link[0].readline() == b"first\n"


async def test_reset_and_refuse(network):
    """Reset ends what is open and what comes; refuse lets nobody in; and the same port serves again afterwards."""
    link = await dial(network)
    await say(link)
    await network.set(RESET)
    with pytest.raises(ConnectionError):
        await say(link)
    await network.set(REFUSE)
    with pytest.raises(ConnectionRefusedError):
        await dial(network)
    await network.set(PASS)
    await say(await dial(network))


async def test_flapping(network):
    """A network that flaps is there again in the end."""
    await network.flap(REFUSE, every_s=0.05, times=3)
    await say(await dial(network))
