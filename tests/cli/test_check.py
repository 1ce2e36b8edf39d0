"""`huph-monitor check` as a process: one line and an exit code."""

from __future__ import annotations

import pytest

from tests.cli.terminals import run
from tests.client.scripted import scripted
from tests.outputs import whole
from tests.outputs.conftest import show, web_folder  # noqa: F401 - fixtures


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ([], 2, "FAIL huph: realtime fail, cluster_coverage warn, feature_flags warn"),
        (["triggers"], 0, "OK triggers: 4/4; for "),
        (
            ["feature_flags"],
            1,
            "WARN feature_flags [feature_flags.malformed]: 1/3; Feature flag MAX_BOT_TURNS (line 4)",
        ),
        (["realtime"], 2, "FAIL realtime [realtime.broker_not_relaying]: 3/3; The realtime server is connected"),
        (["cron/nightly_sync"], 3, "UNKNOWN cron/nightly_sync [unknown.disabled]: Not watched"),
        (["services/valkey"], 2, "FAIL services/valkey [service.refused]: Service valkey refuses connections"),
        (["monitor"], 0, "OK monitor [monitor.clients_refused]: "),
        (["disk"], 3, "UNKNOWN Nothing is called disk; what is watched: db, realtime,"),
    ],
)
async def test_answers(show, words, code, line):  # noqa: F811
    """It says the verdict in one line, and its exit code is the one that Nagios expects."""
    window = await show()
    got, out, err = await run("check", *words, "--url", window.url)
    assert (got, err) == (code, "")
    assert out.startswith(line)
    assert out.count("\n") == 1
    assert "|" not in out


async def test_whole(show):  # noqa: F811
    """Where all is well it says so."""
    checks = {name: {**entry, "verdict": "ok"} for name, entry in whole.CHECKS.items()}
    window = await show(checks=checks, status="healthy")
    assert await run("check", "--url", window.url) == (0, "OK huph: all 7 checks are ok\n", "")


async def test_unreachable():
    """Nobody there, an address that is none, and a server that refuses: unknown, with a sentence."""
    code, out, err = await run("check", "--url", "http://127.0.0.1:9/")
    assert (code, err) == (3, "")
    assert out.startswith("UNKNOWN No connection: ")
    code, out, _ = await run("check", "--url", "127.0.0.1")
    assert (code, out.startswith("UNKNOWN The address must look like")) == (3, True)
    async with scripted((403, {})) as server:
        code, out, _ = await run("check", "db", "--url", server.url, HUPH_MONITOR_TOKEN="s3cret")
        assert (code, out) == (3, "UNKNOWN The server does not let us read the stream (HTTP 403).\n")
        assert server.requests[0].headers["Authorization"] == "Bearer s3cret"
