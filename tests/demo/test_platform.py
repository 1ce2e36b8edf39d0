"""The demo as a person meets it: a process, its commands, its end."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest
import socketio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe, jwt
from joserfc.jwk import OctKey

from monitor.demo import jobs, processes, schema, state
from monitor.demo.flags import CANARY as FLAG_FILE_CANARY
from monitor.demo.kinds.triggers import TRIGGER

ROOT = Path(__file__).parents[2]


async def ask_row(dsn, question, *arguments):
    session = await asyncpg.connect(dsn, timeout=2)
    try:
        return await session.fetchrow(question, *arguments)
    finally:
        session.terminate()


async def ask(dsn, question, *arguments):
    return (await ask_row(dsn, question, *arguments))[0]


async def test_it_says_one_line_when_it_is_ready(demo, eventually):
    """The line names a configuration that works and an address that answers; messages flow by then."""
    assert set(demo.ready) == {"config", "control"}
    dsn = tomllib.loads(Path(demo.ready["config"]).read_text())["database"]["dsn"]
    assert await ask(dsn, "select current_user") == schema.MONITOR
    assert await ask(dsn, "select min(created_at) < now() - interval '55 days' from messages")
    question = "select count(*) from messages where created_at > now() - interval '10 s'"
    await eventually(lambda: ask(dsn, question))
    with urllib.request.urlopen(demo.ready["control"], timeout=5) as page:
        assert page.status == 200


async def test_info_tells_a_test_everything(demo):
    """Where it is, who it is, what is broken; the superuser's DSN for the owner of the directory only."""
    info = json.loads(demo.call("info", "--json").stdout)
    assert info["config"] == demo.ready["config"]
    assert info["control"] == demo.ready["control"]
    assert info["state_dir"] == str(demo.directory)
    assert info["pids"]["demo"] == demo.process.pid
    assert info["broken"] == []
    assert await ask(info["dsn"], "show is_superuser") == "on"
    assert await ask(info["monitor_dsn"], "show is_superuser") == "off"
    assert (await ask(info["dsn"], "show server_version")).startswith(info["postgres"]["version"])
    assert str(info["postgres"]["port"]) in info["dsn"]
    assert info["login"].startswith(info["services"]["admin"].replace("/health", "/login?code="))
    with urllib.request.urlopen(f"{info['control']}info", timeout=5) as answer:
        assert "dsn" not in json.load(answer)
    told = demo.call("info").stdout
    assert all(word in told for word in (info["config"], info["flag_file"], info["broker"], *info["services"].values()))


async def test_the_configuration_says_what_info_says(demo):
    """Everything that the monitor is told of is there: PostgreSQL, the flags, the broker, each service."""
    info = demo.info()
    written = tomllib.loads(Path(info["config"]).read_text())
    assert written.pop("services") == {
        **{name: {"url": info["services"][name]} for name in ("dify", "langfuse", "milvus", "huph-api", "admin")},
        "valkey": {"address": info["services"]["valkey"]},
    }
    secret_file = Path(written["broker"].pop("secret_file"))
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    assert len(secret_file.read_bytes().strip()) >= 32
    password_file = Path(written["database"].pop("edit_password_file"))
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert written == {
        "profile": "huph",
        "database": {
            "dsn": info["monitor_dsn"],
            "edit_dsn": info["monitor_dsn"].replace("huph_monitor@", "huph_monitor_editor@"),
        },
        "access": {
            "nextauth_secret_file": str(secret_file),
            "sign_in_url": info["services"]["admin"].replace("/health", "/login"),
            "tokens": str(demo.directory / "access" / "tokens.db"),
        },
        "broker": {"url": info["broker"]},
        "flags": {"path": info["flag_file"]},
        "links": {"users": "", "audit_log": "", "follow_up": "", "inbox": ""},
    }
    assert "MAX_BOT_TURNS" in Path(info["flag_file"]).read_text()
    async with aiohttp.ClientSession() as session:
        for name, place in info["services"].items():
            if name != "valkey":
                async with session.get(place) as answer:
                    assert (await answer.json())["status"] == "ok"
    host, _, port = info["services"]["valkey"].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PING\r\n")
    assert await reader.readline() == b"+PONG\r\n"
    writer.close()
    assert psutil.Process(info["pids"]["valkey"]).name() == "valkey-server"


async def test_the_broker_lets_in_whoever_has_the_secret(demo):
    """With a token signed by what stands in the configuration, a client hears of the messages that people write."""
    broker = tomllib.loads(Path(demo.ready["config"]).read_text())["broker"]
    key = OctKey.import_key(Path(broker["secret_file"]).read_text().strip().encode())
    until = int(time.time()) + 60
    token = jwt.encode({"alg": "HS256"}, {"sub": "test", "exp": until}, key)
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(broker["url"], auth={"token": token}, transports=["websocket"])
        await client.emit("join", "inbox")
        demo.press("break/spike-traffic")
        try:
            async with asyncio.timeout(5):
                while (await client.receive())[0] != "message":
                    pass
        finally:
            demo.press("mend/spike-traffic")


async def test_info_signs_in(demo):
    """Each call prints a fresh link, for the user and to the page that one names; the next goes to that page too."""
    given = [json.loads(demo.call("info", "--json").stdout)["login"] for _ in range(2)]
    assert len(set(given)) == 2
    page = "http://127.0.0.1:9/hm/"
    told = demo.call("info", "--as", "counselor", "--to", page).stdout
    given.append(re.search("^login +(http.*)$", told, re.MULTILINE)[1])
    given.append(json.loads(demo.call("info", "--json", "--as", "system_admin").stdout)["login"])
    roles = []
    async with aiohttp.ClientSession() as session:
        for link in given:
            async with session.get(link, allow_redirects=False) as answer:
                token = answer.cookies["next-auth.session-token"].value
                roles.append((nextauth_claims(demo, token)["role"], answer.headers["Location"]))
    usual = ("super_admin", "http://127.0.0.1:8787/")
    assert roles == [usual, usual, ("counselor", page), ("system_admin", page)]
    demo.call("info", "--to", usual[1])


def nextauth_claims(demo, token):
    """What a session says, to who has the secret that stands in the demo's directory."""
    ikm = (demo.directory / state.BROKER_SECRET).read_bytes().strip()
    key = HKDF(hashes.SHA256(), 32, salt=b"", info=b"NextAuth.js Generated Encryption Key").derive(ikm)
    registry = jwe.JWERegistry(algorithms=["dir", "A256GCM"])
    return jwt.decode(token, OctKey.import_key(key), registry=registry).claims


@pytest.mark.parametrize("words", [["--as", "boss"], ["--to", "http://elsewhere.example/"]])
def test_info_signs_nobody_in_elsewhere(demo, words):
    """A role or a page that is none here is a mistake of whoever typed it, said in a sentence that names it."""
    said = demo.call("info", *words, code=2)
    assert words[1] in said.stderr
    assert (len(said.stderr.splitlines()), said.stdout) == (1, "")


def test_no_secret_is_printed(demo):
    """Neither what stands beside the flags nor what signs the tokens is in anything that the demo says or serves."""
    info = demo.info()
    secrets = [FLAG_FILE_CANARY]
    secrets += [(demo.directory / name).read_text().strip() for name in (state.BROKER_SECRET, state.PASSWORD)]
    assert FLAG_FILE_CANARY in Path(info["flag_file"]).read_text()
    demo.press("break/refuse-token")
    demo.press("break/remove-flags")
    said = [demo.call("break", "stale-flags", code=1).stderr]
    demo.press("mend")
    said += [demo.log.read_text(), demo.call("info").stdout, demo.call("list").stdout, json.dumps(demo.ready)]
    said += [Path(info["config"]).read_text()]
    for path in ("", "info", "kinds"):
        with urllib.request.urlopen(demo.ready["control"] + path, timeout=5) as answer:
            said.append(answer.read().decode())
    # The superuser's DSN is the one thing that `info --json` is for.
    said.append(demo.call("info", "--json").stdout.replace(info["dsn"], ""))
    assert [(secret, text) for secret in secrets for text in said if secret in text] == []
    words = [word for pid in info["pids"].values() for word in psutil.Process(pid).cmdline()]
    assert [(secret, word) for secret in secrets for word in words if secret in word] == []


async def test_break_and_mend_by_command(demo):
    """A kind that is broken by one command is seen by the others and in PostgreSQL, and mended by another."""
    dsn = demo.info()["dsn"]
    assert "drop-trigger" in demo.call("break", "drop-trigger").stdout
    assert demo.info()["broken"] == ["drop-trigger"]
    assert "broken  drop-trigger" in demo.call("list").stdout
    assert await ask(dsn, "select count(*) from pg_trigger where tgname = $1", TRIGGER) == 0
    demo.press("break/crash-postgres")
    assert demo.info()["pids"]["postgres"] is None
    demo.call("mend")
    assert demo.info()["broken"] == []
    assert await ask(dsn, "select count(*) from pg_trigger where tgname = $1", TRIGGER) == 1


def test_what_goes_wrong_is_one_sentence(demo, directory):
    """2 for a word that does not exist, 1 for what cannot be done now; never a traceback."""
    assert "There is no kind 'nonsense'" in demo.call("break", "nonsense", code=2).stderr
    demo.press("break/crash-postgres")
    refused = demo.call("break", "drop-trigger", code=1).stderr
    demo.press("mend/crash-postgres")
    assert refused.startswith("PostgreSQL")
    command = [sys.executable, "-m", "monitor", "demo", "info", "--state", str(directory)]
    nobody = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    assert nobody.returncode == 1
    assert nobody.stderr == f"No demo is running in {directory}; start one with: huph-monitor demo\n"


def test_it_ends_in_order(directory, start_demo):
    """SIGTERM, even with PostgreSQL frozen: exit code 0 within five seconds, and an ephemeral demo leaves nothing."""
    with start_demo(directory / "state", "--ephemeral") as demo:
        demo.press("break/freeze-postgres")
        began = time.monotonic()
        demo.process.terminate()
        assert demo.process.wait(5) == 0
        assert time.monotonic() - began < 5
        assert demo.inhabitants() == []
        assert not demo.directory.exists()


@pytest.mark.prove
async def test_a_durable_one_goes_on_where_it_was(directory, start_demo):
    """A demo on a leash ends with its parent; the next one has its port and messages, and whole triggers.

    Meanwhile a second demo in the same directory is turned away, and one that is killed leaves no process behind.
    """
    with start_demo(directory / "state", "--leash", stdin=subprocess.PIPE) as demo:
        before = demo.info()
        oldest = await ask(before["dsn"], "select min(id) || ' ' || min(created_at) from messages")
        for kind in ("stop-scheduler", "fail-cron", "disable-trigger", "deactivate-counselor", "remove-flags"):
            demo.press(f"break/{kind}")
        command = [sys.executable, "-m", "monitor", "demo", "--state", str(demo.directory)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
        assert second.returncode == 1
        assert "already running" in second.stderr
        # Its parent dies: the other end of its standard input is gone.
        demo.process.stdin.close()
        assert demo.process.wait(5) == 0
        assert demo.inhabitants() == []
    with start_demo(directory / "state", "--no-traffic") as demo:
        after = demo.info()
        assert after["dsn"] == before["dsn"]
        assert [after[name] for name in ("broker", "services")] == [before[name] for name in ("broker", "services")]
        assert after["broken"] == []
        assert await ask(after["dsn"], "select min(id) || ' ' || min(created_at) from messages") == oldest
        # Whatever was broken is whole: triggers, counselors, flags, and the runs of the jobs.
        assert await ask(after["dsn"], "select tgenabled from pg_trigger where tgname = $1", TRIGGER) == b"O"
        assert await ask(after["dsn"], "select bool_and(is_active) from users")
        assert "MAX_BOT_TURNS=8" in Path(after["flag_file"]).read_text()
        lately = "select count(*) filter (where error_message = $1), count(*) between 20 and 30 from cron_runs"
        runs = await ask_row(after["dsn"], f"{lately} where started_at > now() - interval '5 h'", jobs.BROKEN_TEMPLATE)
        assert tuple(runs) == (0, True)
        # Killed like this it can tidy nothing up, and still nothing of it runs on.
        demo.process.kill()
        demo.process.wait()
        if processes.ON_LINUX:
            deadline = time.monotonic() + 5
            while demo.inhabitants():
                assert time.monotonic() < deadline
                time.sleep(0.02)


async def test_a_postgresql_that_dies_is_told_of(demo, eventually):
    """Killed by somebody else it is not started again, only the log says so, until a person mends it."""
    os.kill(demo.info()["pids"]["postgres"], signal.SIGKILL)
    await eventually(lambda: "postgres.died" in demo.log.read_text())
    assert demo.info()["broken"] == ["crash-postgres"]
    demo.press("mend")
    assert demo.info()["pids"]["postgres"]


@pytest.mark.parametrize("words", [["--leash"], ["--speed", "0"], ["--seed", "x"]])
def test_what_it_cannot_do_it_says_at_once(directory, words):
    """A leash that is no pipe, a speed of nothing: refused before anything is started."""
    command = [sys.executable, "-m", "monitor", "demo", *words, "--state", str(directory / "state")]
    refused = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
    )
    assert refused.returncode in {1, 2}
    assert words[0] in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (directory / "state").exists()
