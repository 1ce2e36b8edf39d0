"""Tickets: each lets one in once, soon, and only whom it was made for."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.tickets import AT_MOST, LIFE_S, PER_CALLER, Tickets

NOW = 1_700_000_000.0
AYU = Caller("user", "Ayu", Level.EDIT, user_id="7", ambient=True, expires_at=NOW + 3600)
PAGE, BROWSER = "https://admin.example", "Mozilla/5.0"


def refused(tickets: Tickets, text: str, origin: str = PAGE, agent: str = BROWSER, now: float = NOW) -> str:
    with pytest.raises(RefusedError) as caught:
        tickets.redeem(text, origin, agent, now)
    return caught.value.code


def test_once():
    """A ticket lets in whom it was issued to, and is then none."""
    tickets = Tickets()
    text = tickets.issue(AYU, PAGE, BROWSER, NOW)
    assert tickets.redeem(text, PAGE, BROWSER, NOW + LIFE_S - 0.001) == AYU
    assert refused(tickets, text) == "sign_in"
    assert len(tickets) == 0


def test_text():
    """A ticket is 128 bits that may stand in an address as they are."""
    texts = {Tickets().issue(AYU, PAGE, BROWSER, NOW) for _ in range(100)}
    assert len(texts) == 100
    assert all(len(text) == 22 and text.isascii() and not set(text) & set("+/=&?#%") for text in texts)


@pytest.mark.parametrize(
    ("origin", "agent"),
    [
        ("https://evil.example", BROWSER),
        ("https://admin.example:8443", BROWSER),
        ("http://admin.example", BROWSER),
        ("null", BROWSER),
        ("", BROWSER),
        (PAGE, "curl/8"),
        (PAGE, ""),
        (PAGE, "\udcff"),
    ],
)
def test_of_another(origin, agent):
    """Shown by another page or another browser it lets nobody in, and is used up: whoever took it has no second try."""
    tickets = Tickets()
    text = tickets.issue(AYU, PAGE, BROWSER, NOW)
    assert refused(tickets, text, origin, agent) == "sign_in"
    assert refused(tickets, text) == "sign_in"


@pytest.mark.parametrize("later", [LIFE_S, 3600, -LIFE_S, -3600])
def test_expired(later):
    """After 30 seconds it lets nobody in, nor on a clock that was set back."""
    tickets = Tickets()
    text = tickets.issue(AYU, PAGE, BROWSER, NOW)
    assert refused(tickets, text, now=NOW + later) == "expired"


def test_expired_caller():
    """It does not outlive the credential that it was issued for."""
    tickets = Tickets()
    caller = Caller("user", "Ayu", Level.READ, user_id="7", expires_at=NOW + 5)
    text = tickets.issue(caller, PAGE, BROWSER, NOW)
    assert refused(tickets, text, now=NOW + 5) == "expired"


@pytest.mark.parametrize("text", ["", "A" * 22, "ä", "\ud800", "x" * 100_000])
def test_foreign(text):
    """What is no ticket lets nobody in."""
    tickets = Tickets()
    tickets.issue(AYU, PAGE, BROWSER, NOW)
    assert refused(tickets, text) == "sign_in"
    assert len(tickets) == 1


def test_of_one_caller():
    """Of one caller's tickets the newest 20 are good; nobody else's go for them."""
    tickets = Tickets()
    other = tickets.issue(Caller("token", "ci", Level.STREAM), "", "", NOW)
    texts = [tickets.issue(AYU, PAGE, BROWSER, NOW) for _ in range(PER_CALLER + 1)]
    assert len(tickets) == PER_CALLER + 1
    assert refused(tickets, texts[0]) == "sign_in"
    assert all(tickets.redeem(text, PAGE, BROWSER, NOW) == AYU for text in texts[1:])
    assert tickets.redeem(other, "", "", NOW).name == "ci"


def test_in_total():
    """There are never more than a thousand: the oldest goes."""
    tickets = Tickets()
    texts = [tickets.issue(Caller("token", f"t{n}", Level.READ), "", "", NOW) for n in range(AT_MOST + 1)]
    assert len(tickets) == AT_MOST
    assert refused(tickets, texts[0], "", "") == "sign_in"
    assert tickets.redeem(texts[1], "", "", NOW).name == "t1"
    assert tickets.redeem(texts[-1], "", "", NOW).name == f"t{AT_MOST}"


def test_forgotten():
    """What has expired is not kept."""
    tickets = Tickets()
    for number in range(50):
        tickets.issue(Caller("token", f"t{number}", Level.READ), "", "", NOW)
    tickets.issue(AYU, PAGE, BROWSER, NOW + LIFE_S)
    assert len(tickets) == 1


def test_race():
    """Shown many times at the same moment it lets one in."""
    for _ in range(20):
        tickets = Tickets()
        text = tickets.issue(AYU, PAGE, BROWSER, NOW)
        together, ends = threading.Barrier(8), Counter[str]()

        def show(text=text, tickets=tickets, together=together, ends=ends) -> None:
            together.wait(10)
            try:
                tickets.redeem(text, PAGE, BROWSER, NOW)
                ends["in"] += 1
            except RefusedError as error:
                ends[error.code] += 1

        threads = [threading.Thread(target=show) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ends == {"in": 1, "sign_in": 7}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.booleans()), max_size=60))
def test_any_order(steps):
    """Whatever is issued and shown in which order: who comes in has not been in, was asked for, and is in time."""
    tickets, now, given = Tickets(), NOW, {}
    for name, later, shows in steps:
        now += later
        if shows and given:
            text, (caller, at) = given.popitem()
            try:
                assert tickets.redeem(text, PAGE, BROWSER, now) == caller
                assert now - at < LIFE_S
            except RefusedError:
                assert now - at >= LIFE_S or len(given) >= PER_CALLER
            assert refused(tickets, text, now=now) == "sign_in"
        else:
            caller = Caller("token", name, Level.STREAM)
            given[tickets.issue(caller, PAGE, BROWSER, now)] = (caller, now)
        assert len(tickets) <= 3 * PER_CALLER
