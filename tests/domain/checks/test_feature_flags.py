"""The feature flags: loaded, missing, malformed, gone with their file, or not yet applied."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.checks.feature_flags import FeatureFlags, Flags
from monitor.domain.probing import Probe
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from tests.domain.build import NOON, at, codes, fold, nulls, params

PATH = "/opt/huph/.env"
EXPECTED = {"BILINGUAL": "bool", "TURNS": "int", "LANGUAGE": "text"}
CHECK = FeatureFlags(EXPECTED, applied_by="huph-api")
WELL = {"BILINGUAL": "TRUE", "TURNS": "8", "LANGUAGE": "id"}
CHANGED = NOON - 3600
ABSENT = Flags("file", PATH, "absent")
UNREADABLE = Flags("file", PATH, "unreadable")


def flags(*, broken=(), changed_at=CHANGED, **changed):
    """The file with all flags well, with these changed, or left out (None)."""
    values = {name: value for name, value in (WELL | changed).items() if value is not None}
    lines = {name: list(WELL).index(name) + 3 for name in values}
    return Flags("file", PATH, "read", values, lines, broken, changed_at)


def probe(started_at=None, outcome="answered", service="huph-api"):
    return Probe(service, outcome, "http://127.0.0.1:3001/health", started_at=started_at)


def rows(judgement):
    return judgement.detail["flags"]


# Read


def test_all_loaded():
    """Flags that are all there and fit are a plain ok; each is shown with type, value and line."""
    judgement = fold(CHECK, (1, flags()))
    assert judgement.reasons == ()
    assert judgement.headline == {"value": 3, "of": 3}
    assert judgement.detail == {
        "source": "file",
        "where": PATH,
        "changed_at": instant(CHANGED),
        "applied_by": "huph-api",
        "flags": {
            "BILINGUAL": {"type": "bool", "state": "read", "value": "true", "line": 3},
            "TURNS": {"type": "int", "state": "read", "value": "8", "line": 4},
            "LANGUAGE": {"type": "text", "state": "read", "value": "id", "line": 5},
        },
    }


def test_where_there_are_no_lines():
    """What a running service says it loaded has neither lines nor a time of its own."""
    judgement = fold(FeatureFlags(EXPECTED), (1, Flags("http", "http://x/flags", "read", WELL)))
    assert judgement.reasons == ()
    assert rows(judgement)["TURNS"] == {"type": "int", "state": "read", "value": "8"}
    assert judgement.detail.keys() == {"source", "where", "flags"}


def test_missing():
    """An expected flag that is not there is named, with how many were read."""
    judgement = fold(CHECK, (1, flags(TURNS=None, LANGUAGE=None)))
    assert codes(judgement) == {"feature_flags.missing": "warn"}
    named = params(judgement, "feature_flags.missing")
    assert named == {"flags": "TURNS, LANGUAGE", "loaded": 1, "expected": 3}
    assert rows(judgement)["TURNS"] == {"type": "int", "state": "missing"}
    assert judgement.headline == {"value": 1, "of": 3}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("BILINGUAL", "canary-1", "bool"), ("TURNS", "canary-1", "int"), ("BILINGUAL", "", "bool")],
)
def test_malformed_value(name, value, kind):
    """A value that does not fit its type is told by flag, line and type; the value itself is kept nowhere."""
    judgement = fold(CHECK, (1, flags(**{name: value})))
    assert codes(judgement) == {"feature_flags.malformed": "warn"}
    line = list(WELL).index(name) + 3
    assert params(judgement, "feature_flags.malformed") == {"flag": name, "line": line, "expected_type": kind}
    assert rows(judgement)[name] == {"type": kind, "state": "malformed", "line": line}
    assert "canary" not in repr(judgement)


def test_broken_line_of_a_flag():
    """A flag whose line does not parse, or that stands twice, is malformed and not missing."""
    judgement = fold(CHECK, (1, flags(TURNS=None, broken=(("TURNS", 9),))))
    assert codes(judgement) == {"feature_flags.malformed": "warn"}
    assert params(judgement, "feature_flags.malformed") == {"flag": "TURNS", "line": 9, "expected_type": "int"}
    assert rows(judgement)["TURNS"] == {"type": "int", "state": "malformed", "line": 9}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (flags(broken=(("?", 7),)), {"flag": "?", "line": 7, "expected_type": "line"}),
        (Flags("http", "http://x", "read", WELL, broken=(("?", 0),)), {"flag": "?", "expected_type": "object"}),
    ],
    ids=["file", "http"],
)
def test_broken_line_of_nobody(facts, told):
    """A line that names no expected flag is told by its number alone, where there is one; the flags are well."""
    judgement = fold(CHECK, (1, facts))
    assert codes(judgement) == {"feature_flags.malformed": "warn"}
    assert params(judgement, "feature_flags.malformed") == told
    assert judgement.headline == {"value": 3, "of": 3}


def test_first_of_several():
    """Of several malformed ones the first line is told."""
    judgement = fold(CHECK, (1, flags(LANGUAGE=None, TURNS="x", broken=(("?", 2), ("LANGUAGE", 9)))))
    assert params(judgement, "feature_flags.malformed")["line"] == 2
    judgement = fold(CHECK, (1, flags(LANGUAGE=None, TURNS="x", broken=(("LANGUAGE", 9),))))
    assert params(judgement, "feature_flags.malformed")["flag"] == "TURNS"


def test_order():
    """All that is true is told: malformed, missing, not applied."""
    facts = flags(TURNS="x", LANGUAGE=None, changed_at=NOON)
    judgement = fold(CHECK, (1, probe(NOON - 100)), (2, facts))
    assert codes(judgement) == {
        "feature_flags.malformed": "warn",
        "feature_flags.missing": "warn",
        "feature_flags.not_applied": "ok",
    }


def test_text_is_quoted():
    """A text may be anything that somebody wrote: it is cut, and no control character or secret is told on."""
    value = rows(fold(CHECK, (1, flags(LANGUAGE="id\x1b[2J" + "x" * 500))))["LANGUAGE"]["value"]
    assert len(value) == 200
    assert "\x1b" not in value
    assert "canary" not in repr(fold(CHECK, (1, flags(LANGUAGE="token=canary-7"))))


# Changes


def test_change():
    """A flag says when we saw it change; until then it says nothing, and the others neither."""
    judgement = fold(CHECK, (1, flags()), (30, flags()), (60, flags(TURNS="9")), (90, flags(TURNS="9")))
    assert rows(judgement)["TURNS"]["changed_at"] == instant(NOON + 60)
    assert "changed_at" not in rows(judgement)["BILINGUAL"]


def test_the_same_in_other_words():
    """Another spelling of the same value is no change."""
    assert "changed_at" not in rows(fold(CHECK, (1, flags()), (2, flags(BILINGUAL="yes"))))["BILINGUAL"]


def test_taken_out_and_put_in():
    """A flag that is taken out, or set for the first time, has changed."""
    gone = fold(CHECK, (1, flags()), (2, flags(TURNS=None)))
    assert rows(gone)["TURNS"] == {"type": "int", "state": "missing", "changed_at": instant(NOON + 2)}
    back = CHECK.judge(flags(), gone, at(3))
    assert rows(back)["TURNS"]["changed_at"] == instant(NOON + 3)


def test_malformed_in_between():
    """A typing error that is mended to the same value was no change; to another one, it is."""
    spoiled = (1, flags()), (2, flags(TURNS="x"))
    assert "changed_at" not in rows(fold(CHECK, *spoiled, (3, flags())))["TURNS"]
    assert rows(fold(CHECK, *spoiled, (3, flags(TURNS="9"))))["TURNS"]["changed_at"] == instant(NOON + 3)


def test_gone_file_in_between():
    """A file that was away and is back as it was has changed nothing."""
    judgement = fold(CHECK, (1, flags()), (2, ABSENT), (9, ABSENT), (10, flags()))
    assert judgement.reasons == ()
    assert "changed_at" not in rows(judgement)["TURNS"]


# The file is gone


def test_editor():
    """A file that is back within two seconds was never missing."""
    judgement = fold(CHECK, (1, flags()), (5, ABSENT))
    assert (judgement.reasons, judgement.since) == ((), None)
    assert judgement.headline == {"value": 3, "of": 3}
    back = CHECK.judge(flags(TURNS="9"), judgement, at(6.9))
    assert (back.reasons, back.holds_until) == ((), math.inf)


def test_missing_file():
    """At the second at which it has been away for two it fails, since it was first seen away; nothing more happens."""
    judgement = fold(CHECK, (1, flags()), (5, ABSENT))
    assert judgement.holds_until == at(7).mono
    early = CHECK.judge(Tick(at(6.999)), judgement, at(6.999))
    assert (early.reasons, early.holds_until) == ((), at(7).mono)
    late = CHECK.judge(Tick(at(7)), early, at(7))
    assert codes(late) == {"feature_flags.file_missing": "fail"}
    assert params(late, "feature_flags.file_missing") == {"path": PATH, "since": instant(NOON + 5)}
    assert (late.since, late.holds_until) == (NOON + 5, math.inf)
    assert late.headline == {"value": 0, "of": 3}
    assert {row["state"] for row in rows(late).values()} == {"missing"}
    assert "changed_at" not in late.detail
    assert not any("value" in row for row in rows(late).values())


def test_still_missing():
    """Looking again and again moves neither the deadline nor the since."""
    judgement = fold(CHECK, (1, flags()), (5, ABSENT), (6, ABSENT))
    assert judgement.holds_until == at(7).mono
    judgement = fold(CHECK, (1, flags()), (5, ABSENT), (35, ABSENT), (65, ABSENT))
    assert params(judgement, "feature_flags.file_missing")["since"] == instant(NOON + 5)
    assert judgement.since == NOON + 5


def test_missing_from_the_start():
    """Without any earlier judgement an absent file is not ok for two seconds: it is not known yet."""
    judgement = fold(CHECK, (1, ABSENT))
    assert codes(judgement) == {"unknown.starting": "unknown"}
    assert judgement.headline is None
    assert "state" not in rows(judgement)["TURNS"]
    assert codes(CHECK.judge(Tick(at(3)), judgement, at(3))) == {"feature_flags.file_missing": "fail"}


def test_back():
    """A file that is back is read at once, and has not been missing any more."""
    judgement = fold(CHECK, (1, ABSENT), (9, ABSENT), (10, flags()))
    assert (judgement.reasons, judgement.since) == ((), None)
    again = fold(CHECK, (1, ABSENT), (9, ABSENT), (10, flags()), (20, ABSENT))
    assert (again.reasons, again.holds_until) == ((), at(22).mono)


@pytest.mark.parametrize("absent_s", [0.5, 10])
def test_patience(absent_s):
    """How long a file may be away is told, and kept to."""
    check = FeatureFlags(EXPECTED, absent_s=absent_s)
    assert check.limits == {"absent_s": absent_s}
    assert fold(check, (1, flags()), (5, ABSENT)).holds_until == at(5 + absent_s).mono


# The file cannot be read


def test_unreadable():
    """A file that we may not read says nothing of the flags, at once: unknown, and no value of before is shown."""
    judgement = fold(CHECK, (1, flags()), (5, UNREADABLE))
    assert codes(judgement) == {"unknown.permission": "unknown"}
    assert params(judgement, "unknown.permission") == {"object": PATH, "right": "read"}
    assert judgement.headline is None
    assert rows(judgement)["TURNS"] == {"type": "int"}
    assert CHECK.judge(flags(), judgement, at(6)).reasons == ()


def test_unreadable_and_gone():
    """An unreadable file that goes away stays unreadable until it is missing; and a missing one may come back so."""
    judgement = fold(CHECK, (1, UNREADABLE), (5, ABSENT))
    assert codes(judgement) == {"unknown.permission": "unknown"}
    judgement = CHECK.judge(Tick(at(7)), judgement, at(7))
    assert codes(judgement) == {"feature_flags.file_missing": "fail"}
    judgement = CHECK.judge(UNREADABLE, judgement, at(8))
    assert (codes(judgement), judgement.since) == ({"unknown.permission": "unknown"}, None)


# Not applied


def test_not_applied():
    """A file that changed after the service started is noted, until the service starts later."""
    judgement = fold(CHECK, (1, probe(NOON - 100)), (2, flags(changed_at=NOON - 50)))
    assert codes(judgement) == {"feature_flags.not_applied": "ok"}
    assert params(judgement, "feature_flags.not_applied") == {
        "changed_at": instant(NOON - 50), "api_started_at": instant(NOON - 100),
    }  # fmt: skip
    assert judgement.detail["api_started_at"] == instant(NOON - 100)
    started = CHECK.judge(probe(NOON + 3), judgement, at(4))
    assert started.reasons == ()


@pytest.mark.parametrize(
    ("changed_at", "noted"), [(-0.5, False), (0.0, False), (0.4, False), (0.999, False), (1.0, True), (60.0, True)]
)
def test_whole_seconds(changed_at, noted):
    """A change within the second of the start is not held against a service that tells its start in whole seconds."""
    judgement = fold(CHECK, (1, flags(changed_at=NOON + changed_at)), (2, probe(NOON)))
    assert bool(judgement.reasons) is noted


def test_a_service_that_does_not_tell():
    """Without a start time, or a time of the file, nothing can be compared."""
    assert fold(CHECK, (1, flags()), (2, probe())).reasons == ()
    assert fold(CHECK, (1, flags(changed_at=None)), (2, probe(NOON - 100))).reasons == ()
    told = fold(CHECK, (1, flags(changed_at=NOON)), (2, probe(NOON - 100)), (3, probe()))
    assert told.reasons == ()
    assert "api_started_at" not in told.detail


def test_a_service_that_does_not_answer():
    """A service that does not answer has not been started anew: what it said last holds."""
    judgement = fold(CHECK, (1, flags(changed_at=NOON)), (2, probe(NOON - 100)), (3, probe(outcome="refused")))
    assert codes(judgement) == {"feature_flags.not_applied": "ok"}


def test_other_services():
    """A probe of another service leaves the judgement as it was."""
    judgement = fold(CHECK, (1, flags(changed_at=NOON)))
    assert CHECK.judge(probe(NOON - 100, service="dify"), judgement, at(2)) is judgement
    alone = FeatureFlags(EXPECTED)
    judgement = fold(alone, (1, flags(changed_at=NOON)))
    assert alone.judge(probe(NOON - 100), judgement, at(2)) is judgement


def test_not_applied_needs_a_file():
    """What cannot be read, or is gone, is not said to be unapplied."""
    judgement = fold(CHECK, (1, probe(NOON - 100)), (2, flags(changed_at=NOON)), (3, UNREADABLE))
    assert list(codes(judgement)) == ["unknown.permission"]


# All of it


def test_before_any_evidence():
    """Before the first look nothing is said of any flag but its type; a probe alone changes nothing of that."""
    begun = fold(CHECK)
    assert (begun.reasons, begun.headline) == ((), None)
    assert begun.detail == {
        "applied_by": "huph-api",
        "flags": {name: {"type": kind} for name, kind in EXPECTED.items()},
    }
    told = fold(CHECK, (1, probe(NOON - 100)))
    assert (told.reasons, told.headline) == ((), None)


def test_what_it_is():
    """It is named as the brief names it; a service's probe touches it and is no evidence."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("feature_flags", "checks", 65)
    assert (CHECK.takes, CHECK.evidence) == ((Flags, Probe), (Flags,))


VALUES = st.sampled_from([None, "", "true", "8", "x"])
STEPS = st.one_of(
    st.just(ABSENT),
    st.just(UNREADABLE),
    st.builds(lambda a, b, c: flags(BILINGUAL=a, TURNS=b, LANGUAGE=c), VALUES, VALUES, VALUES),
    st.builds(probe, st.sampled_from([None, NOON - 7200, NOON])),
)


@given(steps=st.lists(st.tuples(st.floats(0.001, 5), STEPS)))
def test_deadlines_are_kept(steps):
    """Whatever happens, a judgement that waits for a second has taken its step at it, and there is no null anywhere."""
    judgement, now = CHECK.begin(at(0)), 0.0
    for wait, facts in steps:
        now += wait
        judgement = CHECK.judge(facts, judgement, at(now))
        assert nulls(judgement.detail) == []
        if judgement.holds_until < math.inf and judgement.holds_until > at(now).mono:
            due = judgement.holds_until - 1000
            ticked = CHECK.judge(Tick(at(due)), judgement, at(due))
            if at(due).mono >= judgement.holds_until:
                assert codes(ticked) == {"feature_flags.file_missing": "fail"}
                assert ticked.holds_until == math.inf
        loaded = sum(row.get("state") == "read" for row in rows(judgement).values())
        assert judgement.headline in (None, {"value": loaded, "of": 3})
