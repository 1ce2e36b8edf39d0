"""A secret: no way of writing it down gives it away."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import orjson
import pytest
import structlog

from monitor.secret import Secret, within

CANARY = 'p@ss/w"ord\\é'


@dataclass(frozen=True)
class Holder:
    word: Secret


def test_reveal():
    """The one place that needs it gets the text."""
    assert Secret(CANARY).reveal() == CANARY


@pytest.mark.parametrize(
    "write",
    [
        repr,
        str,
        ascii,
        format,
        "{}".format,
        "{0!r:>9}".format,
        "{:>40.2}".format,
        lambda secret: f"{secret:x}",
        lambda secret: format(secret, "%Y"),
        lambda secret: "".join(str(one) for one in within({"a": [Holder(secret)]})),
        lambda secret: f"{secret} {secret!r} {secret!s}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{[secret]} { ({'word': secret}) } {Holder(secret)}",
        lambda secret: json.dumps({"word": secret}, default=str),
        lambda secret: orjson.dumps({"word": [secret]}, default=str).decode(),
        lambda secret: structlog.processors.JSONRenderer()(None, "", {"word": secret}),
        lambda secret: structlog.dev.ConsoleRenderer(colors=False)(None, "", {"event": "a.b", "word": secret}),
        lambda secret: structlog.processors.KeyValueRenderer()(None, "", {"word": Holder(secret)}),
    ],
)
def test_shown(write):
    """Every form of it is three stars."""
    text = write(Secret(CANARY))
    assert "***" in text
    for part in (CANARY, repr(CANARY), "p@ss", "ord"):
        assert part not in text.replace("word", "")


@pytest.mark.parametrize(
    "write",
    [
        pickle.dumps,
        json.dumps,
        orjson.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        bytes,
        hash,
        len,
        iter,
        asdict,
        lambda secret: asdict(Holder(secret)),
        lambda secret: {secret: 1},
        lambda secret: secret + "",
        lambda secret: secret < Secret(CANARY),
    ],
)
def test_refused(write):
    """What would carry the text away is refused, without the text."""
    with pytest.raises(TypeError) as caught:
        write(Secret(CANARY))
    for part in ("p@ss", "ord"):
        assert part not in str(caught.value).replace("word", "")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (CANARY, CANARY, True), (CANARY, CANARY + "x", False), (CANARY, "", False), ("", "", True), ("é", "e", False),
        ("\ud800", "\ud800", True), ("\ud800", "?", False), ("a" * 10_000, "a" * 9_999 + "b", False),
    ],
)  # fmt: skip
def test_equal(one, other, same):
    """Two that hold the same text are equal, whatever characters it has."""
    assert (Secret(one) == Secret(other)) is same
    assert (Secret(one) != Secret(other)) is not same


@pytest.mark.parametrize("other", [CANARY, CANARY.encode(), None, "***", 1])
def test_no_text(other):
    """It equals no text: nothing can be compared with it in a time that tells how much of it agrees."""
    assert Secret(CANARY) != other
    assert other != Secret(CANARY)


def test_constant_time(monkeypatch):
    """They are compared by the function that takes the same time wherever the first difference is."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or True)
    assert Secret("a") == Secret("b")
    assert compared == [(b"a", b"b")]


def test_within():
    """Every secret is found in what it is part of, however deep; a type and a text hold none."""
    one, two, three = Secret("1"), Secret("2"), Secret("3")
    value = {"a": (Holder(one), [{"b": frozenset()}, {"c": two}]), "d": None, 5: {"e": [three, "x", Holder]}}
    assert [secret.reveal() for secret in within(value)] == ["1", "2", "3"]
    assert list(within(Holder)) == list(within("text")) == []
