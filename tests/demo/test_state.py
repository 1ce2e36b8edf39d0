"""The directory of a demo: one demo in it, found while it runs, gone when it was ephemeral."""

import stat
import tomllib
from pathlib import Path

import pytest

from monitor.demo import configuration, state
from monitor.errors import MonitorError


def test_one_demo_in_one_directory(directory):
    """A second demo is turned away while the first holds the directory, and let in afterwards."""
    first = state.hold(directory / "demo", ephemeral=False)
    with pytest.raises(MonitorError, match="already running"):
        state.hold(directory / "demo", ephemeral=False)
    first.close()
    state.hold(directory / "demo", ephemeral=False).close()


def test_a_running_demo_is_found(directory):
    """What it announced is found as long as it holds its directory, and not after it ended or was killed."""
    held = state.hold(directory / "demo", ephemeral=False)
    held.announce({"control": "somewhere"})
    assert state.running(directory / "demo") == {"control": "somewhere"}
    announced = directory / "demo" / "demo.json"
    assert stat.S_IMODE(announced.stat().st_mode) == 0o600
    text = announced.read_text()
    held.close()
    with pytest.raises(MonitorError, match="No demo is running"):
        state.running(directory / "demo")
    announced.write_text(text)  # as a killed demo leaves it
    with pytest.raises(MonitorError, match="No demo is running"):
        state.running(directory / "demo")


def test_a_durable_one_keeps_its_secrets_and_its_ports(directory):
    """The configuration that a daemon has read stays true over a restart of the demo."""
    held = state.hold(directory / "demo", ephemeral=False)
    names = (state.PASSWORD, state.BROKER_SECRET)
    secrets = [held.secret(name) for name in names]
    assert len(set(secrets)) == 2
    held.keep_ports({"postgres": 20000, "dify": 20001})
    held.close()
    again = state.hold(directory / "demo", ephemeral=False)
    assert [again.secret(name) for name in names] == secrets
    assert again.ports() == {"postgres": 20000, "dify": 20001}
    for name in names:
        assert again.secret_file(name).read_text().strip() == again.secret(name)
        assert stat.S_IMODE(again.secret_file(name).stat().st_mode) == 0o600
    again.close()


@pytest.mark.parametrize("text", ["", "7", "[1]", '{"dify": "x"}', '{"dify": 99999}', "{"])
def test_ports_that_are_none_are_forgotten(directory, text):
    """A file that somebody has spoilt costs a demo its ports, not its start."""
    held = state.hold(directory / "demo", ephemeral=False)
    (held.directory / "ports.json").write_text(text)
    assert held.ports() == {}
    held.close()


def test_an_ephemeral_one_is_gone_at_its_end(directory):
    """Nothing of it stays, but it never takes a directory that had something in it."""
    held = state.hold(directory / "demo", ephemeral=True)
    held.write_config("postgresql://x")
    held.close()
    assert not (directory / "demo").exists()
    (directory / "full").mkdir()
    (directory / "full" / "thesis.txt").write_text("precious")
    with pytest.raises(MonitorError, match="not empty"):
        state.hold(directory / "full", ephemeral=True)


def test_the_configuration_is_an_ordinary_one():
    """It says where everything is, as a person would write it, in whatever folder that may be."""
    folder = Path('/a "place"\\with/ünusual 😀\x7f\n signs')
    text = configuration.text(
        dsn="postgresql://huph_monitor@127.0.0.1:1/huph",
        broker="http://127.0.0.1:2",
        secret=folder / "broker-secret",
        sign_in="http://127.0.0.1:5/login",
        tokens=folder / "tokens.db",
        flags=folder / "huph.env",
        services={"huph-api": {"url": "http://127.0.0.1:3/health"}, "valkey": {"address": "127.0.0.1:4"}},
    )
    assert tomllib.loads(text) == {
        "profile": "huph",
        "database": {"dsn": "postgresql://huph_monitor@127.0.0.1:1/huph"},
        "access": {
            "nextauth_secret_file": f"{folder}/broker-secret",
            "sign_in_url": "http://127.0.0.1:5/login",
            "tokens": f"{folder}/tokens.db",
        },
        "broker": {"url": "http://127.0.0.1:2", "secret_file": f"{folder}/broker-secret"},
        "flags": {"path": f"{folder}/huph.env"},
        "links": {"users": "", "audit_log": "", "follow_up": "", "inbox": ""},
        "services": {"huph-api": {"url": "http://127.0.0.1:3/health"}, "valkey": {"address": "127.0.0.1:4"}},
    }


def test_a_place_that_cannot_be_is_said(directory):
    """One sentence, with the way out."""
    (directory / "file").write_text("")
    with pytest.raises(MonitorError, match="--state"):
        state.hold(directory / "file" / "demo", ephemeral=False)
