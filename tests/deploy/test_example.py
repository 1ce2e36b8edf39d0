"""The example configuration: it loads, it names every key, and what it says of the defaults is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from monitor import config
from monitor.errors import ConfigError
from monitor.profile import LIMITS
from tests.deploy.unit import ROOT, settings

EXAMPLE = ROOT / "deploy" / "config.example.toml"
CREDENTIALS = "/run/credentials/huph-monitor.service/"
DEFAULT = re.compile(r"^#(?=[a-z_-]+[.\w-]* = )", re.MULTILINE)
"""A line "#key = value"; a sentence has a blank after its #."""
SECTIONS = ("", "database", "http", "access", "stream", "broker", "flags", "log", "limits")


@pytest.fixture
def placed(tmp_path: Path) -> str:
    """The example's text, with its secrets where this test has written them."""
    for value in settings()["LoadCredential"]:
        (tmp_path / value.partition(":")[0]).write_text(
            "0123456789abcdef0123456789abcdef-newest\nolder" + "-" * 40 + "\n"
        )
    return EXAMPLE.read_text(encoding="utf-8").replace(CREDENTIALS, f"{tmp_path}/")


def load(folder: Path, text: str) -> config.Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path, {}, {})


def test_loads(placed, tmp_path):
    """As it stands it is a configuration: a daemon behind a proxy, which lets users and tokens in, and no one else."""
    loaded = load(tmp_path, placed)
    assert loaded.http.base_path == "/hm/"
    assert loaded.access.origins == ("https://admin.example",)
    assert len(loaded.access.nextauth) == 2
    assert loaded.access.secure is True
    assert (loaded.access.open, loaded.access.break_glass, loaded.edit) == (False, None, None)
    assert loaded.access.trusted_proxies, "the proxy's visitors would all have the proxy's address"
    assert loaded.profile.broker is not None
    assert loaded.profile.broker.secret is not None
    assert loaded.profile.broker.secret.reveal() == "0123456789abcdef0123456789abcdef-newest"


def test_defaults(placed, tmp_path):
    """Every "#key = value" shows what holds anyway: with all of them taken in, nothing is different."""
    whole, count = DEFAULT.subn("", placed)
    assert count > 70
    assert repr(load(tmp_path, whole)) == repr(load(tmp_path, placed))


def test_default_is_compared(placed, tmp_path):
    """A default that is no longer one is found."""
    other = DEFAULT.sub("", placed).replace("stall_s = 1\n", "stall_s = 2\n")
    assert repr(load(tmp_path, other)) != repr(load(tmp_path, placed))


@pytest.mark.parametrize("section", SECTIONS)
def test_whole(placed, tmp_path, section):
    """Every key that is known stands in it."""
    whole = DEFAULT.sub("", placed)
    table = tomllib.loads(whole)
    unknown = 'zzz = "what is this"\n'
    spoiled = unknown + placed if not section else placed.replace(f"[{section}]\n", f"[{section}]\n{unknown}")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, spoiled)
    known = re.search(r"known: ([^.]+)\.", str(refused.value))
    assert known is not None
    present = table if not section else table[section]
    assert set(known[1].split(", ")) == set(present)
    if section == "limits":
        assert set(LIMITS) == set(present)


def test_sentences():
    """Every key has a sentence right above it, or belongs to the one above that."""
    before = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if re.match(r"#?[\w.-]+ = ", line):
            assert before.startswith(
                ("# ", "#relays.", "#dify", "#langfuse", "#milvus", "#valkey", "#huph-api", "[services]")
            ), line
        before = line


def test_credentials():
    """The secrets that it names are those that the unit brings."""
    named = set(re.findall(rf"{CREDENTIALS}([a-z]+)", EXAMPLE.read_text(encoding="utf-8")))
    unit = (ROOT / "deploy" / "huph-monitor.service").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^#?LoadCredential=([a-z]+):", unit, re.MULTILINE))
