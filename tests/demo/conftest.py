"""A real PostgreSQL for the demo's own tests, and running demos as a person would start them."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from monitor.clock import SystemClock
from monitor.demo import history, kinds, schema, services, state
from monitor.demo.broker import DemoBroker
from monitor.demo.flags import FlagFile
from monitor.demo.mischief import Mischief
from monitor.demo.port import free_port
from monitor.demo.postgres import EmbeddedPostgres
from monitor.demo.rhythm import PLACE, Rhythm
from monitor.demo.services import Service
from monitor.demo.traffic import Traffic

ROOT = Path(__file__).parents[2]
END = datetime(2026, 11, 20, 3, tzinfo=UTC)  # a Friday, 10:00 in Jakarta


@pytest.fixture
def end():
    return END


@pytest.fixture
def rhythm():
    return Rhythm(7, END.astimezone(PLACE).date())


@pytest.fixture(scope="session")
def past():
    """Eight weeks, drawn once."""
    return history.draw(Rhythm(7, END.astimezone(PLACE).date()), history.whole(END))


@contextmanager
def _directory():
    # Not pytest's own: that one is closed to the account that PostgreSQL runs under.
    path = Path(tempfile.mkdtemp(prefix="huph-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def directory():
    with _directory() as path:
        yield path


@pytest.fixture(scope="session")
def _server():
    with _directory() as path:
        postgres = EmbeddedPostgres(path / "postgres")
        postgres.init()
        postgres.start()
        yield postgres
        postgres.stop("immediate")


@pytest.fixture
def server(_server):
    """A PostgreSQL that runs; a test that stopped, killed or froze it need not mind."""
    _server.thaw()
    _server.start()
    return _server


@pytest.fixture(scope="session")
async def _template(_server):
    """The platform's database as at its first start, without a past, under another name: a copy of it is cheap."""
    await schema.create_database(_server, "unused")
    owner = await schema.connect(_server.dsn(schema.DATABASE, schema.OWNER), "test")
    await schema.create_tables(owner)
    await schema.create_triggers(owner)
    await owner.close()
    await _execute(_server, f"alter database {schema.DATABASE} rename to first_start")
    return "first_start"


async def _execute(server, statement):
    session = await schema.connect(server.dsn(), "test")
    await session.execute(statement)
    await session.close()


@pytest.fixture
async def huph(server, _template):
    """A platform's database of this test's own: the superuser's session in it."""
    await _execute(server, f"create database {schema.DATABASE} template {_template} owner {schema.OWNER}")
    superuser = await schema.connect(server.dsn(schema.DATABASE), "test")
    yield superuser
    superuser.terminate()
    server.thaw()
    server.start()
    await _execute(server, f"drop database {schema.DATABASE} with (force)")


@pytest.fixture
async def whole(server, rhythm, directory):
    """The parts of a platform that can be broken, and the mischief that breaks them; nobody writes of himself."""
    found = {name: Service(name, free_port(), SystemClock()) for name in services.NAMES}
    parts = SimpleNamespace(
        postgres=server,
        traffic=Traffic(server.dsn(schema.DATABASE, schema.OWNER), rhythm, SystemClock()),
        broker=DemoBroker(server.dsn(schema.DATABASE), "a secret of thirty-two characters"),
        services=found,
        flags=FlagFile(directory / "huph.env"),
    )
    parts.flags.write()
    for part in (*found.values(), parts.broker):
        await part.start()
    parts.kinds = kinds.every(server, parts.traffic, parts.broker, found, parts.flags)
    parts.mischief = Mischief(parts.kinds)
    yield parts
    for part in (*found.values(), parts.broker):
        await part.stop()


@pytest.fixture
def mischief(whole):
    return whole.mischief


@pytest.fixture
def eventually():
    """Wait until a condition holds; on the loop where the condition is a coroutine function."""

    async def wait(condition, seconds=5.0):
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            assert time.monotonic() < deadline, "it never came true"
            await asyncio.sleep(0.02)

    return wait


class Demo(SimpleNamespace):
    """A demo that runs as a process of its own."""

    def call(self, *words, code=0):
        command = [sys.executable, "-m", "monitor", "demo", *words, "--state", str(self.directory)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == code, done.stderr
        return done

    def info(self):
        """What `info --json` says, without the half second of a process."""
        found = state.running(self.directory)
        with urllib.request.urlopen(f"{found['control']}info", timeout=5) as answer:
            return {"dsn": found["dsn"], **json.load(answer)}

    def press(self, button):
        request = urllib.request.Request(f"{self.ready['control']}{button}", method="POST", headers={"X-Demo": "1"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def inhabitants(self):
        """The processes that name this demo's directory or work in it; not zombies: init reaps some when it likes."""
        found = []
        for one in psutil.process_iter(["status", "cmdline", "cwd"]):
            words = " ".join([*(one.info["cmdline"] or []), one.info["cwd"] or ""])
            if str(self.directory) in words and one.info["status"] != psutil.STATUS_ZOMBIE:
                found.append((one.pid, words))
        return found


@contextmanager
def _demo(directory, *options, stdin=subprocess.DEVNULL):
    command = [sys.executable, "-m", "monitor", "demo", "run", "--state", str(directory), *options]
    log = (directory.parent / f"{directory.name}.log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=log)
    try:
        readable, _, _ = select.select([process.stdout], [], [], 20)
        line = process.stdout.readline() if readable else b""
        assert line, Path(log.name).read_text()
        yield Demo(process=process, directory=directory, ready=json.loads(line), log=Path(log.name))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)
        for pipe in (process.stdin, process.stdout, log):
            if pipe:
                pipe.close()


@pytest.fixture
def start_demo():
    """Start a demo on a directory; it is stopped at the end of the block."""
    return _demo


@pytest.fixture(scope="session")
def demo():
    """An ephemeral demo that the tests of a session share; they mend what they break."""
    with _directory() as path, _demo(path / "state", "--ephemeral") as running:
        yield running


@pytest.fixture
def is_root():
    return os.geteuid() == 0
