"""The directory of a demo: one demo in it, found while it runs, gone when it was ephemeral."""

import stat
import tomllib

import pytest

from monitor.demo import state
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


def test_a_durable_one_keeps_its_secret_and_its_port(directory):
    """The configuration that a daemon has read stays true over a restart of the demo."""
    held = state.hold(directory / "demo", ephemeral=False)
    password = held.password()
    held.keep_port(20000)
    held.close()
    again = state.hold(directory / "demo", ephemeral=False)
    assert (again.password(), again.port()) == (password, 20000)
    assert stat.S_IMODE((directory / "demo" / "password").stat().st_mode) == 0o600
    again.close()


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


def test_the_configuration_is_an_ordinary_one(directory):
    """It names a profile and a DSN, as a person would write it."""
    held = state.hold(directory / "demo", ephemeral=False)
    held.write_config("postgresql://huph_monitor@127.0.0.1:1/huph")
    written = tomllib.loads(held.config.read_text())
    assert written == {"profile": "huph", "database": {"dsn": "postgresql://huph_monitor@127.0.0.1:1/huph"}}
    held.close()


def test_a_place_that_cannot_be_is_said(directory):
    """One sentence, with the way out."""
    (directory / "file").write_text("")
    with pytest.raises(MonitorError, match="--state"):
        state.hold(directory / "file" / "demo", ephemeral=False)
