"""Payloads: what any role may send to a channel becomes a mapping, or is said to be unreadable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.ledger import Deltas
from monitor.sources import payload


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("{}", {}),
        ('{"id": 1, "table": "messages"}', {"id": 1, "table": "messages"}),
        (' {"a": {"b": [1, null, true]}} ', {"a": {"b": [1, None, True]}}),
        ('{"nama": "Ibu Sari é 🎓"}', {"nama": "Ibu Sari é 🎓"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_readable(text, value):
    """An object of JSON is what it says; no payload at all is a signal without facts."""
    assert payload.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "42",
        "null",
        "true",
        '"text"',
        "[]",
        "[{}]",
        "{",
        '{"a": NaN}',
        "{'a': 1}",
        '{"a": 1} {"b": 2}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        " ",
        "\0",
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 7999,
    ],
)
def test_unreadable(text):
    """What is no object of JSON is unreadable, and never an error."""
    assert payload.read(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"x":"700","q":1,"d":[[1795716781,"user",1]]}', Deltas(700, 1, ((1795716781, "user", 1),))),
        ('{"x":"18446744073","q":9,"d":[[1,"é🎓",-2],[1,"",3]]}', Deltas(18446744073, 9, ((1, "é🎓", -2), (1, "", 3)))),
        ('{"x":"700","q":2,"d":[]}', Deltas(700, 2, ())),
        ('{"x":"700","q":1,"d":[[5,"user",1000000000]],"more":1}', Deltas(700, 1, ((5, "user", 1_000_000_000),))),
    ],
)
def test_deltas(text, said):
    """What one of our triggers says is a transaction, a number of its signal, and rows per second and sender."""
    assert payload.read_deltas(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"x":"700","q":1,"d":null}',
        '{"x":"700","q":null,"d":null}',
        '{"x":"700","q":1}',
        '{"q":1,"d":[]}',
        '{"x":700,"q":1,"d":[]}',
        '{"x":"","q":1,"d":[]}',
        '{"x":"0","q":1,"d":[]}',
        '{"x":"-700","q":1,"d":[]}',
        '{"x":"\u0667\u0660\u0660","q":1,"d":[]}',
        '{"x":"99999999999999999999","q":1,"d":[]}',
        '{"x":"700","q":0,"d":[]}',
        '{"x":"700","q":true,"d":[]}',
        '{"x":"700","q":1.0,"d":[]}',
        '{"x":"700","q":1000000001,"d":[]}',
        '{"x":"700","q":1,"d":{"5":1}}',
        '{"x":"700","q":1,"d":[5]}',
        '{"x":"700","q":1,"d":[[5,"user"]]}',
        '{"x":"700","q":1,"d":[[5,"user",1,1]]}',
        '{"x":"700","q":1,"d":[["5","user",1]]}',
        '{"x":"700","q":1,"d":[[-5,"user",1]]}',
        '{"x":"700","q":1,"d":[[1099511627777,"user",1]]}',
        '{"x":"700","q":1,"d":[[5,null,1]]}',
        '{"x":"700","q":1,"d":[[5,"user",0]]}',
        '{"x":"700","q":1,"d":[[5,"user",true]]}',
        '{"x":"700","q":1,"d":[[5,"user",1.5]]}',
        '{"x":"700","q":1,"d":[[5,"user",1000000001]]}',
        '{"x":"700","q":1,"d":[[5,"user",1],[5,"user",9223372036854775808]]}',
        '{"x":"700","q":1,"d":[[5,"' + "x" * 201 + '",1]]}',
    ],
)
def test_no_deltas(text):
    """What is not quite in order is not guessed at: it says "count anew"."""
    assert payload.read_deltas(text) == Deltas(0, 0, None)


@given(st.text(max_size=200) | st.builds('{{"x":"7","q":1,"d":[[{},"a",{}]]}}'.format, st.integers(), st.integers()))
def test_any_deltas(text):
    """No text makes it fail, or says more than a signal may."""
    for second, _, count in payload.read_deltas(text).rows or ():
        assert 0 < second <= 1 << 40
        assert 0 < abs(count) <= 1_000_000_000


@given(st.text(max_size=200))
def test_any(text):
    """No text makes it fail."""
    assert payload.read(text) is None or isinstance(payload.read(text), dict)
