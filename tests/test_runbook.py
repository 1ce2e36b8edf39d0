"""The runbook: each mistake by file and key with its mend, and no value that could leave its place in a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from monitor import runbook
from monitor.domain.reasons import REASONS
from monitor.runbook import DERIVED, HOLE, LANGUAGES, WORDS
from tests.test_config import GOOD, PROFILE, one, profiled, read, refused

ROOT = Path(__file__).resolve().parents[1]
HUPH = runbook.read(resources.files("monitor.profiles") / "huph", (), [])
BRIEF = {
    "the inbox is not real time": {
        "realtime.broker_down", "realtime.broker_refuses_token", "realtime.broker_not_relaying", "triggers.missing",
        "triggers.disabled", "triggers.mute", "db.refused",
    },
    "the bot is slow": {
        "db.slow", "db.slow_path", "db.saturated", "db.blocked", "db.notify_commit_lock", "db.elevated",
        "service.slow", "service.timeout", "recent_activity.bot_silent",
    },
    "cron failed": {"cron.failing", "cron.last_failed"},
    "the coverage has a gap": {"cluster_coverage.inactive_only", "cluster_coverage.uncovered"},
    "a flag is missing": {"feature_flags.missing", "feature_flags.file_missing", "feature_flags.not_applied"},
    "all loads for ever": {"service.refused", "service.timeout"},
}  # fmt: skip
"""What the customer's scenarios and troubleshooting lead to."""
SAID = {
    "realtime.broker_down": "docker compose restart huph-api",
    "realtime.broker_not_relaying": "docker compose restart huph-api",
    "realtime.broker_refuses_token": "NEXTAUTH_SECRET",
    "feature_flags.missing": "docker compose up -d huph-api",
    "cron.failing": "error_message",
}
"""What the customer says to do, in the command."""


NUMBERS = {"holder": "1", "window_min": "5"}


def mine(tmp_path: Path, old: str, new: str, language: str = "en") -> str:
    """Give a configuration whose profile has another text in one place of its runbook."""
    folder = tmp_path / "mine"
    if not folder.exists():
        shutil.copytree(PROFILE, folder)
    file = folder / f"runbook.{language}.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return f'profile = "{folder}"\n{GOOD}'


# What the HUPH profile says.


@pytest.mark.parametrize("scenario", BRIEF)
def test_brief(scenario):
    """Each scenario of the customer leads to an entry that says what to do."""
    assert BRIEF[scenario] <= HUPH["id"].entries.keys() <= REASONS.keys()


@pytest.mark.parametrize("code", SAID)
def test_said(code):
    """Where the customer has named the step, it is the one that is offered."""
    assert SAID[code] in HUPH["id"].entries[code].command


@pytest.mark.parametrize("language", LANGUAGES)
def test_tone(language):
    """No text shouts, and none is left half written."""
    for code, entry in HUPH[language].entries.items():
        for text in (entry.means, entry.first, entry.verify, *entry.causes):
            assert "!" not in text, code
            assert text == text.strip(), code
            assert text.endswith("."), f"{code}: {text}"
            assert "  " not in text, code


def test_languages_differ():
    """A text is written in each language, not left in the other one."""
    for code, entry in HUPH["id"].entries.items():
        twin = HUPH["en"].entries[code]
        assert (entry.means != twin.means, entry.first != twin.first, entry.verify != twin.verify) == (True,) * 3, code
        assert len(entry.causes) == len(twin.causes), code


@pytest.mark.parametrize("code", [code for code, entry in HUPH["en"].entries.items() if entry.command])
def test_commands_parse(code):
    """Each command is one that a POSIX shell reads, with a name in each place."""
    command = HOLE.sub("name", HUPH["en"].entries[code].command)
    done = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_queries_run(platform):
    """Each question that a command puts to PostgreSQL is one that it answers."""
    asked = 0
    for entry in HUPH["en"].entries.values():
        found = re.fullmatch(r"""psql -A?t?c (["'])(select .*)\1""", entry.command)
        if found is None:
            continue
        await platform.connection.fetch(HOLE.sub(lambda hole: NUMBERS.get(hole[1], "messages"), found[2]))
        asked += 1
    assert asked > 12


# What a profile may say.


def test_profile(tmp_path):
    """The daemon of the HUPH profile has both runbooks and the links; one without runbooks is read as well."""
    profile = read(tmp_path).profile
    assert profile.runbooks.keys() == set(LANGUAGES)
    assert profile.links["users"] == "/settings/users"
    toml = profiled(tmp_path, "", "")
    for language in LANGUAGES:
        (tmp_path / "mine" / f"runbook.{language}.toml").unlink()
    assert read(tmp_path, toml).profile.runbooks == {}


def test_links_laid_over(tmp_path):
    """A configuration says where a page is elsewhere, or that there is none."""
    links = read(tmp_path, f'{GOOD}[links]\nusers = "https://id.example/users"\ninbox = ""\n').profile.links
    assert links["users"] == "https://id.example/users"
    assert "inbox" not in links
    assert links["audit_log"] == "/audit-log"


@pytest.mark.parametrize("path", ["javascript:alert(1)", "//evil.example", "settings", "/a b", "/a\\b", "https:///x"])
def test_link_refused(tmp_path, path):
    """A link that leads nowhere, or where nobody meant, is refused."""
    toml = f"{GOOD}[links]\nusers = '{path}'\n"
    one(refused(tmp_path, toml), f"links.users is {path!r}", "/settings/users")


def test_one_language(tmp_path):
    """A runbook in one language alone is refused: the other readers would see nothing."""
    toml = profiled(tmp_path, "", "")
    (tmp_path / "mine" / "runbook.en.toml").unlink()
    one(refused(tmp_path, toml), "runbook.en.toml", "is missing", "runbook.id.toml")


def test_all_at_once(tmp_path):
    """Mistakes of both files come in one error, each with its file, its key and its mend."""
    mine(tmp_path, '["db.refused"]', '["db.refusd"]', "id")
    toml = mine(tmp_path, "{phase}", "{face}")
    said = "\n".join(refused(tmp_path, toml))
    for words in (
        "runbook.id.toml: db.refusd: is no reason",
        "runbook.id.toml: db.refused: is missing",
        "runbook.en.toml: db.starting.means: names {face}",
        "it brings elapsed_s, phase, since",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('means = "Nobody serves', 'meens = "Nobody serves', ("db.refused.means", "is missing")),
        ('causes = [\n    "Somebody', 'causes = []\nlink = [\n    "Somebody', ("db.refused.causes", "at least one")),
        ('command = "docker ps -a --filter name=postgres"', 'command = "a\\nb"', ("db.refused.command", "one line")),
        (
            'command = "docker ps -a --filter name=postgres"',
            'command = "a \u202e"',
            ("db.refused.command", "printable"),
        ),
        ('link = "users"', 'link = "user"', ("cluster_coverage.inactive_only.link is 'user'", "users, audit_log")),
        ('see = "{parent}"', 'see = "{since}"', ("unknown.blocked_by.see is '{since}'", "{parent}")),
        ('see = "triggers"', 'see = "trigger"', (".see is 'trigger'", "message_throughput")),
        ('"ls -l {path}"', "\"ls -l '{path}'\"", ("feature_flags.file_missing.command", "outside of quotes")),
        ('"ls -l {path}"', '"ls -l \\"{path}\\""', ("feature_flags.file_missing.command", "outside of quotes")),
        ('"ls -l {path}"', '"ls -l $(echo {path})"', ("feature_flags.file_missing.command", "between blanks")),
        ('"ls -l {path}"', '"ls -l /x{path}"', ("feature_flags.file_missing.command", "between blanks")),
        ('"ls -l {path}"', '"ls -l `echo {path} `"', ("feature_flags.file_missing.command", "outside of quotes")),
        ('users = "Users settings"\n', "", ("links.users", "is missing")),
    ],
)
def test_refused(tmp_path, old, new, words):
    """What cannot be shown, followed or run is refused by its key."""
    mistakes = refused(tmp_path, mine(tmp_path, old, new))
    assert any(all(word in mistake for word in ("runbook.en.toml", *words)) for mistake in mistakes), mistakes


def test_same_command(tmp_path):
    """Both languages offer the same command."""
    toml = mine(tmp_path, '"ls -l {path}"', '"ls {path}"')
    one(refused(tmp_path, toml), "runbook.en.toml: feature_flags.file_missing.command", "make them equal")


def test_not_toml(tmp_path):
    """A file that is no TOML is said by its name."""
    mistakes = refused(tmp_path, mine(tmp_path, '["db.refused"]', '["db.refused"'))
    assert any(mistake.startswith("runbook.en.toml: is not TOML") for mistake in mistakes)


def test_page_agrees():
    """What the page quotes as a word, and what it derives, is what is held here."""
    source = (ROOT / "web" / "src" / "i18n" / "command.ts").read_text(encoding="utf-8")
    found = re.search(r"WORDS = new Set\(\[(.*)\]\)", source)
    assert found is not None
    assert set(re.findall(r"'(\w+)'", found[1])) == WORDS
    growing = (ROOT / "web" / "src" / "i18n" / "sentence.ts").read_text(encoding="utf-8")
    assert DERIVED.keys() == {"elapsed_s", "host"}
    assert "elapsed_s: { from: 'since'" in growing
    assert "params.host === undefined && typeof params.target" in source


@pytest.mark.parametrize("language", LANGUAGES)
def test_words(language):
    """What may be any text stands as a word of its own; everything else must be a plain name or a number."""
    for code, entry in HUPH[language].entries.items():
        for hole in HOLE.finditer(entry.command):
            assert hole[1] not in WORDS or runbook._is_word(entry.command, hole), code
