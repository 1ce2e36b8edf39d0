"""`huph-monitor token` as a process: the text once and alone, a list for people and programs, a revocation for good."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.access.caller import RefusedError
from monitor.access.tokens import TokenStore
from tests.cli.terminals import ENVIRONMENT

TEXT = re.compile(r"hm_[A-Za-z0-9_-]{43}")


def run(*words: object, stdout: object = subprocess.PIPE, **variables: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "token", *map(str, words)],
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        env={**ENVIRONMENT, **{name: str(value) for name, value in variables.items()}},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access" / "tokens.db"


def test_life(path):
    """A token is printed alone and once; it is listed, and good, until it is revoked, and listed still."""
    code, out, err = run("add", "router", "--scope", "stream", "--days", 2, "--store", path)
    assert code == 0
    assert TEXT.fullmatch(out.removesuffix("\n"))
    assert "router (stream) is good until" in err
    assert not TEXT.search(err)
    store = TokenStore(path)
    assert store.find(out.strip(), time.time()).name == "router"
    store.close()
    code, listed, err = run("list", "--store", path)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"router +stream +good +\S+ +\S+ +\d{4}-\d\d-\d\d \d\d:\d\dZ", listed.splitlines()[1])
    assert run("revoke", "router", "--store", path) == (0, "", "Token router is revoked.\n")
    with pytest.raises(RefusedError) as caught:
        store.find(out.strip(), time.time())
    assert caught.value.code == "revoked"
    assert run("revoke", "router", "--store", path) == (0, "", "Token router was dead already.\n")
    _, listed, _ = run("list", "--store", path)
    assert listed.splitlines()[1].split()[:3] == ["router", "stream", "revoked"]
    for text in (listed, run("list", "--json", "--store", path)[1]):
        assert not TEXT.search(text)
    store.close()


def test_json(path):
    """As JSON the list has every token, the oldest first, with its instants in UTC (RFC 3339)."""
    for name, scope in (("one", "read"), ("two", "admin")):
        run("add", name, "--scope", scope, "--days", 1, "--store", path)
    code, out, err = run("list", "--json", "--store", path)
    assert (code, err) == (0, "")
    one, two = json.loads(out)
    assert {**one, "created_at": "", "expires_at": ""} == {
        "name": "one",
        "scope": "read",
        "standing": "good",
        "created_at": "",
        "expires_at": "",
        "revoked_at": None,
        "used_at": None,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["created_at"])
    assert one["created_at"] < one["expires_at"]
    assert (two["name"], two["scope"]) == ("two", "admin")


def test_empty(path):
    """A list of nothing is empty, and makes nothing."""
    assert run("list", "--json", "--store", path) == (0, "[]\n", "")
    assert run("list", "--store", path) == (0, "", f"There are no tokens in {path}.\n")
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add", "Router", "--scope", "read"], "The name 'Router' cannot be had"),
        (["add", "router", "--scope", "read", "--days", "0"], "0 days cannot be had; give 1 to 3650"),
        (["add", "router", "--scope", "read", "--days", "3651"], "3651 days cannot be had"),
        (["revoke", "nobody"], "No token is named nobody"),
        (["add", "router", "--scope", "all"], "invalid choice: 'all'"),
        (["add", "router"], "--scope"),
        (["add", "router", "--scope", "read", "hm_secret"], "unrecognized arguments"),
        ([], "add | list | revoke"),
    ],
)
def test_mistakes(path, words, sentence):
    """A mistake is a sentence and 2; nothing takes a token as a word, which every list of processes would show."""
    code, out, err = run(*words, *(["--store", path] if words else []))
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
    assert not path.exists()


def test_name_taken(path):
    """A living name is not given twice."""
    run("add", "router", "--scope", "read", "--store", path)
    code, out, err = run("add", "router", "--scope", "read", "--store", path)
    assert (code, out) == (2, "")
    assert "lives; revoke it first" in err


def test_open_store(path):
    """A store that others may read is refused with the mend."""
    run("add", "router", "--scope", "read", "--store", path)
    path.chmod(0o644)
    code, out, err = run("list", "--store", path)
    assert (code, out) == (2, "")
    assert "chmod 600" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_not_printed(path):
    """A token that nobody has seen does not live."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        code, _, err = run("add", "router", "--scope", "read", "--store", path, stdout=full)
    assert code == 2
    assert "was revoked again" in err
    assert [one.standing for one in TokenStore(path).list(time.time())] == ["revoked"]


def test_places(tmp_path):
    """The store is the option's, else the environment's, else the configuration's, else one below the state home."""
    config = tmp_path / "monitor.toml"
    config.write_text(f'[access]\ntokens = "{tmp_path}/by-config/tokens.db"\n[database]\nport = "wrong"\n')
    places: list[tuple[list[object], dict[str, object]]] = [
        ([], {}),
        ([], {"HUPH_MONITOR_CONFIG": config}),
        (["--config", config], {"HUPH_MONITOR_CONFIG": tmp_path / "none.toml"}),
        (["--config", config], {"HUPH_MONITOR_ACCESS_TOKENS": tmp_path / "by-environment" / "tokens.db"}),
        (
            ["--config", config, "--store", tmp_path / "by-option" / "tokens.db"],
            {"HUPH_MONITOR_ACCESS_TOKENS": tmp_path / "by-environment" / "tokens.db"},
        ),
    ]
    for number, (options, variables) in enumerate(places):
        environment = {"XDG_STATE_HOME": tmp_path / "state", **variables}
        code, _, err = run("add", f"t{number}", "--scope", "read", *options, **environment)
        assert code == 0, err
    found = {
        place: [one.name for one in TokenStore(tmp_path / place / "tokens.db").list(time.time())]
        for place in ("state/huph-monitor/access", "by-config", "by-environment", "by-option")
    }
    assert list(found.values()) == [["t0"], ["t1", "t2"], ["t3"], ["t4"]]


def test_bad_configuration(tmp_path):
    """A configuration that cannot be read, or names no path, is told."""
    config = tmp_path / "monitor.toml"
    for content, sentence in (("[access]\ntokens = 3\n", "access.tokens: give a path"), ("[", "is not TOML")):
        config.write_text(content)
        code, out, err = run("list", "--config", config)
        assert (code, out) == (2, "")
        assert sentence in err


def test_umask(path):
    """Nothing of it is open to others, whatever the shell's umask."""
    before = os.umask(0)
    try:
        run("add", "router", "--scope", "read", "--store", path)
    finally:
        os.umask(before)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
