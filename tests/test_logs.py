"""The logs: one event is one line of JSON, whatever stands in its values, and no secret stands in it."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor import logs
from monitor.secret import Secret

CANARY = 'p@ss/w"ord\\é'


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Afterwards everything is as it was."""
    level = logging.getLogger("aiohttp.server").level
    hook = sys.excepthook
    yield
    sys.excepthook = hook
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
    """Into a pipe the lines are JSON by themselves, those of libraries too."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    foreign, *ours = [json.loads(line) for line in done.stderr.splitlines()]
    assert (foreign["event"], foreign["level"]) == ("library.warned", "warning")
    assert (foreign["library"], foreign["message"]) == ("asyncio", "a warning of a library")
    assert [line["event"] for line in ours] == ["listen.recovered", "request.failed"]
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


# Whatever the platform says.

ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["\n", "\r\n{", "\x1b]0;owned\x07", "\x9b2J", "\x85", "\u2028", "\u2029", "\x0b\x0c\x1c\x1d\x1e", "\ud800", "\x00"]
)
ANY_VALUE = st.recursive(
    ANY_TEXT | st.integers() | st.floats() | st.booleans() | st.none() | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


def written(as_json: bool, say, **options) -> str:
    """Give what this writes to standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", io.StringIO())
        logs.configure(as_json=as_json, **options)
        say(structlog.get_logger())
        return sys.stderr.getvalue()


def obeyed(text: str) -> list[str]:
    """Give what of a text is no letter: commands, ends of lines, halves of pairs, what turns the way of reading."""
    turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return [one for one in text if unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"} or one in turning]


@given(value=ANY_VALUE, word=ANY_TEXT)
@settings(max_examples=300)
def test_any_line(value, word):
    """One event is one line of printable characters, whatever stands in its values and their names."""
    line = written(True, lambda log: log.warning("value.told", value=value, **{f"x{word}": word}))
    assert line.endswith("\n")
    assert obeyed(line[:-1]) == []
    assert len(line.splitlines()) == 1
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("value.told", "warning")
    if "\ud800" not in repr(word) and word.isprintable():
        assert told[f"x{word}"] == word


@given(value=ANY_VALUE, word=ANY_TEXT)
@settings(max_examples=300)
def test_any_text(value, word):
    """As text, too: one line, and nothing in it is obeyed by a terminal but the colours, which are ours."""
    line = written(False, lambda log: log.warning("value.told", value=value, **{f"x{word}": word}))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", line)
    assert len(bare.splitlines()) == 1
    assert "value.told" in bare
    assert obeyed(bare[:-1]) == []


@given(word=ANY_TEXT)
@settings(max_examples=100)
def test_any_error(word):
    """The words of an exception are the platform's too: in JSON they end no line, as text they command no terminal."""

    def say(log):
        try:
            raise ValueError(word)  # noqa: TRY301 - the words are what matters
        except ValueError:
            log.exception("request.failed", path="/")

    line = written(True, say)
    assert len(line.splitlines()) == 1
    assert obeyed(line[:-1]) == []
    assert json.loads(line)["exception"][0]["exc_type"] == "ValueError"
    bare = re.sub(r"\x1b\[[0-9;]*m", "", written(False, say))
    assert set(obeyed(bare)) <= {"\n", "\t"}


def test_foreign(capsys):
    """What a library logs is one event too, with its exception; a line of its own making ends none of ours."""
    begin()
    record = logging.LogRecord("aiohttp", logging.ERROR, "x", 1, "a\n%s", ("b\u2028",), None)
    try:
        fail(CANARY)
    except ValueError:
        record.exc_info = sys.exc_info()
    logs.Foreign().emit(record)
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["library"], line["message"]) == (
        "library.warned", "error", "aiohttp", "a\nb\u2028",
    )  # fmt: skip
    assert "refused after 1 try" in json.dumps(line["exception"])
    assert "copied" not in json.dumps(line)


CRASH = """
import asyncio, sys
from monitor import logs
from monitor.secret import Secret
logs.configure(as_json=True, secrets=[Secret("hunter2hunter2")])
async def main():
    async with asyncio.TaskGroup() as group:
        password = "local-value"
        group.create_task(fall())
async def fall():
    raise ValueError("login hunter2hunter2 at\\nhost")
asyncio.run(main())
"""


def test_crash():
    """What ends the program is an event like any other: one line, no local variable, no secret; and it ends it."""
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["event"], line["level"]) == ("program.failed", "error")
    assert "login *** at\\nhost" in done.stderr
    assert "hunter2" not in done.stderr
    assert "local-value" not in done.stderr
    assert "fall" in json.dumps(line["exception"])


def test_given_up(caplog):
    """What asyncpg leaves behind of a connection that was given up is no news; any other forgotten error is."""
    begin()
    for words in ("unexpected connection_lost() call", "something else"):
        error = ConnectionError(words)
        logging.getLogger("asyncio").error("never retrieved", exc_info=(type(error), error, None))
    assert [str(record.exc_info[1]) for record in caplog.records] == ["something else"]
