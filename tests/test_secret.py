"""A secret: no way of writing it down gives it away."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass

import orjson
import pytest
import structlog

from monitor.secret import Secret

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


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, orjson.dumps, copy.copy, copy.deepcopy, vars, bytes])
def test_refused(write):
    """What would carry the text away is refused, without the text."""
    with pytest.raises(TypeError) as caught:
        write(Secret(CANARY))
    assert "p@ss" not in str(caught.value)
