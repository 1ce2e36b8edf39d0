"""`huph-monitor watch` as a process: on a terminal, in a pipe, in a script."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from monitor.client import canonical
from tests.cli.terminals import COMMAND, ENVIRONMENT, run, terminal
from tests.client.scripted import scripted
from tests.client.test_fold import hello, snapshot
from tests.outputs.conftest import raise_stage, show, stage, web_folder  # noqa: F401 - fixtures


async def lines_of(*words: str) -> asyncio.subprocess.Process:
    """Start a command whose lines are read one by one."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*COMMAND, *words, env=ENVIRONMENT, stdout=pipe, stderr=pipe)


async def line(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    async with asyncio.timeout(10):
        return (await stream.readline()).decode()


# On a terminal.


async def test_board(show):  # noqa: F811
    """It shows the board, walks over it by keys, opens an entry and closes it, and gives the terminal back."""
    window = await show()
    async with terminal("watch", window.url) as screen:
        await screen.shows("huph  ✗ DEGRADED", "✗ FAIL    Realtime", "service.refused", "Last transitions", "live  ")
        await screen.shows("> ✓ OK      Database")
        screen.press("j")
        await screen.shows("> ✗ FAIL    Realtime")
        screen.press("\x1b[B\x1b[B\x1b[A")
        await screen.shows("> ✓ OK      Triggers")
        screen.press("\r")
        await screen.shows("trg_messages_notify", "whole_row", "Esc: back")
        screen.press("\x1b")
        await screen.shows("> ✓ OK      Triggers")
        screen.press("q")
        assert await screen.ended() == 0


async def test_live(stage):  # noqa: F811
    """A change of the platform is on the screen without any key, and so is a change of the terminal's size."""
    async with terminal("watch", stage.url) as screen:
        await screen.shows("? UNKNOWN Database")
        stage.observe()
        await screen.shows("✓ OK      Database")
        screen.resize(60, 20)
        await screen.until(lambda frame: "✓ OK" in frame and all(len(row) <= 60 for row in frame.splitlines()))
        screen.press("q")
        assert await screen.ended() == 0


async def test_lost(stage):  # noqa: F811
    """When the daemon is gone the screen says so in words, and how old what it shows is."""
    async with terminal("watch", stage.url) as screen:
        await screen.shows("live  ")
        await stage.server.stop()
        await screen.shows("LINK LOST, data of 1 s ago", "Database")
        screen.press("q")
        assert await screen.ended() == 0


async def test_nobody():
    """While nobody answers it says what it waits for, and can be left."""
    async with terminal("watch", "http://127.0.0.1:9/") as screen:
        await screen.shows("Connecting ... No connection: Connect call failed")
        screen.press("q")
        assert await screen.ended() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
async def test_signals(stage, number, code):  # noqa: F811
    """However it is ended, the terminal is given back, and the exit code names the signal."""
    async with terminal("watch", stage.url) as screen:
        await screen.shows("live  ")
        screen.process.send_signal(number)
        assert await screen.ended() == code


async def test_refused_later():
    """What ends the subscription ends the screen, with the terminal given back and a sentence after it."""

    async def close(visit):
        await visit.say(hello(1, resumed=False), snapshot(1))
        await visit.socket.close(4403, "not you")

    async with scripted(close) as server, terminal("watch", server.url) as screen:
        assert await screen.ended() == 3
        assert "The server does not let us read the stream: not you." in screen.output.rsplit("\x1b[?1049l", 1)[1]


async def test_until_on_screen(stage):  # noqa: F811
    """With a goal the screen closes by itself when it is reached."""
    async with terminal("watch", stage.url, "--until", "ok", "--check", "db") as screen:
        await screen.shows("live  ")
        stage.observe()
        assert await screen.ended() == 0


# In a pipe.


async def test_json(stage):  # noqa: F811
    """Each change is one line at once, the whole document as the server has it."""
    process = await lines_of("watch", stage.url, "--json")
    first = json.loads(await line(process.stdout))
    assert first["checks"]["db"]["verdict"] == "unknown"
    stage.observe()
    second = json.loads(await line(process.stdout))
    assert second["position"]["seq"] == first["position"]["seq"] + 1
    second["as_of"] = stage.hub.document["as_of"]
    assert canonical(second) == canonical(stage.hub.document)
    process.send_signal(signal.SIGTERM)
    assert (await process.communicate())[1] == b""
    assert process.returncode == 143


async def test_lines(stage):  # noqa: F811
    """Without --json each verdict that turns is a line; what means the same is none; a lost link is told aside."""
    process = await lines_of("watch", stage.url)
    opening = [await line(process.stdout) for _ in range(1 + len(stage.checks))]
    assert " unknown unknown (ok 0, warn 0, fail 0, unknown 7)" in opening[0]
    stage.fire(5)
    stage.observe()
    turned = ""
    while " ok      db (was unknown): 1 ms" not in turned:
        turned = await line(process.stdout)
    await stage.server.stop()
    assert (await line(process.stderr)).startswith("Not live: ")
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130


@pytest.mark.parametrize("options", [["--json"], []])
async def test_nobody_reads(stage, options):  # noqa: F811
    """When the reader of the pipe is gone it ends at once, quietly, though nothing has changed."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "watch", stage.url, *options, env=ENVIRONMENT, stdout=writing, stderr=asyncio.subprocess.PIPE
    )
    os.close(writing)
    async with asyncio.timeout(10):
        while not stage.hub.following:
            await asyncio.sleep(0.01)
        os.close(reading)
        assert (await process.communicate())[1] == b""
    assert process.returncode == 0


# In a script.


async def test_until(stage):  # noqa: F811
    """It ends with 0 when the verdict is there, of one check or of the whole."""
    assert (await run("watch", stage.url, "--until", "unknown"))[0] == 0
    process = await lines_of("watch", stage.url, "--json", "--until", "ok", "--check", "db", "--timeout", "30")
    await line(process.stdout)
    stage.observe()
    assert (await process.communicate())[1] == b""
    assert process.returncode == 0


async def test_timeout(stage):  # noqa: F811
    """It ends with 4 when the time is over, whether the verdict is another one or nobody answers."""
    assert (await run("watch", stage.url, "--until", "ok", "--timeout", "0.5"))[0] == 4
    assert (await run("watch", "http://127.0.0.1:9/", "--timeout", "0.5"))[0] == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--until", "ok", "--check", "disk"], "Nothing is called disk; what is watched: db, realtime,"),
        (["--check", "db"], "give --until as well"),
        (["--timeout", "0"], "a number of seconds above 0"),
        (["--until", "good"], "invalid choice"),
    ],
)
async def test_mistakes(stage, words, told):  # noqa: F811
    """What is typed wrongly ends with 2 and a sentence."""
    code, _, err = await run("watch", stage.url, *words)
    assert (code, told in err, "Traceback" in err) == (2, True, False), err


async def test_bad_address():
    """An address that cannot be one ends with 2; no secret of it is shown."""
    code, out, err = await run("watch", "http://u:s3cret@127.0.0.1/")
    assert (code, out) == (2, "")
    assert "must hold no user" in err
    assert "s3cret" not in err


async def test_token():
    """The token comes from the environment alone; a server that refuses ends it with 3, and the token is not shown."""
    async with scripted((401, {})) as server:
        code, out, err = await run("watch", server.url, "--json", HUPH_MONITOR_TOKEN="s3cret")
        assert (code, out) == (3, "")
        assert err == "The token is missing, wrong, or has expired (HTTP 401).\n"
        assert server.requests[0].headers["Authorization"] == "Bearer s3cret"
