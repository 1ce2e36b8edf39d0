"""The file of feature flags: whole, edited, away, and back."""

import stat

import pytest
from dotenv import dotenv_values

from monitor.demo.flags import CANARY, FlagFile
from monitor.errors import MonitorError

FLAGS = {
    "BILINGUAL_ENABLED": "true",
    "INTENT_LLM_ENABLED": "true",
    "FOLLOW_UP_ENABLED": "true",
    "HANDOVER_ENABLED": "true",
    "RAG_ENABLED": "true",
    "MAX_BOT_TURNS": "8",
    "DEFAULT_LANGUAGE": "id",
    "SOCKET_REDIS_ADAPTER": "false",
}


@pytest.fixture
def flags(directory):
    flags = FlagFile(directory / "huph.env")
    flags.write()
    return flags


def values(flags):
    return {name: value for name, value in dotenv_values(flags.path).items() if CANARY not in value}


def test_it_holds_eight_flags_and_secrets_beside_them(flags):
    """As on a real platform: the flags, and secrets that only their owner may read, plainly none."""
    assert values(flags) == FLAGS
    others = dotenv_values(flags.path).keys() - FLAGS.keys()
    assert others == {"ANTHROPIC_API_KEY", "NEXTAUTH_SECRET", "DATABASE_URL"}
    assert stat.S_IMODE(flags.path.stat().st_mode) == 0o600


def test_an_edit_changes_one_flag(flags):
    """One flag has another value, and another one again the next time; the rest stays, closed to others."""
    before = flags.path.stat()
    flags.edit()
    assert values(flags) == {**FLAGS, "MAX_BOT_TURNS": "12"}
    assert stat.S_IMODE(flags.path.stat().st_mode) == 0o600
    assert flags.path.stat().st_mtime >= before.st_mtime
    flags.edit()
    assert values(flags) == FLAGS


def test_it_goes_away_and_comes_back_as_it_was(flags):
    """Moved away and back it has its contents and its time; twice is as good as once."""
    flags.edit()
    before = flags.path.stat()
    for _ in range(2):
        flags.remove()
    assert not flags.there
    with pytest.raises(MonitorError, match="remove-flags"):
        flags.edit()
    for _ in range(2):
        flags.restore()
    assert flags.path.stat().st_mtime == before.st_mtime
    assert values(flags)["MAX_BOT_TURNS"] == "12"


def test_it_is_whole_whatever_was_done_to_it(flags):
    """A start writes it anew, and nothing of a broken one is left; one that is lost altogether is made again."""
    flags.edit()
    flags.remove()
    flags.write()
    assert values(flags) == FLAGS
    assert [path.name for path in flags.path.parent.iterdir()] == ["huph.env"]
    flags.path.unlink()
    flags.restore()
    assert values(flags) == FLAGS
    flags.path.write_text("SOMETHING=else\n")
    flags.edit()
    assert values(flags) == FLAGS


def test_a_file_put_in_its_place_stays(flags):
    """Whoever wrote a new one meanwhile keeps it."""
    flags.remove()
    flags.path.write_text("MINE=1\n")
    flags.restore()
    assert values(flags) == {"MINE": "1"}
    assert [path.name for path in flags.path.parent.iterdir()] == ["huph.env"]
