"""The logs: one event is one line of JSON, whatever stands in its values, and no secret stands in it."""

from __future__ import annotations

import json
import logging
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from monitor import logs
from monitor.secret import Secret

CANARY = 'p@ss/w"ord\\é'


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Afterwards everything is as it was."""
    level = logging.getLogger("aiohttp.server").level
    yield
    structlog.reset_defaults()
    logging.getLogger("aiohttp.server").setLevel(level)


def begin(level: str = "info") -> structlog.typing.FilteringBoundLogger:
    """Give a log in JSON that writes to this test's own standard error."""
    logs.configure(as_json=True, level=level)
    return structlog.get_logger()


def lines(capsys) -> list[dict[str, object]]:
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("\n")
    return [json.loads(line) for line in said.err.splitlines()]


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\x7f", "\0", "\x1b[2J"]
)
def test_one_line(capsys, end):
    """No character of a value ends the line, deletes what stands before it, or speaks to a terminal."""
    log = begin()
    value = f'before{end}{{"event": "forged"}}'
    log.info("value.told", value=value, nested={f"key{end}": [value]})
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said[:-1].isprintable()
    [told] = [json.loads(said)]
    assert told["value"] == value
    assert told["nested"] == {f"key{end}": [value]}


def test_written_at_once():
    """A line and its end are one write, also where Python does not buffer: two processes may share one pipe."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, its:
        script = "import structlog; from monitor import logs; logs.configure(as_json=True);"
        script += "structlog.get_logger().info('one.told'); structlog.get_logger().info('two.told')"
        command, environment = [sys.executable, "-c", script], {**os.environ, "PYTHONUNBUFFERED": "1"}
        subprocess.run(command, stderr=its.fileno(), env=environment, check=True)
        writes = [ours.recv(65_536) for _ in range(2)]
    assert [json.loads(line)["event"] for line in writes] == ["one.told", "two.told"]
    assert all(line.endswith(b"}\n") for line in writes)


def test_form(capsys):
    """A line says what, how bad and when, and then its fields."""
    log = begin()
    log.warning("listen.lost", cause="reset", attempt=2)
    [line] = lines(capsys)
    at = line.pop("at")
    assert line == {"event": "listen.lost", "level": "warning", "cause": "reset", "attempt": 2}
    assert isinstance(at, str)
    assert at.endswith("Z")


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1: "one"}, object, b"bytes", float("nan"), {"a", "b"}])
def test_any_value(capsys, value):
    """A value that JSON cannot say is said as text; a log line never raises."""
    log = begin()
    log.info("value.told", value=value)
    [line] = lines(capsys)
    assert line["event"] == "value.told"


def test_secret(capsys):
    """A secret among the fields stays one, at any depth."""
    log = begin()
    log.info("value.told", secret=Secret(CANARY), nested={"deep": [Secret(CANARY)]})
    [line] = lines(capsys)
    assert line["secret"] == "***"
    assert line["nested"] == {"deep": ["***"]}


def fail(password: str) -> None:
    copied = [password]
    raise ValueError(f"refused after {len(copied)} try")


def test_exception(capsys):
    """An exception brings its words and its way, never the local variables on it."""
    log = begin()
    try:
        fail(CANARY)
    except ValueError:
        log.exception("request.failed", path="/")
    [line] = lines(capsys)
    text = json.dumps(line, ensure_ascii=False)
    assert "refused after 1 try" in text
    assert "test_logs.py" in text
    for part in ("p@ss", "locals", "copied", "password"):
        assert part not in text


def test_level(capsys):
    """What is below the level is not said."""
    log = begin("warning")
    log.info("value.told")
    log.warning("value.told")
    assert [line["level"] for line in lines(capsys)] == ["warning"]


PROGRAM = """
import logging, structlog
from monitor import logs
from monitor.secret import Secret
logs.configure()
logging.getLogger("asyncio").warning("a warning of a library")
logging.getLogger("aiohttp.server").error("Cookie: p@ss")
log = structlog.get_logger()
log.info("listen.recovered", value="a\\x1b[2Jb", other="c\\x85d", third="e\\nf", secret=Secret("p@ss"))
try:
    password = "p@ss"
    raise ValueError("refused")
except ValueError:
    log.exception("request.failed")
"""


def test_pipe():
    """Into a pipe the lines are JSON by themselves, and libraries' warnings come on their own lines."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    foreign, *ours = done.stderr.splitlines()
    assert foreign == "asyncio: a warning of a library"
    assert [json.loads(line)["event"] for line in ours] == ["listen.recovered", "request.failed"]
    assert done.stdout == ""
    assert "p@ss" not in done.stderr


def test_terminal():
    """On a terminal the lines are text, and no value speaks to the terminal."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        pytest.skip("this machine lends no terminals")
    try:
        subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, check=True, env={**os.environ, "NO_COLOR": "1"})
    finally:
        os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:
        pass  # Linux says the end of a terminal so
    os.close(ours)
    text = said.decode()
    [line] = [line for line in text.split("\r\n") if "listen.recovered" in line]
    assert not line.startswith("{")
    for shown in ("a\\x1b[2Jb", "c\\x85d", "e\\nf"):
        assert shown in line
    assert "ValueError: refused" in text
    assert "p@ss" not in text


def test_given_up(caplog):
    """What asyncpg leaves behind of a connection that was given up is no news; any other forgotten error is."""
    begin()
    for words in ("unexpected connection_lost() call", "something else"):
        error = ConnectionError(words)
        logging.getLogger("asyncio").error("never retrieved", exc_info=(type(error), error, None))
    assert [str(record.exc_info[1]) for record in caplog.records] == ["something else"]
