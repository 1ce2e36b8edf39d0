"""A configuration may be anything: it is taken, or every mistake is told as such, without what may be a secret."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st

from monitor import config
from monitor.errors import ConfigError
from tests.security.fuzz.fuzzing import feed, feed_long

EXAMPLE = (Path(__file__).resolve().parents[3] / "deploy" / "config.example.toml").read_text(encoding="utf-8")
KEYS = sorted({line.lstrip("#").partition(" = ")[0].strip() for line in EXAMPLE.splitlines() if " = " in line})
SECTIONS = sorted({line.strip("#[] \n") for line in EXAMPLE.splitlines() if line.lstrip("#").startswith("[")})
SECRET = 'p@ss/w"ord\\é-canary'
SLOTS = ("dsn", "listen_dsn", "edit_dsn", "password", "edit_password", "nextauth_secret", "secret")
"""Keys whose value is, or may hold, a secret."""
WRITTEN = [
    "''",
    '"x"',
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[1,'a']",
    "1979-05-27",
    "07:32:00",
    "1979-05-27T07:32:00Z",
    "0x7f",
    "'http://127.0.0.1:1'",
    "'http://[::1'",
    "'http://a:b@c'",
    "'http://169.254.169.254/'",
    "'//'",
    "'/'",
    "'.'",
    "'/etc/passwd'",
    "'/dev/null'",
    "'postgresql://u:p@h/d'",
    "'postgresql://[::1'",
    "'postgresql://h:99999/d'",
    "['127.0.0.1/33']",
    "['*']",
    "'22:00-'",
    "{a=1}",
    "{event=1}",
    "'0.0.0.0'",
    "'::'",
    "'(['",
    '"\\u0000"',
]
VALUES = (
    st.sampled_from([*WRITTEN, "9" * 40, "[" * 30 + "]" * 30, "'" + "x" * 3000 + "'"])
    | st.text(max_size=8).map(repr)
    | st.integers().map(str)
    | st.floats().map(str)
)
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), VALUES),
    st.builds("{} = {}".format, st.sampled_from(KEYS), VALUES),
    st.sampled_from(SECTIONS).map("[{}]".format),
    st.builds("[{}.{}]".format, st.sampled_from(SECTIONS), st.sampled_from(KEYS)),
    st.builds("[[{}]]".format, st.sampled_from(SECTIONS)),
    st.builds('{} = "{}"'.format, st.sampled_from(SLOTS), st.just(SECRET.replace("\\", "\\\\").replace('"', '\\"'))),
    st.text(max_size=20),
)
SPOILED = st.builds(
    lambda lines, more, cut: "\n".join([*lines[: cut[0]], *more, *lines[cut[0] + cut[1] :]]),
    st.just(EXAMPLE.splitlines()),
    st.lists(LINES, max_size=6),
    st.tuples(st.integers(0, len(EXAMPLE.splitlines())), st.integers(0, 6)),
)
DEEP = st.integers(1, 3000).map(lambda deep: "a = " + "[" * deep) | st.integers(1, 3000).map(
    lambda deep: "a = " + "[" * deep + "]" * deep
) | st.integers(1, 900).map(lambda deep: "[" + ".".join("a" * deep) + "]\nb = 1")  # fmt: skip
FILES = (st.lists(LINES, max_size=12).map("\n".join) | SPOILED | st.text() | DEEP).map(
    lambda text: text.encode("utf-8", "surrogatepass")
) | st.binary(max_size=60)
NAMES = [f"HUPH_MONITOR_{section}_{key}".upper() for section in SECTIONS for key in KEYS]
VARIABLES = st.dictionaries(
    st.sampled_from(
        [*NAMES, "HUPH_MONITOR_PROFILE", "HUPH_MONITOR_DELTAS", "HUPH_MONITOR_QUIET_HOURS", "HUPH_MONITOR_"]
    ),
    (VALUES | st.text(max_size=20)).filter(lambda text: "\0" not in text),
    max_size=4,
)


def load(told: tuple[bytes, dict[str, str]]) -> bool:
    """It is taken, or refused with its mistakes, none of which shows what may be a secret."""
    text, environment = told
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(text)
        file.flush()
        try:
            config.load(Path(file.name), environment, {})
        except ConfigError as error:
            mistakes = error.mistakes
        else:
            return True
    assert mistakes
    assert all(mistake.strip() for mistake in mistakes)
    for part in ("p@ss", "ord\\é", "-canary"):
        assert part not in "\n".join(mistakes)
    return False


TOLD = st.tuples(FILES, VARIABLES)


def check(told: tuple[bytes, dict[str, str]]) -> None:
    load(told)


@pytest.mark.parametrize("key", ["limits.lag_ms", "http.hosts", "http.port", "services.dify", "access.origins", "log"])
def test_misplaced(tmp_path, key):
    """A table in the place of a value is refused without what stands in it: it may be a secret under a wrong name."""
    file = tmp_path / "monitor.toml"
    for text in (f'[{key}]\npassword = "p@ss"\n', f'[[{key}]]\npassword = "p@ss"\n'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            config.load(file, {}, {})
        assert any(mistake.startswith(key) for mistake in caught.value.mistakes)
        assert "p@ss" not in str(caught.value)


def test_short():
    """Any file and any variables are taken, or refused by name."""
    feed(check, TOLD, 200)


@pytest.mark.prove
def test_long():
    """So it is for a minute."""
    print(f"{feed_long(check, TOLD):,} values")


def test_feed():
    """What fuzzing feeds reaches what it is meant for: mistakes in many keys are told."""
    keys = set()

    def look(told: tuple[bytes, dict[str, str]]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".toml") as file:
            file.write(told[0])
            file.flush()
            try:
                config.load(Path(file.name), told[1], {})
            except ConfigError as error:
                keys.update(mistake.split(" ")[0].rstrip(":") for mistake in error.mistakes)

    feed(look, TOLD, 200)
    assert len(keys) > 40, sorted(keys)
