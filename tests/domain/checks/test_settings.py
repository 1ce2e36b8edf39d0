"""The settings: each key with its own verdict, and never a secret."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.settings import Entries, Setting, Settings
from monitor.domain.signal import At, Tick
from monitor.domain.verdict import instant
from tests.domain.build import NOON, at, codes, fold, nulls, params

CANARY = "canary-8081"
EXPECTED = (
    Setting("system.model", pattern="^claude-"),
    Setting("system.api_key", secret=True),
    Setting("system.enabled", "bool"),
    Setting("system.turns", "int", minimum=1, maximum=20),
    Setting("system.tone", "choice", choices=("formal", "warm")),
    Setting("system.greeting", needed=False),
)
CHECK = Settings(EXPECTED)
ROWS = {
    "system.api_key": {"value": "", "secret": True},
    "system.enabled": {"value": "true"},
    "system.greeting": {"value": "Halo"},
    "system.model": {"value": "claude-haiku-4-5"},
    "system.tone": {"value": "warm"},
    "system.turns": {"value": "8"},
}


def entries(**changed):
    """All expected settings in order, with these keys changed (after "system."), or left out (None), or added."""
    rows = dict(ROWS)
    for key, row in changed.items():
        name = f"system.{key}"
        if row is None:
            del rows[name]
        else:
            rows[name] = rows.get(name, {"value": ""}) | row
    whole = {"configured": True, "secret": False, "editable": True, "version": 3, "changed_at": NOON - 60}
    whole |= {"changed_by": "", "audited": True}
    filled = [{"key": key} | whole | row for key, row in sorted(rows.items())]
    columns = [name for name in Entries.__dataclass_fields__ if name != "now"]
    return Entries(NOON, **{name: [row[name] for row in filled] for name in columns})


def judged(**changed):
    return fold(CHECK, (1, entries(**changed)))


def test_all_well():
    """Settings that are there and in order are ok, each with its value, type, version and last change."""
    judgement = judged()
    assert judgement.reasons == ()
    assert list(judgement.detail) == [setting.key for setting in EXPECTED]
    assert judgement.detail["system.model"] == {
        "verdict": "ok",
        "type": "text",
        "max_length": 2000,
        "editable": True,
        "value": "claude-haiku-4-5",
        "version": 3,
        "changed_at": instant(NOON - 60),
    }
    assert {key: row.get("value") for key, row in judgement.detail.items()} == {
        "system.model": "claude-haiku-4-5",
        "system.api_key": None,
        "system.enabled": "true",
        "system.turns": "8",
        "system.tone": "warm",
        "system.greeting": "Halo",
    }
    assert nulls(judgement.detail) == []


@pytest.mark.parametrize(
    ("key", "row", "problem"),
    [
        ("model", None, "absent"),
        ("api_key", None, "absent"),
        ("model", {"configured": False, "value": ""}, "not_configured"),
        ("api_key", {"configured": False}, "not_configured"),
        ("enabled", {"value": "perhaps"}, "type"),
        ("turns", {"value": "many"}, "type"),
        ("turns", {"value": "21"}, "bounds"),
        ("greeting", {"value": "Halo\x1b[2J"}, "pattern"),
        ("model", {"value": "gpt-4"}, "pattern"),
        ("tone", {"value": "rude"}, "choice"),
    ],
)
def test_invalid(key, row, problem):
    """What is absent, not configured, or not of its form is a warning that names the key and the problem."""
    judgement = judged(**{key: row})
    named = {"key": f"system.{key}", "problem": problem}
    assert codes(judgement) == {"settings.invalid": "warn"}
    assert params(judgement, "settings.invalid") == named
    entry = judgement.detail[f"system.{key}"]
    assert (entry["verdict"], entry["reason"], entry["params"]) == ("warn", "settings.invalid", named)
    others = [row for name, row in judgement.detail.items() if name != f"system.{key}"]
    assert all(row["verdict"] == "ok" and "reason" not in row for row in others)


def test_several():
    """Of several the first of the profile is the reason; each entry has its own verdict."""
    judgement = judged(turns={"value": "x"}, model={"value": "gpt-4"}, tone=None)
    assert params(judgement, "settings.invalid") == {"key": "system.model", "problem": "pattern"}
    assert len(judgement.reasons) == 1
    problems = {key: row["params"]["problem"] for key, row in judgement.detail.items() if row["verdict"] == "warn"}
    assert problems == {"system.model": "pattern", "system.turns": "type", "system.tone": "absent"}


def test_mended():
    """A setting that is in order again is ok at the next look."""
    assert fold(CHECK, (1, entries(model=None)), (2, entries())).reasons == ()


@pytest.mark.parametrize("row", [None, {"configured": False, "value": ""}])
def test_not_needed(row):
    """A setting that is not needed may be absent or empty; then it has no value."""
    judgement = judged(greeting=row)
    assert judgement.reasons == ()
    assert "value" not in judgement.detail["system.greeting"]
    assert judgement.detail["system.greeting"]["editable"] is (row is not None)


def test_a_value_that_does_not_fit_is_shown():
    """What is wrong with a setting can be seen."""
    assert judged(turns={"value": "8 times"}).detail["system.turns"]["value"] == "8 times"


def test_written_as_its_type():
    """A bool and an int are written in one way, however the platform writes them."""
    detail = judged(enabled={"value": "Yes"}, turns={"value": " 08"}).detail
    assert (detail["system.enabled"]["value"], detail["system.turns"]["value"]) == ("true", "8")


def test_secret():
    """Of a secret only whether it is configured is told."""
    assert judged().detail["system.api_key"] == {
        "verdict": "ok",
        "type": "text",
        "max_length": 2000,
        "editable": True,
        "secret": True,
        "configured": True,
        "version": 3,
        "changed_at": instant(NOON - 60),
    }
    assert judged(api_key={"configured": False}).detail["system.api_key"]["configured"] is False


@pytest.mark.parametrize(
    ("key", "row"),
    [
        pytest.param("api_key", {"secret": False, "value": CANARY}, id="only the profile says so"),
        pytest.param("model", {"secret": True, "value": CANARY}, id="only the platform says so"),
        pytest.param("extra", {"secret": True, "value": CANARY}, id="nobody expected it"),
    ],
)
def test_either_word_is_enough(key, row):
    """Who holds a key for a secret is believed: its value is found nowhere in the judgement, and it is not judged."""
    judgement = judged(**{key: row})
    assert judgement.reasons == ()
    assert judgement.detail[f"system.{key}"]["secret"] is True
    assert CANARY not in repr(judgement)


def test_a_secret_has_no_form():
    """Of a value that is never known no form is asked, whatever the profile says of it."""
    check = Settings((Setting("system.api_key", "int", pattern="^sk-", secret=True),))
    for row in ({"secret": True}, {"secret": False}):
        assert fold(check, (1, entries(api_key=row))).reasons == ()


def test_others_are_shown():
    """A key that the profile does not name is shown after those that it names, is ok, and is not edited here."""
    judgement = judged(zone={"value": "Asia/Jakarta", "editable": True})
    assert list(judgement.detail)[-1] == "system.zone"
    assert judgement.detail["system.zone"] == {
        "verdict": "ok",
        "type": "text",
        "editable": False,
        "value": "Asia/Jakarta",
        "version": 3,
        "changed_at": instant(NOON - 60),
    }


def test_platform_without_versions():
    """Where the platform keeps no version and no time of change, there is none."""
    entry = judged(model={"version": -1, "changed_at": 0.0}).detail["system.model"]
    assert entry.keys() & {"version", "changed_at"} == set()


def test_quoted():
    """Values and unexpected keys are somebody else's words: cut at 2000, no control characters, no secrets."""
    detail = judged(greeting={"value": "Halo\x1b[2J" + "x" * 2500}, **{"ev\nil": {"value": "Bearer canary-9"}}).detail
    value = detail["system.greeting"]["value"]
    assert len(value) == 2000
    assert detail["system.greeting"]["partial"] is True
    assert "\x1b" not in value
    assert r"system.ev\nil" in detail
    assert "canary-9" not in repr(detail)


def test_before_any_evidence():
    """Before the first look every expected key is there, and nothing is known of it."""
    begun = fold(CHECK)
    assert begun.reasons == ()
    assert begun.detail["system.turns"] == {
        "verdict": "unknown", "reason": "unknown.starting", "type": "int", "minimum": 1, "maximum": 20,
        "editable": False,
    }  # fmt: skip
    assert begun.detail["system.api_key"] == {
        "verdict": "unknown", "reason": "unknown.starting", "type": "text", "max_length": 2000,
        "editable": False, "secret": True,
    }  # fmt: skip
    assert list(begun.detail) == [setting.key for setting in EXPECTED]


def test_forms():
    """What a value must be like is told with each expected key, as far as there is something to hold to."""
    expected = (*EXPECTED, Setting("system.least", "int", minimum=3))
    detail = fold(Settings(expected), (1, entries())).detail
    forms = {"choices", "minimum", "maximum", "max_length"}
    assert {key: {name: row[name] for name in forms & row.keys()} for key, row in detail.items()} == {
        "system.model": {"max_length": 2000},
        "system.api_key": {"max_length": 2000},
        "system.enabled": {},
        "system.turns": {"minimum": 1, "maximum": 20},
        "system.tone": {"choices": ["formal", "warm"]},
        "system.greeting": {"max_length": 2000},
        "system.least": {"minimum": 3},
    }


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        (Setting("k"), "", "empty"),
        (Setting("k", "bool", needed=False), "", ""),
        (Setting("k", max_length=3), "abc", ""),
        (Setting("k", max_length=3), "abcd", "bounds"),
        (Setting("k"), "x" * 2000, ""),
        (Setting("k"), "x" * 2001, "bounds"),
        (Setting("k"), "Halo, Sari 👩\u200d🎓", ""),
        (Setting("k"), "two\nlines", "pattern"),
        (Setting("k"), "nul\0", "pattern"),
        (Setting("k"), "line\u2028separator", "pattern"),
        (Setting("k"), "half\ud800", "pattern"),
        (Setting("k", pattern="^claude-"), "gpt", "pattern"),
        (Setting("k", pattern="^claude-"), "claude-x", ""),
        (Setting("k", "bool"), " Yes", ""),
        (Setting("k", "bool"), "perhaps", "type"),
        (Setting("k", "int"), "-7", ""),
        (Setting("k", "int"), "7.5", "type"),
        (Setting("k", "int", minimum=1), "1", ""),
        (Setting("k", "int", minimum=1), "0", "bounds"),
        (Setting("k", "int", maximum=9), "9", ""),
        (Setting("k", "int", maximum=9), "10", "bounds"),
        (Setting("k", "choice", choices=("a", "b")), "b", ""),
        (Setting("k", "choice", choices=("a", "b")), "c", "choice"),
        (Setting("k", secret=True, pattern="^sk-"), "pk-1", "pattern"),
    ],
)
def test_problem(setting, value, problem):
    """A value is empty, of no such type, out of bounds, not of its form, none of the choices, or good."""
    assert setting.problem(value) == problem


# Changes that nobody wrote down.


def change(ago_s, **more):
    return {"version": 4, "changed_at": NOON - ago_s, "audited": False} | more


def test_unaudited():
    """A change without a record is a warning that names the key and the instant, for a day."""
    day = 86_400
    judgement = judged(tone=change(60))
    named = {"key": "system.tone", "at": instant(NOON - 60)}
    assert codes(judgement) == {"settings.unaudited": "warn"}
    assert params(judgement, "settings.unaudited") == named
    entry = judgement.detail["system.tone"]
    assert (entry["verdict"], entry["reason"], entry["params"]) == ("warn", "settings.unaudited", named)
    # Of two the later one lasts longer; at its second each has gone, and nothing is left to wait for.
    two = fold(CHECK, (1, entries(tone=change(60), model=change(600))))
    first = two.holds_until
    assert first == pytest.approx(at(1).mono + day - 600, abs=0.01)
    then = CHECK.judge(Tick(at(1)), two, At(first, NOON))
    assert [row["verdict"] for row in then.detail.values() if "reason" in row] == ["warn"]
    last = CHECK.judge(Tick(at(1)), then, At(then.holds_until, NOON))
    assert then.holds_until == pytest.approx(at(1).mono + day - 60, abs=0.01)
    assert (last.reasons, last.holds_until) == ((), math.inf)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(change(60, audited=True), id="it is written down"),
        pytest.param(change(60, version=1), id="it is as it was made"),
        pytest.param(change(60, version=-1), id="the platform keeps no versions"),
        pytest.param(change(86_400), id="a day has passed"),
        pytest.param(change(0, changed_at=0.0), id="the platform keeps no times"),
    ],
)
def test_not_unaudited(row):
    """What is written down, was never changed, or is old news is no warning."""
    judgement = judged(tone=row)
    assert (judgement.reasons, judgement.holds_until) == ((), math.inf)


def test_unaudited_beside_invalid():
    """A value that is wrong is the entry's reason; both codes are told, each once, of any key."""
    judgement = judged(model=change(60, value="gpt"), turns=change(60), zone=change(60, value="Asia/Jakarta"))
    assert codes(judgement) == {"settings.invalid": "warn", "settings.unaudited": "warn"}
    assert params(judgement, "settings.unaudited")["key"] == "system.turns"
    assert judgement.detail["system.model"]["reason"] == "settings.invalid"
    assert judgement.detail["system.zone"]["reason"] == "settings.unaudited"
    assert params(judged(zone=change(60, value="x")), "settings.unaudited")["key"] == "system.zone"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Sari", "Sari"),
        ("token:deploy-1", "token:deploy-1"),
        ("token:Bearer abc", "token:Bearer •••"),
        ("my token:abc", "my token:•••"),
        ("Sari\x1b[2J", r"Sari\x1b[2J"),
    ],
)
def test_changed_by(name, shown):
    """Who made the last change is shown, as somebody else's words are; the name of a service's token is no secret."""
    assert judged(tone={"changed_by": name}).detail["system.tone"]["changed_by"] == shown
    assert "changed_by" not in judged().detail["system.tone"]


def test_bad_pattern():
    """A pattern that is none is refused where it is made, with its key: it must not end the daemon later."""
    with pytest.raises(ValueError, match=r"system\.model: the pattern is not a regular expression"):
        Setting("system.model", pattern="(")


def test_time_changes_nothing():
    """It never changes by itself, unless a change without a record is told, and never before the first look."""
    assert CHECK.judge(Tick(at(100)), CHECK.begin(at(0)), at(100)) == CHECK.begin(at(0))
    judgement = judged(model=None)
    assert judgement.holds_until == math.inf
    assert CHECK.judge(Tick(at(100)), judgement, at(100)) == judgement


def test_what_it_is():
    """It is a section of its own, and only what the table says is evidence."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s, CHECK.limits) == ("settings", "settings", 65, {})
    assert (CHECK.takes, CHECK.evidence) == ((Entries,), (Entries,))
    assert fold(Settings(), (1, Entries(NOON, [], [], [], [], [], [], [], [], []))).detail == {}
