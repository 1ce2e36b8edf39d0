"""The guide to the stream: its examples run, and its tables say what the code does."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.client.link import SILENCE_S
from monitor.config import StreamSettings
from monitor.outputs import crowd, frames, hub, messages, pace, ring, stream
from monitor.outputs.asyncapi import AGAIN, CLOSES, NEVER, NEW_TOKEN, REFUSALS
from monitor.outputs.messages import HEARD, SAID
from tests import npm
from tests.outputs.test_stream import ageless

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "stream.md").read_text(encoding="utf-8")
PROSE = " ".join(GUIDE.split())
PAGE = "http://127.0.0.1:8787/"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "position.json").read_text(encoding="utf-8"))
TELLING = """
import {{ follow }} from './{0}';
follow(process.argv[2], (document, live) => console.log(JSON.stringify({{ document, live }})));
setInterval(() => {{}}, 1000); // Node would not wait for an EventSource that waits to come back
"""
JUDGING = """
import { readFileSync } from 'node:fs';
import { Law } from './law.js';
const base = { platform: 'huph', status: 'healthy', as_of: '', checks: {} };
const told = JSON.parse(readFileSync(0, 'utf8')).map(({ seq, message }) => {
  const law = new Law();
  law.take({ type: 'snapshot', data: { ...base, position: { epoch: 1795310043120, seq } } });
  const then = law.take(message);
  return { then, seq: law.document.position.seq, again: law.take({ type: 'diff', seq: seq + 1, patch: {} }) };
});
console.log(JSON.stringify(told));
"""


def blocks(language: str) -> list[str]:
    """Give the guide's examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def rows(heading: str) -> list[list[str]]:
    """Give the rows of the table whose first heading this is."""
    table = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert table is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


@asynccontextmanager
async def running(*command: object, cwd: Path) -> AsyncIterator[asyncio.StreamReader]:
    """Run an example; give what it says, and end it."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "NODE_NO_WARNINGS": "1"},
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The examples in JavaScript, each as the file that it says it is."""
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    for text in blocks("js"):
        name = re.match(r"// (\w+\.js): ", text)
        assert name is not None
        (tmp_path / name[1]).write_text(text, encoding="utf-8")
        (tmp_path / f"tell_{name[1]}").write_text(TELLING.format(name[1]), encoding="utf-8")
    return tmp_path


async def test_python(stage, tmp_path):
    """The example in Python says what it is about at once, and after each change."""
    (text,) = blocks("python")
    assert PAGE in text
    (tmp_path / "example.py").write_text(text.replace(PAGE, stage.url), encoding="utf-8")
    async with running(sys.executable, "example.py", cwd=tmp_path) as said:
        assert await said.readline() == b"0 unknown unknown\n"
        stage.observe()
        assert await said.readline() == b"1 unknown ok\n"


@pytest.mark.parametrize("name", ["socket.js", "events.js"])
async def test_javascript(stage, scripts, name):
    """The examples in JavaScript follow through changes and a broken link, and end with the server's document."""

    async def told(promise: Any) -> dict[str, Any]:
        while True:
            line = json.loads(await said.readline())
            if promise(line):
                return line

    def cut() -> None:
        (follower,) = stage.hub._crowd
        follower.transport.abort()

    async with running(npm.NODE, "--experimental-eventsource", f"tell_{name}", stage.url, cwd=scripts) as said:
        await told(lambda line: line["live"])
        stage.observe()
        stage.fire(3)
        await told(lambda line: line["document"]["position"]["seq"] == stage.board.seq)
        cut()
        await told(lambda line: not line["live"])
        stage.fire(2)
        line = await told(lambda line: line["live"] and line["document"]["position"]["seq"] == stage.board.seq)
        assert stage.hub.counts.resumed == 1
        stage.clock.advance(1)
        stage.hub.bookmark()
        line = await told(lambda line: line["document"]["as_of"] == stage.hub.document["as_of"])
        _, served = await stage.get("api/v1/health/full")
        assert ageless(line["document"]) == ageless(served)
        observed = {check: entry.get("observed_at") for check, entry in line["document"]["checks"].items()}
        assert observed == {check: entry.get("observed_at") for check, entry in served["checks"].items()}
        assert sum(stage.hub.counts.snapshots.values()) == 1


@pytest.mark.parametrize("name", ["socket.js", "events.js"])
async def test_silence(stage, scripts, name):
    """The examples say that they are stale when they hear nothing, and come back to where they stood."""
    text = (scripts / name).read_text(encoding="utf-8")
    assert f"{1000 * SILENCE_S:.0f}" in text
    (scripts / name).write_text(text.replace(f"{1000 * SILENCE_S:.0f}", "300"), encoding="utf-8")
    async with running(npm.NODE, "--experimental-eventsource", f"tell_{name}", stage.url, cwd=scripts) as said:
        for live in (True, False, True, False):
            assert json.loads(await said.readline())["live"] is live
    assert stage.hub.counts.resumed >= 1
    assert sum(stage.hub.counts.snapshots.values()) == 1


async def test_law(scripts):
    """The law of the examples is that of the page and of our own client: the same messages, the same decisions."""
    (scripts / "judge.js").write_text(JUDGING, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        npm.NODE, "judge.js", cwd=scripts, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(json.dumps(VECTORS).encode())
    decided = {"apply": "changed", "resync": "ask", "ignore": None}
    for vector, told in zip(VECTORS, json.loads(said), strict=True):
        assert told.get("then") == decided[vector["action"]], vector["name"]
        assert told["seq"] == (vector["message"]["seq"] if vector["action"] == "apply" else vector["seq"])
        if vector["action"] == "resync":
            assert "again" not in told, f"{vector['name']}: nothing is applied until the answer"


async def test_curl(stage, tmp_path):
    """The commands print the stream, go on from a place, and fetch the document once for each position."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    follow, resume, fetch = [
        line.replace(PAGE, stage.url).replace("1779999000123:41", f"{stage.board.epoch}:1")
        for block in blocks("sh")
        for line in block.splitlines()
    ]
    stage.fire(2)
    for command, words in ((follow, [b"hello", b"snapshot"]), (resume, [b"hello", b"diff"])):
        async with running(
            "/bin/sh", "-c", f"exec {command}".replace("exec curl", f"exec {curl}"), cwd=tmp_path
        ) as said:
            for word in words:
                while (line := await said.readline()) != b"event: %b\n" % word:
                    assert not line.startswith(b"event:"), line

    async def fetched() -> str:
        command = f"{fetch.replace('curl', curl, 1)} -w '%{{http_code}}'"
        async with running("/bin/sh", "-c", command, cwd=tmp_path) as said:
            return (await said.read()).decode()

    assert await fetched() == "200"
    kept = (tmp_path / "health.json").read_bytes()
    assert await fetched() == "304"
    assert (tmp_path / "health.json").read_bytes() == kept
    stage.fire()
    assert await fetched() == "200"
    assert json.loads((tmp_path / "health.json").read_bytes())["position"]["seq"] == 3


@pytest.mark.parametrize(
    ("heading", "endings"), [("close code", CLOSES), ("HTTP status instead of the stream", REFUSALS)]
)
def test_endings(heading, endings):
    """The tables of the ways in which it ends are those of the AsyncAPI document."""
    said = {int(code): back for code, _, back in rows(heading)}
    assert said.keys() == endings.keys()
    for code, (then, _) in endings.items():
        expected = {AGAIN: r"yes\b|after `Retry-After`", NEVER: "never", NEW_TOKEN: "with another token"}[then]
        assert re.match(expected, said[code]), code


@pytest.mark.parametrize(("heading", "forms"), [("the server says", SAID), ("you may say", HEARD)])
def test_messages(heading, forms):
    """The tables of the messages name each of them, with all of its fields."""
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows(heading)}
    assert told == {messages.type_of(name): forms[name]["properties"].keys() - {"type"} for name in forms}


def test_limits():
    """The limits that are told are those that are kept, and the configuration shows the defaults."""
    told = " ".join(" ".join(row) for row in rows("limit"))
    for words in (
        f"{stream.INBOUND_MESSAGES} messages in {stream.INBOUND_PER_S:g} s, {stream.INBOUND_BYTES} bytes each",
        f"the last {ring.MOST} messages, {ring.MOST_BYTES >> 20} MiB of them, of the last {ring.KEPT_S / 60:g} minutes",
        f"beyond {crowd.FULL_BYTES >> 10} KiB unread",
        f"{hub.LAG_S:g} s, then the connection is cut",
        f"every {stream.PING_S:g} s; who does not answer for {stream.PING_S / 2:g} s is gone",
        f"{hub.SNAPSHOTS / hub.TEND_S:,.0f} a second",
    ):
        assert words in told
    (text,) = blocks("toml")
    usual = StreamSettings()
    assert tomllib.loads(text)["stream"] == {
        "coalesce_ms": 1000 * usual.coalesce_s,
        "max_subscribers": usual.max_subscribers,
        "max_per_address": usual.max_per_address,
    }
    assert f"up to {1000 * pace.WIDEST_S:g} ms" in PROSE
    assert f"window below {1 << frames.WINDOW_BITS >> 10} KiB" in PROSE
    assert f"heard nothing for {SILENCE_S:g} s" in PROSE


def test_places():
    """Each file that the guide names is there."""
    named = set(re.findall(r"`((?:tests|monitor|docs)/[\w/.]+)`", GUIDE)) - {"tests/promises/"}
    assert named
    for path in named:
        assert path.startswith("tests/promises/") or (ROOT / path).exists(), path
