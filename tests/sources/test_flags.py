"""The flags where they are kept: a watched file, a service that answers, a table; and no secret beside them."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from monitor.clock import SystemClock
from monitor.domain.checks.feature_flags import FeatureFlags, Flags, FlagSettings
from monitor.domain.signal import At, Trouble
from monitor.errors import ProfileError
from monitor.refusals import Turned, Unavailable
from monitor.sources.flags import FlagsSource
from tests.fakes import LoopClock, Recorder, leaping

EXPECTED = {"FLAG": "bool", "TURNS": "int", "LANGUAGE": "text"}
TEXT = "FLAG=true\nTURNS=8\nLANGUAGE=id\n"
VALUES = {"FLAG": "true", "TURNS": "8", "LANGUAGE": "id"}
URL = "http://admin:pw@127.0.0.1:3001/flags?key=canary"
WHERE = "http://127.0.0.1:3001/flags"
LOOK_S = 0.005
SOON_S = 10.0


@asynccontextmanager
async def running(source):
    """Let a source run meanwhile."""
    task = asyncio.get_running_loop().create_task(source.run(), name="flags")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def path(tmp_path):
    path = tmp_path / ".env"
    path.write_text(TEXT)
    return path


@asynccontextmanager
async def watching(path, **options):
    """Watch a file; give a function that waits until the last fact that was told is of this kind."""
    told = Recorder()
    settings = FlagSettings("file", path=str(path), expected=EXPECTED)
    source = FlagsSource(settings, SystemClock(), told, **{"sweep_s": 30.0, "look_s": LOOK_S} | options)

    async def until(kept):
        async with asyncio.timeout(SOON_S):
            while not told.seen or not kept(told.seen[-1].facts):
                await told.until(len(told.seen) + 1)
        return told.seen[-1].facts

    async with running(source):
        until.told = told.seen
        until.source = source
        yield until


def loaded(**values):
    return lambda facts: isinstance(facts, Flags) and facts.values == VALUES | values


def in_state(state):
    return lambda facts: isinstance(facts, Flags) and facts.state == state


# The file


async def test_first_look(path):
    """What the file says is told at once, with its place, its lines and its time."""
    async with watching(path) as until:
        facts = await until(loaded())
    assert facts == Flags(
        "file", str(path), "read", VALUES, {"FLAG": 1, "TURNS": 2, "LANGUAGE": 3}, (), path.stat().st_mtime
    )


async def test_change(path):
    """An edit is seen, whether the file is written over or replaced by another one; and told once."""
    async with watching(path) as until:
        await until(loaded())
        path.write_text(TEXT.replace("8", "9"))
        await until(loaded(TURNS="9"))
        other = path.with_name("other")
        other.write_text(TEXT.replace("8", "10"))
        other.replace(path)
        await until(loaded(TURNS="10"))
        await asyncio.sleep(20 * LOOK_S)
        assert len(until.told) == 3


async def test_gone_and_back(path):
    """A file that is taken away is absent, and read again when it is back."""
    aside = path.with_name("aside")
    async with watching(path) as until:
        await until(loaded())
        path.rename(aside)
        await until(in_state("absent"))
        aside.rename(path)
        await until(loaded())
        assert [sample.facts.state for sample in until.told] == ["read", "absent", "read"]


async def test_editor(path):
    """An editor that takes the old file away an instant before the new one is there is not seen as absence."""
    async with watching(path) as until:
        await until(loaded())
        path.unlink()
        await asyncio.sleep(0.02)
        path.write_text(TEXT.replace("8", "9"))
        await until(loaded(TURNS="9"))
        assert [sample.facts.state for sample in until.told] == ["read", "read"]


async def test_half_written(path):
    """A file that is still being written is not judged by its first half."""
    async with watching(path) as until:
        await until(loaded())
        with path.open("w") as file:
            for line in TEXT.replace("8", "9").splitlines(keepends=True):
                file.write(line)
                file.flush()
                await asyncio.sleep(0.02)
        await until(loaded(TURNS="9"))
        assert len(until.told) == 2


async def test_each_sweep(path):
    """Without any change the same is told once a sweep, as evidence."""
    async with watching(path, sweep_s=0.03) as until:
        async with asyncio.timeout(SOON_S):
            while len(until.told) < 4:
                await asyncio.sleep(LOOK_S)
        first, *others = until.told
        assert all(sample.facts == first.facts for sample in others)
        gaps = [later.at.mono - earlier.at.mono for earlier, later in zip(until.told, until.told[1:], strict=False)]
        assert min(gaps) >= 0.03


async def test_look(path):
    """Told to look, it looks and tells at once."""
    async with watching(path, look_s=1000, sweep_s=1000) as until:
        await until(loaded())
        until.source.look()
        await until(lambda _: len(until.told) == 2)


async def test_time_of_the_file(path):
    """The time of a change is the file's own, but never later than when we saw it; and it stays what it was."""
    os.utime(path, (1_700_000_000, 1_700_000_000))
    async with watching(path, sweep_s=0.01) as until:
        assert (await until(loaded())).changed_at == 1_700_000_000
        os.utime(path, (9_999_999_999, 9_999_999_999))
        first = await until(lambda facts: facts.changed_at > 1_700_000_000)
        assert first.changed_at == pytest.approx(SystemClock().now().wall, abs=5)
        count = len(until.told)
        assert (await until(lambda _: len(until.told) > count + 2)).changed_at == first.changed_at


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
async def test_no_file(path, make):
    """A folder or a pipe in the file's place holds nobody up: the file is absent."""
    path.unlink()
    make(path)
    async with watching(path) as until:
        await until(in_state("absent"))


async def test_huge(path):
    """A file that is far too large is told as an error with its name, and read again when it is not any more."""
    path.write_bytes(b"#" * 3_000_000)
    async with watching(path) as until:
        trouble = await until(lambda facts: isinstance(facts, Trouble))
        assert trouble == Trouble("feature_flags", "Flags", "error", {"where": str(path), "code": "EFBIG"})
        await asyncio.sleep(20 * LOOK_S)
        assert len(until.told) == 1
        path.write_text(TEXT)
        await until(loaded())


class Door:
    """Opens files, unless it is told to refuse or to hold whoever comes."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.open = threading.Event()
        self.open.set()
        self.came = 0

    def __call__(self, path, flags):
        self.came += 1
        self.open.wait(SOON_S)
        if self.refuse:
            raise OSError(self.refuse, os.strerror(self.refuse), path)
        return os.open(path, flags)


async def test_unreadable(path):
    """A file without the right to read it is told as such, once, and read at the next sweep or change that lets us."""
    door = Door(errno.EACCES)
    async with watching(path, opener=door) as until:
        await until(in_state("unreadable"))
        await asyncio.sleep(20 * LOOK_S)
        assert len(until.told) == 1
        door.refuse = 0
        path.chmod(0o640)
        await until(loaded())


async def test_other_errors(path):
    """A disk that fails is told by the name of its error, and the flags again when it does not fail any more."""
    door = Door(errno.EIO)
    async with watching(path, opener=door, sweep_s=0.05) as until:
        trouble = await until(lambda facts: isinstance(facts, Trouble))
        assert trouble.params == {"where": str(path), "code": "EIO"}
        door.refuse = 0
        await until(loaded())


async def test_disk_that_hangs(path):
    """A disk that does not answer holds one thread, and nobody else; it is told, and over when the disk answers."""
    door = Door()
    door.open.clear()
    async with watching(path, opener=door, deadline_s=0.02) as until:
        trouble = await until(lambda facts: isinstance(facts, Trouble))
        assert trouble.kind == "timeout"
        assert trouble.params == {"limit": "client", "limit_ms": 20, "object": str(path)}
        count = len(until.told)
        await until(lambda _: len(until.told) > count + 3)
        assert door.came == 1
        door.open.set()
        await until(loaded())


# No secret


def holders(token):
    """Find whatever in this process holds a text with this number in it: every object that Python knows is asked."""
    gc.collect()
    return [one for one in gc.get_objects() for text in gc.get_referents(one) if contains(text, token)]


def contains(text, token):
    if isinstance(text, bytes | bytearray):
        return token.hex.encode() in text
    return isinstance(text, str) and token.hex in text


def spoiled(token):
    """A file full of secrets, some of them where they do not belong."""
    secret = f"canary-{token.hex}"
    return (
        f"{secret}_NAME=x\nANTHROPIC_API_KEY={secret}\nFLAG=true\nNEXTAUTH_SECRET='{secret}\n"
        f"DATABASE_URL=postgresql://u:{secret}@db/huph # {secret}\nTURNS=8x\n{secret}\n"
        f'LANGUAGE="id" {secret}\nANTHROPIC_API_KEY={secret}\n# {secret}\n'
    )


async def test_canaries(path):
    """Of a file full of secrets no trace is anywhere in the process: no value, no name, in no state, reason or log."""
    token = uuid4()
    path.write_text(spoiled(token))
    check = FeatureFlags(EXPECTED)
    with capture_logs() as said:
        async with watching(path, sweep_s=0.02) as until:
            await until(lambda _: len(until.told) > 2)
            judgement = check.begin(At(0, 0))
            for sample in until.told:
                judgement = check.judge(sample.facts, judgement, sample.at)
            assert [reason.code for reason in judgement.reasons] == ["feature_flags.malformed"]
            assert until.told[0].facts.broken == (("?", 4), ("LANGUAGE", 8))
            assert until.told[0].facts.values == {"FLAG": "true", "TURNS": "8x"}
            assert holders(token) == []
            kept = [f"it would be found: {token.hex}"]
            assert [id(one) for one in holders(token)] == [id(kept)]
    assert said == []


async def test_secret_in_a_flag(path):
    """A secret that was pasted behind a flag of another type is nowhere any more once it has been judged."""
    token = uuid4()
    path.write_text(TEXT.replace("8", f"canary-{token.hex}"))
    check = FeatureFlags(EXPECTED)
    async with watching(path) as until:
        judgement = check.judge(await until(in_state("read")), check.begin(At(0, 0)), At(1, 1))
        assert [reason.code for reason in judgement.reasons] == ["feature_flags.malformed"]
        until.told.clear()
        assert holders(token) == []


# A service


def inquire(source, answers, lasting=0.5, looks=(), **found):
    """Ask whoever gives these answers, one after another and the last one for ever; give the facts and when."""
    told, asked = Recorder(), []
    settings = FlagSettings(source, url=URL, expected=EXPECTED)

    async def answer(*_):
        asked.append(round(asyncio.get_running_loop().time(), 3))
        said = answers[min(len(asked), len(answers)) - 1]
        if isinstance(said, float):
            await asyncio.sleep(said)
        if isinstance(said, Exception):
            raise said
        return said

    async def scene():
        flags = FlagsSource(settings, LoopClock(), told, sweep_s=30.0, fetch=answer, ask=answer)
        for look in looks:
            asyncio.get_running_loop().call_at(look, flags.look)
        async with running(flags):
            await asyncio.sleep(lasting)

    leaping(scene())
    return [sample.facts for sample in told.seen], asked


def body(found):
    return json.dumps(found).encode()


WHOLE = {"FLAG": True, "TURNS": 8, "LANGUAGE": "id", "SECRET": "canary"}


@pytest.mark.parametrize("found", [WHOLE, {"flags": WHOLE, "version": 3}])
def test_http(found):
    """What the API says it loaded is read from its object, or from the one under "flags"; of the rest nothing is."""
    (facts,), _ = inquire("http", [body(found)])
    assert facts == Flags("http", WHERE, "read", VALUES)


@pytest.mark.parametrize(
    ("value", "values", "broken"),
    [
        (None, {}, ()),
        (False, {"TURNS": "false"}, ()),
        (0, {"TURNS": "0"}, ()),
        (1.5, {"TURNS": "1.5"}, ()),
        ("8", {"TURNS": "8"}, ()),
        ("x" * 5000, {"TURNS": "x" * 1000}, ()),
        ([8], {}, (("TURNS", 0),)),
        ({"value": 8}, {}, (("TURNS", 0),)),
    ],
)
def test_json_values(value, values, broken):
    """What JSON has is taken as a file would have written it; null is not set, and an object is no value."""
    (facts,), _ = inquire("http", [body({"TURNS": value})])
    assert (facts.values, facts.broken) == (values, broken)


@pytest.mark.parametrize("said", [b"", b" ", b"[]", b"8", b"{", b"<html>canary</html>", b"\xff\xfe"])
def test_no_object(said):
    """An answer that is no JSON object is malformed as a whole, and not quoted."""
    (facts,), _ = inquire("http", [said])
    assert facts == Flags("http", WHERE, "read", broken=(("?", 0),))


@pytest.mark.parametrize("source", ["http", "sql"])
def test_rhythm(source):
    """It is asked once a sweep, and when told to look."""
    answer = body(WHOLE) if source == "http" else VALUES
    facts, asked = inquire(source, [answer], 75, looks=[40])
    assert asked == [0, 30, 40, 70]
    assert [one.values for one in facts] == [VALUES] * 4


@pytest.mark.parametrize(("source", "where"), [("http", WHERE), ("sql", "flags.sql")])
def test_no_answer(source, where):
    """Who does not answer is asked once more before anything is said, and then again each sweep."""
    answer = body(WHOLE) if source == "http" else VALUES
    facts, asked = inquire(source, [None, answer], 20)
    assert ([one.values for one in facts], asked) == ([VALUES], [0, 1])
    facts, asked = inquire(source, [None, None, answer], 40)
    assert facts[0] == Trouble("feature_flags", "Flags", "error", {"where": where, "code": "no_answer"})
    assert (facts[1].values, asked) == (VALUES, [0, 1, 31])


def test_slow():
    """An answer that takes longer than its deadline is none."""
    facts, asked = inquire("http", [60.0], 20)
    params = {"limit": "client", "limit_ms": 3000, "object": WHERE}
    assert (facts, asked) == ([Trouble("feature_flags", "Flags", "timeout", params)], [0, 4])


# A table


def test_sql():
    """What the table says is read by name, and of the rest nothing is."""
    (facts,), _ = inquire("sql", [VALUES | {"SECRET": "canary"}])
    assert facts == Flags("sql", "flags.sql", "read", VALUES)


def test_sql_refused():
    """A session that is lost counts as no answer; a question that is turned away is told at once, as it was."""
    facts, asked = inquire("sql", [Unavailable(), VALUES], 20)
    assert ([one.values for one in facts], asked) == ([VALUES], [0, 1])
    facts, asked = inquire("sql", [Turned("permission", object="flags", right="SELECT")], 20)
    params = {"object": "flags", "right": "SELECT"}
    assert (facts, asked) == ([Trouble("feature_flags", "Flags", "permission", params)], [0])


def test_sql_of_another_form():
    """A query that does not give what is needed is told once in the log with its mend, until it does."""
    wrong = ProfileError('flags.sql: gives no column "name"; add it, as text[] without nulls.')
    with capture_logs() as said:
        facts, _ = inquire("sql", [wrong, wrong, VALUES, wrong], 95)
    assert [type(one).__name__ for one in facts] == ["Trouble", "Trouble", "Flags", "Trouble"]
    assert facts[0].params == {"where": "flags.sql", "code": "profile"}
    assert said == [
        {"event": "query.refused", "log_level": "warning", "query": "flags.sql", "error": str(wrong)},
    ] * 2  # fmt: skip
