"""The command line: what a person types, the exit code, and a sentence for every mistake."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from monitor import __version__, cli

CANARY = 'p@ss/w"ord\\é'
GOOD = '[access]\nopen = true\n[database]\ndsn = "postgresql://huph_monitor:hunter2@127.0.0.1:5432/huph"\n'


def run(capsys, *words: str) -> tuple[int, str, str]:
    """Run one command as a person would; give its exit code and what it said."""
    try:
        code = cli.run(words)
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", [["serve"], []])
def test_plan(capsys, file, command):
    """A dry run of a good configuration says what would be watched and served, and no secret."""
    code, out, err = run(capsys, *command, "--dry-run", "--config", str(file), "--port", "9000", "--host", "::1")
    assert (code, out) == (0, "")
    for word in (
        "Platform huph",
        "127.0.0.1:5432/huph as huph_monitor",
        "messages, conversations, notifications",
        "trg_messages_notify, trg_conversations_notify",
        "Messages: counted anew at each signal.",
        "Broker: none configured",
        "Feature flags: /opt/huph/.env",
        "Jobs: follow_up, retention_sweep",
        "Services: dify (http://localhost:5001/health)",
        "Settings: system.anthropic_model",
        "http://[::1]:9000/",
    ):
        assert word in err
    assert "hunter2" not in err


def test_scheme(capsys, file):
    """A dry run says by which triggers of our own the messages are counted, where they are used."""
    file.write_text(f"deltas = true\n{GOOD}", encoding="utf-8")
    _, _, err = run(capsys, "--dry-run", "--config", str(file))
    assert "Messages: counted by our own triggers huph_monitor_deltas_insert, huph_monitor_deltas_update, " in err


def test_mistakes(capsys, file):
    """A dry run of a bad configuration says every mistake at once, each on a line, and ends with 2."""
    file.write_text(
        f"{GOOD}word = {CANARY!r}\n[http]\nport = -1\n[limits]\nsweep_s = 0\nelse = 1\n[log]\nlevel = 'loud'\n",
        encoding="utf-8",
    )
    code, out, err = run(capsys, "serve", "--dry-run", "--config", str(file), "--host", "0.0.0.0")
    assert (code, out) == (2, "")
    assert {re.split(r":| is ", line)[0] for line in err.splitlines()} == {
        "database.word",
        "access.open",
        "http.port",
        "limits.else",
        "limits.sweep_s",
        "log.level",
    }
    assert len(err.splitlines()) == 6
    for secret in ("hunter2", CANARY, "p@ss", "Traceback"):
        assert secret not in err


def test_profile(capsys, tmp_path, file):
    """A dry run reads the profile's queries too: one that is missing is named."""
    shutil.copytree(str(resources.files("monitor.profiles") / "huph"), tmp_path / "mine")
    (tmp_path / "mine" / "queries" / "recount.sql").unlink()
    file.write_text(f'profile = "{tmp_path / "mine"}"\n{GOOD}', encoding="utf-8")
    code, _, err = run(capsys, "--dry-run", "--config", str(file))
    assert code == 2
    assert err == "recount.sql: the file is missing; the check Recount needs it.\n"


@pytest.mark.parametrize("content", [f'[database]\npassword = "{CANARY}"', "[database", None])
def test_unreadable(capsys, tmp_path, content):
    """A file that is no TOML or not there is named in one sentence, none of it quoted."""
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    code, _, err = run(capsys, "--dry-run", "--config", str(path))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "broken.toml: " in err
    assert "p@ss" not in err
    assert "Traceback" not in err


def test_version(capsys):
    """It knows its version."""
    assert run(capsys, "--version") == (0, f"huph-monitor {__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["--prot", "1"],
        ["serve", "--prot", "1"],
        ["--por", "1"],
        ["--port", "many"],
        ["serve", "now"],
        ["watch", "--until", "good"],
        ["watch", "--unti", "ok"],
        ["check", "db", "realtime"],
        ["check", "--timeout", "-1"],
        ["doctor"],
        ["demo", "explode"],
        ["demo", "break"],
        ["demo", "--speed", "0"],
    ],
)
def test_unknown(capsys, words):
    """A word or an option that is not known is refused with the usage, and ends with 2."""
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: huph-monitor")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [["--help"], ["serve", "--help"], ["demo", "--help"], ["watch", "--help"], ["check", "--help"]]
)
def test_help(capsys, words):
    """Every command explains itself."""
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert out.startswith("usage: huph-monitor")


def process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUPH_MONITOR_")}
    return subprocess.run(
        [sys.executable, "-m", "monitor", *words],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_process(file):
    """As a process it reads the environment, and its exit code is the command's."""
    done = process("--dry-run", HUPH_MONITOR_CONFIG=str(file), HUPH_MONITOR_HTTP_PORT="9001")
    assert (done.returncode, done.stdout) == (0, "")
    assert "http://127.0.0.1:9001/" in done.stderr
    done = process(
        "--dry-run",
        HUPH_MONITOR_DATABASE_DSN=f"postgresql://u:{CANARY}@127.0.0.1/huph",
        HUPH_MONITOR_X="1",
        HUPH_MONITOR_ACCESS_OPEN="true",
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    for secret in ("p@ss", "ss/w", "ord", "Traceback"):
        assert secret not in done.stderr.replace("password", "")


def test_nothing_configured():
    """With nothing configured a dry run says that a demo would be watched, and starts none."""
    done = process("--dry-run")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "Nothing is configured: a demo platform would be started and watched.\n"


def test_no_port(file):
    """A port that is taken ends the daemon with a sentence, before it asks the database anything."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = process("--config", str(file), "--port", port)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"http.port is {port}: cannot be opened on 127.0.0.1")
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
