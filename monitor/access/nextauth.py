"""Reads who has signed in at the platform from the session cookie of NextAuth, by the platform's own secret.

Both formats in the wild are read: that of NextAuth 4, and that of Auth.js 5, which derives a key for each name of a
cookie. Each is a JWT inside a JWE in compact form (RFC 7519; RFC 7516, 7.1), cut into chunks where it is long.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey, thumbprint

from monitor.access.caller import Code, RefusedError
from monitor.access.rules import SECRET_BYTES
from monitor.domain.quoting import quoted
from monitor.secret import Secret

HEADER_CHARS = 32 * 1024
"""So long the whole Cookie header may be."""
TOKEN_CHARS = 16 * 1024
CHUNKS = 5
TOLERANCE_S = 15
"""So far the platform's clock may differ from ours; NextAuth takes the same."""
LAST_S = 253_402_300_799
"""The end of the year 9999: a later second is no date."""
SUB_CHARS = 255
ROLE_CHARS = 64
SHOWN_CHARS = 100

V4 = "next-auth.session-token"
V5 = "authjs.session-token"
_NAME = re.compile(rf"((?:__Secure-)?(?:{re.escape(V4)}|{re.escape(V5)}))((?:\.[0-9]{{1,2}})?)")

Parts = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a session says of its user.

    `role` is empty where the session has none; `name` and `email` are fit to be shown. `iat` and `exp` are in Unix
    seconds: at `exp` the session is refused, be it by its own word and our tolerance or by our maximum age.
    """

    sub: str
    role: str
    name: str | None
    email: str | None
    iat: int
    exp: float


class NextAuth:
    """Reads session cookies that were made with one of these secrets, for at most `max_age_s` after they were made.

    The first secret is the newest; the others are still good while they are being replaced. With `secure` only cookies
    of the `__Secure-` names are taken, which browsers send over TLS alone; without it only the plain ones; with None
    both. Only keys that are derived from the secrets are kept.

    Raises ValueError, which never shows a secret: one is too short or no text, there is none, or the age is no age.
    """

    def __init__(self, secrets: Sequence[Secret], *, max_age_s: float, secure: bool | None) -> None:
        if not secrets:
            raise ValueError("There is no NextAuth secret; give at least one.")
        if not 0 < max_age_s < math.inf:
            raise ValueError(f"A session's maximum age is {max_age_s} s; it must be positive and finite.")
        self._max_age_s = max_age_s
        materials = [_material(secret, place) for place, secret in enumerate(secrets, 1)]
        prefixes = {True: ("__Secure-",), False: ("",), None: ("__Secure-", "")}[secure]
        # After an update, or a move to TLS, a browser still sends the cookie of before: the newer kind is tried first.
        self._cookies: Mapping[str, _Keys] = {
            **{prefix + V5: _v5(materials, prefix + V5) for prefix in prefixes},
            **{prefix + V4: _v4(materials) for prefix in prefixes},
        }

    def read(self, cookie_header: str, now: float) -> Claims | None:
        """Give what the session in this Cookie header says at `now`, in Unix seconds; None where there is no session.

        Raises RefusedError: `expired` where it was a session of ours, `sign_in` where it is none or cannot be told.
        """
        if len(cookie_header) > HEADER_CHARS:
            raise RefusedError("sign_in")
        sent = _sent(cookie_header)
        code: Code | None = None
        for name, keys in self._cookies.items():
            if name in sent:
                try:
                    return _claims(keys.opened(_joined(sent[name])), now, self._max_age_s)
                except RefusedError as refused:
                    code = "expired" if code == "expired" else refused.code
        if code is not None:
            raise RefusedError(code)
        return None


class _Keys:
    """The keys for one cookie, by the protected header that a token must begin with, letter for letter.

    NextAuth writes no other header, so nothing of a token is read before it is known to be ours: no other algorithm, no
    compression, no parameter, no second writing of the same.
    """

    def __init__(self, encryption: str, keys: Mapping[str, Sequence[OctKey]]) -> None:
        self._keys = keys
        self._registry = JWERegistry(algorithms=["dir", encryption])

    def opened(self, token: str) -> dict[str, Any]:
        """Give the claims; none where the token was not made with one of the keys."""
        for key in self._keys.get(token.partition(".")[0], ()):
            # RecursionError: claims that are nested too deeply. Nothing of an error is kept: it may quote the token.
            with suppress(JoseError, ValueError, RecursionError):
                return jwt.decode(token, key, registry=self._registry).claims
        return {}


def _material(secret: Secret, place: int) -> bytes:
    material = b""
    with suppress(UnicodeEncodeError):
        material = secret.reveal().encode()
    if len(material) < SECRET_BYTES:
        raise ValueError(
            f"NextAuth secret {place} is shorter than {SECRET_BYTES} bytes, or not UTF-8: sessions could be forged."
            " Make one with `openssl rand -base64 32`, and give the platform the same."
        )
    return material


def _v4(materials: Sequence[bytes]) -> _Keys:
    """Derive as `next-auth/jwt` does: without a salt; no token says which key is its own."""
    info = b"NextAuth.js Generated Encryption Key"
    keys = [_derived(material, b"", info, 32) for material in materials]
    return _Keys("A256GCM", {_header('{"alg":"dir","enc":"A256GCM"}'): keys})


def _v5(materials: Sequence[bytes], name: str) -> _Keys:
    """Derive as `@auth/core/jwt` does: for this cookie; a token names its key by the thumbprint (RFC 7638)."""
    info = f"Auth.js Generated Encryption Key ({name})".encode()
    keys: dict[str, list[OctKey]] = {}
    for material in materials:
        key = _derived(material, name.encode(), info, 64)
        kid = thumbprint({"kty": "oct", "k": key.as_dict()["k"]}, "sha512")
        keys[_header(f'{{"alg":"dir","enc":"A256CBC-HS512","kid":"{kid}"}}')] = [key]
    return _Keys("A256CBC-HS512", keys)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> OctKey:
    """Derive a key by HKDF (RFC 5869)."""
    return OctKey.import_key(HKDF(SHA256(), length, salt, info).derive(material))


def _header(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _sent(cookie_header: str) -> dict[str, Parts]:
    """Find the session cookies in a Cookie header (RFC 6265, 4.2.1): by name, then by the chunk's suffix, the values.

    Their values are plain, so none is unquoted. One without a value is what a deletion leaves, and is none.
    """
    sent: dict[str, Parts] = {}
    for pair in cookie_header.split(";"):
        name, _, value = (part.strip(" \t") for part in pair.partition("="))
        if value and (match := _NAME.fullmatch(name)):
            sent.setdefault(match[1], {}).setdefault(match[2], set()).add(value)
    return sent


def _joined(parts: Parts) -> str:
    """Join the chunks, which come before a cookie in one piece; nothing where they are not whole or too long.

    Nor where a name has two values: one of them was set for another path or host, and no order tells which
    (RFC 6265, 4.2.2), so that a neighbouring site could have its own session taken for the user's.
    """
    count = len(parts.keys() - {""})
    names = [f".{place}" for place in range(count)] or [""]
    if count > CHUNKS or not parts.keys() >= set(names) or any(len(values) > 1 for values in parts.values()):
        return ""
    token = "".join(value for name in names for value in parts[name])
    return token if len(token) <= TOKEN_CHARS else ""


def _claims(claims: dict[str, Any], now: float, max_age_s: float) -> Claims:
    """Check each claim by its type: that a token can be opened does not make it a session (CVE-2023-48309).

    Raises RefusedError.
    """
    sub = _text(claims.get("sub"), SUB_CHARS)
    role = _text(claims["role"], ROLE_CHARS) if claims.get("role") not in (None, "") else ""
    name, email = (_shown(claims.get(key)) for key in ("name", "email"))
    iat, exp = (_second(claims.get(key)) for key in ("iat", "exp"))
    if iat > now + TOLERANCE_S:
        raise RefusedError("sign_in")
    # The login token of NextAuth 4 is good for 30 days, whatever the session's age is set to.
    ends = min(exp + TOLERANCE_S, iat + max_age_s)
    if now >= ends:
        raise RefusedError("expired")
    return Claims(sub, role, name, email, iat, ends)


def _text(value: object, at_most: int) -> str:
    """Take a text only if a database and a log line can, too."""
    if not isinstance(value, str) or not 0 < len(value) <= at_most or not value.isprintable():
        raise RefusedError("sign_in")
    return value


def _shown(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise RefusedError("sign_in")
    return value and quoted(value, SHOWN_CHARS)


def _second(value: object) -> int:
    # True is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LAST_S:
        raise RefusedError("sign_in")
    return value
