"""Sessions of NextAuth 4 and Auth.js 5, made by the real packages, are read, and end when they should."""

from __future__ import annotations

import time
from typing import Any

import pytest

from monitor.access.nextauth import CHUNKS, HEADER_CHARS, TOKEN_CHARS, Claims
from tests.access.minting import (
    GOOD,
    HOURS_8,
    KINDS,
    NOW,
    OLDER,
    OTHER,
    SECRET,
    USER,
    V4,
    V4_SECURE,
    V5,
    V5_SECURE,
    Forge,
    Kind,
    forges,
    mint,
    reader,
    told,
)

LARGE = {"permissions": "p" * 9000}


def cookies(pairs: list[list[str]]) -> str:
    return "; ".join(f"{name}={value}" for name, value in pairs)


@pytest.fixture(scope="module")
def forge() -> dict[Kind, Forge]:
    """The true key of each kind, and the header that the package writes."""
    return forges()


# What is a session.


@pytest.fixture(scope="module")
def minted() -> dict[tuple[Kind, str], Any]:
    """A session of each kind, as the package makes it."""
    table = {
        "plain": {},
        "rotated": {"secret": OLDER},
        "large": LARGE,
        "expired": {"max_age": -60},
        "hardly expired": {"max_age": -10},
        "30 days": {"max_age": 30 * 86400},
    }
    recipes = {
        (kind, name): kind.session(cookie=kind.name, **{**USER, **options})
        for kind in KINDS
        for name, options in table.items()
    }
    return dict(zip(recipes, mint(list(recipes.values())), strict=True))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_read(minted, kind):
    """A session of each package is read, with and without `__Secure-`, and says who it is."""
    pairs = minted[kind, "plain"]
    assert [name for name, _ in pairs] == [kind.name]
    claims = reader().read(cookies([["theme", "dark"], *pairs, ["lang", "id"]]), time.time())
    assert claims is not None
    assert (claims.sub, claims.role, claims.name, claims.email) == tuple(USER.values())
    assert abs(claims.iat - time.time()) < 60
    assert claims.exp == claims.iat + HOURS_8


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("secrets", [(SECRET, OLDER), (OLDER, SECRET), (OTHER, OLDER, SECRET)])
def test_rotation(minted, kind, secrets):
    """While a secret is replaced, sessions of each are good; of one that is not named, none is."""
    for name in ("plain", "rotated"):
        assert reader(*secrets).read(cookies(minted[kind, name]), time.time()) is not None
    assert told(cookies(minted[kind, "rotated"]), time.time(), reader(SECRET, OTHER)) == "sign_in"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_large(minted, kind):
    """A session that is cut into chunks by the package is joined, in whatever order they come."""
    pairs = minted[kind, "large"]
    assert [name for name, _ in pairs] == [f"{kind.name}.{place}" for place in range(4)]
    for order in (pairs, pairs[::-1], [["a", "b"], pairs[2], pairs[0], ["c", ""], pairs[3], pairs[1]]):
        assert reader().read(cookies(order), time.time()) is not None
    # A piece of before, beside them, does not count.
    assert reader().read(cookies([[kind.name, "before"], *pairs]), time.time()) is not None
    for at in range(4):
        assert told(cookies(pairs[:at] + pairs[at + 1 :]), time.time()) == "sign_in"
    assert told(cookies([*pairs, [f"{kind.name}.4", "more"]]), time.time()) == "sign_in"
    assert told(cookies([*pairs, [f"{kind.name}.5", "more"]]), time.time()) == "sign_in"
    assert told(cookies([*pairs, [f"{kind.name}.00", pairs[0][1]]]), time.time()) == "sign_in"
    # Nobody's chunks: a longer number, another name.
    for other in (f"{kind.name}.004", f"{kind.name}.x", f"{kind.name}x", f"{kind.name}.1.2"):
        assert reader().read(cookies([*pairs, [other, "more"]]), time.time()) is not None


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_chunks_at_most(forge, kind):
    """Five chunks are joined, six are not; a token is at most 16 kB long, a whole header 32 kB."""
    token = forge[kind].sealed(GOOD)

    def cut(count: int) -> str:
        size = -(-len(token) // count)
        return cookies([[f"{kind.name}.{at}", token[at * size : (at + 1) * size]] for at in range(count)])

    assert reader().read(cut(CHUNKS), NOW) is not None
    assert told(cut(CHUNKS + 1)) == "sign_in"
    # Base64 makes four letters of three bytes.
    room = (TOKEN_CHARS - len(token)) * 3 // 4
    longest = forge[kind].sealed({**GOOD, "more": "x" * (room - 40)})
    assert TOKEN_CHARS - 60 < len(longest) <= TOKEN_CHARS
    assert reader().read(f"{kind.name}={longest}", NOW) is not None
    longer = forge[kind].sealed({**GOOD, "more": "x" * (room + 40)})
    assert told(f"{kind.name}={longer}") == "sign_in"
    header = f"{kind.name}={token}; more="
    assert reader().read(header.ljust(HEADER_CHARS, "x"), NOW) is not None
    assert told(header.ljust(HEADER_CHARS + 1, "x")) == "sign_in"


@pytest.mark.parametrize(("secure", "taken"), [(True, [V4_SECURE, V5_SECURE]), (False, [V4, V5]), (None, KINDS)])
def test_secure(minted, secure, taken):
    """Only the cookies of the asked names are taken; the others are as if they were not there."""
    who = reader(secure=secure)
    for kind in KINDS:
        assert (who.read(cookies(minted[kind, "plain"]), time.time()) is not None) == (kind in taken)


@pytest.mark.parametrize(
    "header",
    ["", ";", "=", "a=b", "next-auth.csrf-token=x|y", "authjs.session-token=", "authjs.session-token", "x.next-auth=1"],
)
def test_none(header):
    """Where there is no session there is nobody to be turned away."""
    assert reader().read(header, NOW) is None


def test_updated(minted):
    """After an update of the platform the session of before is still sent: whichever is good counts."""
    now = time.time()
    good, ended = minted[V5, "plain"], minted[V5, "expired"]
    assert reader().read(cookies([*minted[V4, "expired"], *good]), now) is not None
    assert reader().read(cookies([*ended, *minted[V4, "plain"]]), now) is not None
    assert told(cookies([*ended, *minted[V4, "expired"]]), now) == "expired"
    for garbage in (
        [[V4.name, "x"], *ended],
        [[V5_SECURE.name, "x"], *ended],
        [*minted[V4, "expired"], [V5.name, "x"]],
    ):
        assert told(cookies(garbage), now) == "expired"


def test_twice(forge):
    """A name with two values is neither's; with the same value twice it is one."""
    token, other = forge[V5].sealed(GOOD), forge[V5].sealed({**GOOD, "sub": "43"})
    assert told(cookies([[V5.name, token], [V5.name, other]])) == "sign_in"
    assert told(cookies([[V5.name, other], [V5.name, token]])) == "sign_in"
    assert told(cookies([[f"{V5.name}.0", token], [f"{V5.name}.0", other]])) == "sign_in"
    assert reader().read(cookies([[V5.name, token], [V5.name, token]]), NOW) is not None
    for at in range(20, 60):
        assert told(cookies([[V5.name, token[:at]], [V5.name, token[at:]]])) == "sign_in", "nor are they joined"


# How long it is one.


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_ends(minted, kind):
    """It ends by its own word, with 15 s for clocks that differ."""
    assert reader().read(cookies(minted[kind, "hardly expired"]), time.time()) is not None
    assert told(cookies(minted[kind, "expired"]), time.time()) == "expired"


def test_maximum_age(minted):
    """The login token of NextAuth 4 is good for 30 days; our own maximum age counts from when it was made."""
    header = cookies(minted[V4, "30 days"])
    claims = reader().read(header, time.time())
    assert claims is not None
    assert claims.exp == claims.iat + HOURS_8
    assert told(header, claims.iat + HOURS_8) == "expired"
    longer = reader(max_age_s=31 * 86400).read(header, claims.iat + HOURS_8)
    assert longer is not None
    assert longer.exp == claims.iat + 30 * 86400 + 15


@pytest.mark.parametrize(
    ("iat", "exp", "now", "ends"),
    [
        (NOW, NOW + 100, NOW + 114.9, NOW + 115),
        (NOW, NOW + 100, NOW + 115, None),
        (NOW, NOW + 10**6, NOW + HOURS_8 - 0.1, NOW + HOURS_8),
        (NOW, NOW + 10**6, NOW + HOURS_8, None),
        (0, NOW, NOW, None),
    ],
)
def test_edges(forge, iat, exp, now, ends):
    """What a session tells as its end is the very instant from which it is refused."""
    header = f"{V4.name}={forge[V4].sealed({**USER, 'iat': iat, 'exp': exp})}"
    if ends is None:
        assert told(header, now) == "expired"
    else:
        assert reader().read(header, now) == Claims(*USER.values(), iat, ends)


def test_future(forge):
    """What was made in the future was not made for us."""
    header = f"{V5.name}={forge[V5].sealed(GOOD)}"
    assert reader().read(header, NOW - 15) is not None
    assert told(header, NOW - 15.1) == "sign_in"


# What it must say.


@pytest.mark.parametrize("kind", [V4, V5], ids=str)
@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, {}),
        ({"role": "counselor"}, {"role": "counselor"}),
        ({"role": None}, {"role": ""}),
        ({"role": ""}, {"role": ""}),
        ({"name": None, "email": None}, {"name": None, "email": None}),
        ({"sub": "7f1c9a50-1d7e-4a0b-8c5e-2f9a1b3c4d5e"}, {"sub": "7f1c9a50-1d7e-4a0b-8c5e-2f9a1b3c4d5e"}),
        ({"sub": "s" * 255, "role": "r" * 64}, {"sub": "s" * 255, "role": "r" * 64}),
        ({"name": "Ni Luh Ayu Wulandari 😀 é"}, {"name": "Ni Luh Ayu Wulandari 😀 é"}),
        ({"name": "a\nb\u2028c\x1b[31m\ud800"}, {"name": "a\\nb\\u2028c\\x1b[31m\\ud800"}),
        ({"name": "n" * 101}, {"name": "n" * 99 + "…"}),
        ({"jti": "x", "nbf": "y", "aud": 1, "more": [{}]}, {}),
    ],
)
def test_claims(forge, kind, changed, wanted):
    """Any role is told, and none; a name is made fit to be shown; other claims are nobody's business."""
    claims = reader().read(f"{kind.name}={forge[kind].sealed({**GOOD, **changed})}", NOW)
    assert claims == Claims(**{**USER, **wanted}, iat=NOW, exp=NOW + HOURS_8)


def test_no_role(forge):
    """A session without the claim is one without a role, not a broken one."""
    plain = {key: value for key, value in GOOD.items() if key not in {"role", "name", "email"}}
    claims = reader().read(f"{V4.name}={forge[V4].sealed(plain)}", NOW)
    assert claims == Claims("42", "", None, None, NOW, NOW + HOURS_8)
