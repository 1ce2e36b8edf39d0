"""All that is like a session of NextAuth and is none is turned away, and nothing of it is kept or told."""

from __future__ import annotations

import gc
import json
import time
import traceback

import pytest

from monitor.access.caller import RefusedError
from monitor.access.nextauth import Claims, NextAuth
from monitor.secret import Secret
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
    V5,
    V5_SECURE,
    Forge,
    Json,
    Kind,
    coded,
    decoded,
    forges,
    header_of,
    mint,
    reader,
    told,
)


@pytest.fixture(scope="module")
def forge() -> dict[Kind, Forge]:
    """The true key of each kind, and the header that the package writes."""
    return forges()


BROKEN: dict[str, str] = {
    **{
        f"{claim} {value}": json.dumps(GOOD | {claim: "#"}).replace('"#"', value)
        for claim in ("exp", "iat")
        for value in (
            "1e308",
            "1e999",
            "-1",
            "true",
            "null",
            '"1800000500"',
            "1800000500.0",
            "[]",
            "{}",
            "NaN",
            "9" * 400,
        )
    },
    "exp too large for an int": json.dumps(GOOD | {"exp": "#"}).replace('"#"', "9" * 5000),
    **{
        f"{claim} {value!r}": json.dumps(GOOD | {claim: value})
        for claim in ("sub", "role", "name", "email")
        for value in (42, True, ["super_admin"], {"super_admin": 1}, 1.5)
    },
    **{
        f"sub {value!r:.20}": json.dumps(GOOD | {"sub": value})
        for value in (None, "", "a\0b", "a\nb", "\ud800", "\u202e1", "s" * 256)
    },
    **{f"role {value!r:.20}": json.dumps(GOOD | {"role": value}) for value in ("a\nb", "\ud800", "r" * 65)},
    **{f"no {claim}": json.dumps({key: GOOD[key] for key in GOOD if key != claim}) for claim in ("sub", "iat", "exp")},
    # CVE-2023-48309: what an OAuth sign-in keeps in cookies for itself decrypts well, and is nobody's session.
    "state of a sign-in": json.dumps({"state": "x", "iat": NOW, "exp": NOW + 900}),
    "code verifier": json.dumps({"code_verifier": "x", "iat": NOW, "exp": NOW + 900}),
    "nested claims": '{"a":' * 1700 + "1" + "}" * 1700,
    "nested list": "[" * 10000,
    **{f"payload {text!r}": text for text in ("", "null", "[]", "1", '"text"', "{", "{}", "\ufeff{}", "{'sub': 1}")},
}


@pytest.mark.parametrize("kind", [V4, V5], ids=str)
@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN.keys())
def test_broken(forge, kind, payload):
    """Who has the key is not believed for that: each claim must be there and of its type."""
    assert told(f"{kind.name}={forge[kind].sealed(payload)}") == "sign_in"


@pytest.mark.parametrize("kind", [V4, V5], ids=str)
def test_no_text(forge, kind):
    """Claims that are no UTF-8 are none."""
    token = forge[kind].sealed(json.dumps(GOOD).encode().replace(b"Ayu", b"\xff"))
    assert told(f"{kind.name}={token}") == "sign_in"


# What is no session, though it is like one.


RAW = {kind: coded(SECRET.encode()) for kind in (V4, V5)}


@pytest.fixture(scope="module")
def forgeries() -> dict[str, tuple[Kind, str]]:
    """What the library of NextAuth itself makes of the same claims, with the true secret, in every other way."""
    now = int(time.time())
    claims = {**USER, "iat": now, "exp": now + HOURS_8}
    payload = json.dumps(claims)
    keys = dict(zip(KINDS, mint([kind.key() for kind in KINDS]), strict=True))
    headers = {
        kind: header_of(token) for kind, token in zip(KINDS, mint([kind.session() for kind in KINDS]), strict=True)
    }
    half = coded(decoded(keys[V4])[:16])
    recipes: dict[str, tuple[Kind, Json]] = {
        "another secret": (V4, V4.session(OTHER, **USER)),
        "another secret, v5": (V5, V5.session(OTHER, **USER)),
        "rotated secret that is not ours, v5": (V5, V5.session([OTHER, SECRET], **USER)),
        "salted, v4": (V4, {**V4.session(**USER), "salt": V4.name}),
        "key of a state cookie, v4": (V4, {**V4.session(**USER), "salt": "next-auth.state"}),
        "key of a state cookie, v5": (V5, {**V5.session(**USER), "salt": "authjs.state"}),
        "under the other name, v5": (V5, V5_SECURE.session(**USER)),
        "under the other name, v5 secure": (V5_SECURE, V5.session(**USER)),
        "v4 as v5": (V5, V4.session(**USER)),
        "v5 as v4": (V4, V5.session(**USER)),
    }
    for kind, part in ((V4, 43), (V5, 86)):
        assert len(keys[kind]) == part
        key, header = keys[kind], headers[kind]
        for name, made, changes in (
            ("as it should be", key, {}),
            ("compressed", key, {"zip": "DEF"}),
            ("critical", key, {"crit": ["urn:x"], "urn:x": 1}),
            ("with a type", key, {"typ": "JWT"}),
            ("with a content type", key, {"cty": "JWT"}),
            ("with another parameter", key, {"x": 1}),
            ("with another kid", key, {"kid": "another"}),
            ("with an empty kid", key, {"kid": ""}),
            ("with an address of keys", key, {"jku": "https://evil.example/keys"}),
            ("with a key inside", key, {"jwk": {"kty": "oct", "k": key}}),
            ("by a password", RAW[kind], {"alg": "PBES2-HS256+A128KW"}),
            ("by a password that is the key", key, {"alg": "PBES2-HS512+A256KW"}),
        ):
            recipes[f"{name}, {kind.by}"] = (
                kind,
                {"give": "jwe", "key": made, "header": {**header, **changes}, "payload": payload},
            )
        for name, made, head in (
            ("HS256 by the secret", RAW[kind], {"alg": "HS256"}),
            ("HS512 by the secret", RAW[kind], {"alg": "HS512"}),
            ("HS256 by the key", key, {"alg": "HS256"}),
            ("HS256 with the header", key, {**header, "alg": "HS256"}),
            ("unsigned", key, {"alg": "none"}),
        ):
            recipes[f"{name}, {kind.by}"] = (kind, {"give": "jws", "key": made, "header": head, "claims": claims})
        recipes[f"HS256 without an end, {kind.by}"] = (
            kind,
            {"give": "jws", "key": RAW[kind], "header": {"alg": "HS256"}, "claims": USER},
        )
    # These are what NextAuth 4 itself accepts: the key fits.
    for algorithm, encryption, made in (
        ("dir", "A128CBC-HS256", keys[V4]),
        ("dir", "A128GCM", half),
        ("A256KW", "A256GCM", keys[V4]),
        ("A256GCMKW", "A256GCM", keys[V4]),
        ("A128KW", "A256GCM", half),
    ):
        head = {"alg": algorithm, "enc": encryption}
        recipes[f"{algorithm}+{encryption}"] = (V4, {"give": "jwe", "key": made, "header": head, "payload": payload})
    recipes["no kid, v5"] = (
        V5,
        {"give": "jwe", "key": keys[V5], "header": {"alg": "dir", "enc": "A256CBC-HS512"}, "payload": payload},
    )
    made_of = mint([recipe for _, recipe in recipes.values()])
    return {name: (kind, token) for (name, (kind, _)), token in zip(recipes.items(), made_of, strict=True)}


def test_forgeries(forgeries):
    """Only `dir` with the one encryption of its package is read, and no parameter besides, whoever has the key."""
    said = {name: told(f"{kind.name}={token}", time.time()) for name, (kind, token) in forgeries.items()}
    read = [name for name, one in said.items() if one != "sign_in"]
    assert read == ["as it should be, next-auth", "as it should be, @auth/core"], "it does look"
    assert all(isinstance(said[name], Claims) for name in read)
    assert len(forgeries) > 50


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"dir","alg":"none","enc":"A256GCM"}',
        '{"alg":"none","alg":"dir","enc":"A256GCM"}',
        '{"alg":"dir","enc":"A128GCM","enc":"A256GCM"}',
        '{"enc":"A256GCM","alg":"dir"}',
        '{"alg":"dir", "enc":"A256GCM"}',
        '{"alg":"dir","enc":"A256GCM"}\n',
        '{"alg":"DIR","enc":"A256GCM"}',
        "{" * 1000,
        "null",
        "",
    ],
)
def test_headers(forge, header):
    """A header that is written otherwise is another one, though the same can be read from it."""
    token = forge[V4].under('{"alg":"dir","enc":"A256GCM"}', GOOD)
    assert isinstance(told(f"{V4.name}={token}"), Claims), "it does look"
    assert told(f"{V4.name}={forge[V4].under(header, GOOD)}") == "sign_in"


def tampered(token: str) -> dict[str, str]:
    """Change a token in every way but one that leaves it what it is."""
    parts = token.split(".")
    flip = {place: "".join("A" if letter != "A" else "B" for letter in parts[place][:1]) for place in (0, 2, 3, 4)}
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = {f"part {place}": [flip[place] + parts[place][1:], place] for place in flip}
    table = {name: ".".join([*parts[:place], text, *parts[place + 1 :]]) for name, (text, place) in changed.items()}
    # The bits of a last letter that no byte has: another text for the same bytes (RFC 4648, 3.5).
    for place in (2, 3, 4):
        if len(parts[place]) % 4:
            other = letters[letters.index(parts[place][-1]) ^ 1]
            table[f"not canonical {place}"] = ".".join([*parts[:place], parts[place][:-1] + other, *parts[place + 1 :]])
    cut = decoded(parts[4])
    for name, tag in (("cut", cut[:-4]), ("of one byte", cut[:1]), ("empty", b""), ("longer", cut + b"\0")):
        table[f"tag {name}"] = ".".join([*parts[:4], coded(tag)])
    return {
        **table,
        "key that was encrypted": ".".join([parts[0], "AAAA", *parts[2:]]),
        "no vector": ".".join([*parts[:2], "", *parts[3:]]),
        "no content": ".".join([*parts[:3], "", parts[4]]),
        "six parts": f"{token}.",
        "four parts": ".".join(parts[:4]),
        "header alone": parts[0],
        "padded": f"{token}=",
        "padded twice": f"{token}==",
        "percent": token.replace(".", "%2E"),
        "in quotes": f'"{token}"',
        "new line inside": f"{parts[0]}.\n{'.'.join(parts[1:])}",
        "new line behind": f"{token}\n",
        "space inside": token.replace("..", ". ."),
        "not ASCII": f"{token}é",
        "half a letter": f"{token}\udce9",
        "standard alphabet": ".".join([*parts[:4], parts[4][:-2] + "+/"]),
        "garbage": "garbage",
        "five parts of nothing": "....",
        "a megabyte": token + "A" * 2**20,
        "a megabyte of points": "." * 2**20,
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_tampered(forge, kind):
    """A token that was changed in one place is no token."""
    token = forge[kind].sealed(GOOD)
    assert isinstance(told(f"{kind.name}={token}"), Claims)
    for name, text in tampered(token).items():
        assert told(f"{kind.name}={text}") == "sign_in", name


# What is never told, and never happens.


def test_secret_is_dropped():
    """After the keys are derived nothing that is held leads to the secret."""
    who, seen, line = reader(SECRET, OLDER), set(), []
    line.append(who)
    while line:
        one = line.pop()
        if id(one) in seen or isinstance(one, type) or type(one).__name__ in {"module", "function", "builtin"}:
            continue
        seen.add(id(one))
        for secret in (SECRET, OLDER):
            assert one != secret
            assert not (isinstance(one, bytes) and secret.encode() in one)
            assert not (isinstance(one, Secret))
        line.extend(gc.get_referents(one))
    assert len(seen) > 50
    assert SECRET not in repr(vars(who))


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ([], "at least one"),
        (["s3cret-that-is-short"], "NextAuth secret 1 is shorter than 32 bytes"),
        ([SECRET, "s3cret-that-is-a-byte-too-short"], "NextAuth secret 2 is shorter than 32 bytes"),
        ([SECRET, ""], "openssl rand -base64 32"),
        (["s3cret \udce9 that is long enough, but no UTF-8 at all"], "not UTF-8"),
    ],
)
def test_short(secrets, words):
    """A secret that could be guessed is refused with the mend, and not shown, however the error is printed."""
    with pytest.raises(ValueError, match=words) as caught:
        reader(*secrets) if secrets else NextAuth([], max_age_s=1, secure=None)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert reader("é" * 16) is not None, "32 bytes are enough"


@pytest.mark.parametrize("age", [0, -1, float("inf"), float("nan")])
def test_ageless(age):
    """A session must end."""
    with pytest.raises(ValueError, match="maximum age"):
        reader(max_age_s=age)


def test_nothing_kept(forge):
    """A refusal carries nothing of what was shown, nor any word of the libraries."""
    token = forge[V4].sealed(GOOD)
    for value in (
        token + "A",
        token[:-3],
        token.replace(".", "!"),
        forge[V4].sealed("{"),
        forge[V4].sealed({"sub": 1}),
    ):
        with pytest.raises(RefusedError) as caught:
            reader().read(f"{V4.name}={value}", NOW)
        error = caught.value
        assert error.args == ("sign_in",)
        assert error.__context__ is None
        assert error.__cause__ is None
