"""A real Valkey: it answers, it is ours, and nothing of it is left."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from monitor.demo import account, processes
from monitor.demo.port import free_port
from monitor.demo.valkey import EmbeddedValkey
from monitor.errors import MonitorError

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def valkey(directory):
    valkey = EmbeddedValkey(directory / "valkey", free_port())
    await valkey.start()
    yield valkey
    valkey.stop()


async def say(valkey, *words):
    reader, writer = await asyncio.open_connection("127.0.0.1", valkey.port)
    writer.write(" ".join(words).encode() + b"\r\n")
    said = await reader.readline()
    writer.close()
    return said


async def test_it_answers_on_loopback_and_keeps_nothing(valkey):
    """It answers a PING, listens nowhere else, and writes nothing to the disk."""
    assert await say(valkey, "PING") == b"+PONG\r\n"
    assert await say(valkey, "SET", "a", "1") == b"+OK\r\n"
    listening = psutil.Process(valkey.pid).net_connections()
    assert {one.laddr[:2] for one in listening if one.status == "LISTEN"} == {("127.0.0.1", valkey.port)}
    owner = psutil.Process(valkey.pid).uids().real
    assert owner == account.identity().get("user", valkey.base.stat().st_uid)
    await valkey.start()  # once more changes nothing
    assert await say(valkey, "EXISTS", "a") == b":1\r\n"
    pid = valkey.pid
    valkey.stop()
    valkey.stop()
    assert not psutil.pid_exists(pid)
    assert valkey.pid is None
    assert list((valkey.base / "work").iterdir()) == []


async def test_it_says_why_it_does_not_start(valkey, directory):
    """The sentence holds Valkey's own reason: here, a port that is taken by something that is no Valkey."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        other = EmbeddedValkey(directory / "other", server.sockets[0].getsockname()[1])
        with pytest.raises(MonitorError, match="Valkey did not start"):
            await other.start()
    other.stop()


def test_only_the_main_thread_may_start_it(directory):
    """The kernel ends it with the thread that forked it, so another thread is refused."""
    refused = []

    def launch():
        try:
            EmbeddedValkey(directory / "valkey", free_port()).launch()
        except MonitorError as error:
            refused.append(error)

    thread = threading.Thread(target=launch)
    thread.start()
    thread.join()
    assert "main thread" in str(refused[0])


OWNER = """
import asyncio, sys
from pathlib import Path
from monitor.demo.valkey import EmbeddedValkey
valkey = EmbeddedValkey(Path(sys.argv[1]), int(sys.argv[2]))
asyncio.run(valkey.start())
print(valkey.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not processes.ON_LINUX, reason="only Linux can end a child with its parent")
async def test_nothing_is_left_of_a_killed_owner(directory, eventually):
    """After kill -9 of the process that started it, Valkey shuts down by itself."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory / "valkey"), str(free_port())],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pid = int(owner.stdout.readline())
    assert psutil.pid_exists(pid)
    owner.kill()
    owner.wait()
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    owner.stdin.close()
    owner.stdout.close()
