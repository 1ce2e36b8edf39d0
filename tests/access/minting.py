"""Session cookies that the real packages of NextAuth make, and forgeries that are made with the true keys."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.jwk import OctKey

from monitor.access.caller import RefusedError
from monitor.access.nextauth import Claims, NextAuth
from monitor.secret import Secret
from tests import npm

HERE = Path(__file__).parents[1] / "nextauth"
SECRET = 'the newest p@ss/w"ord\\é, with 32 bytes and more'
OLDER = "the one before it, which is being replaced"
OTHER = "somebody else's secret, of the same length"
HOURS_8 = 28800
NOW = 1_800_000_000
USER = {"sub": "42", "role": "super_admin", "name": "Ayu Wulandari", "email": "ayu@example.org"}
GOOD = {**USER, "iat": NOW, "exp": NOW + HOURS_8}
Recipe = dict[str, Any]
Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One of the cookies that can be a session, and how its key is made."""

    by: str
    name: str

    @property
    def encryption(self) -> str:
        return "A256GCM" if self.by == "next-auth" else "A256CBC-HS512"

    def session(self, secret: Any = SECRET, *, cookie: str | None = None, max_age: int = 28800, **token: Any) -> Recipe:
        """Ask for a session, as the package makes it; with `cookie` for the pairs of a Cookie header."""
        params: Recipe = {"secret": secret, "token": token, "maxAge": max_age, "cookie": cookie}
        if self.by == "@auth/core":
            params["salt"] = self.name
        return {"give": "session", "by": self.by, **params}

    def key(self, secret: str = SECRET) -> Recipe:
        """Ask for the key, as the package's own library derives it."""
        if self.by == "next-auth":
            salt, info, length = "", "NextAuth.js Generated Encryption Key", 32
        else:
            salt, info, length = self.name, f"Auth.js Generated Encryption Key ({self.name})", 64
        return {"give": "key", "secret": secret, "salt": salt, "info": info, "length": length}

    def __str__(self) -> str:
        return self.name


V4, V4_SECURE = Kind("next-auth", "next-auth.session-token"), Kind("next-auth", "__Secure-next-auth.session-token")
V5, V5_SECURE = Kind("@auth/core", "authjs.session-token"), Kind("@auth/core", "__Secure-authjs.session-token")
KINDS = [V4, V4_SECURE, V5, V5_SECURE]


def mint(recipes: list[Recipe]) -> list[Any]:
    """Have all of them made in one run of Node."""
    npm.install(HERE)
    done = subprocess.run(
        [npm.NODE, "mint.js"], cwd=HERE, input=json.dumps(recipes).encode(), stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def header_of(token: str) -> Json:
    """Read what a token says of itself."""
    return json.loads(decoded(token.partition(".")[0]))


class Forge:
    """Whoever has the secret, and so the key: it can say everything."""

    def __init__(self, kind: Kind, key: str, header: Json) -> None:
        self.kind = kind
        self._key = key
        self._header = header

    def sealed(self, payload: str | bytes | Json) -> str:
        """Encrypt this as the package does, with the header that it writes."""
        plain = json.dumps(payload) if isinstance(payload, dict) else payload
        registry = jwe.JWERegistry(algorithms=["dir", self.kind.encryption])
        key = OctKey.import_key({"kty": "oct", "k": self._key})
        return jwe.encrypt_compact(self._header, plain, key, registry=registry)

    def under(self, header: str, payload: Json) -> str:
        """Encrypt this with A256GCM, whatever the header says (RFC 7516, 5.1)."""
        key = decoded(self._key)[:32]
        nonce, aad = os.urandom(12), coded(header.encode())
        sealed = AESGCM(key).encrypt(nonce, json.dumps(payload).encode(), aad.encode())
        return ".".join([aad, "", coded(nonce), coded(sealed[:-16]), coded(sealed[-16:])])


@functools.cache
def reader(*secrets: str, secure: bool | None = None, max_age_s: float = HOURS_8) -> NextAuth:
    """Read what was made with these secrets, or with the newest."""
    return NextAuth([Secret(one) for one in secrets or (SECRET,)], max_age_s=max_age_s, secure=secure)


def told(header: str, now: float = NOW, who: NextAuth | None = None) -> Claims | str | None:
    """Give what is read from a Cookie header, or the code of the refusal."""
    try:
        return (who or reader()).read(header, now)
    except RefusedError as error:
        return error.code


def forges() -> dict[Kind, Forge]:
    """Give, for each kind, one who has its key, as the package derives it, and writes its header."""
    made = mint([recipe for kind in KINDS for recipe in (kind.key(), kind.session(**USER))])
    return {kind: Forge(kind, made[2 * at], header_of(made[2 * at + 1])) for at, kind in enumerate(KINDS)}


def coded(plain: bytes) -> str:
    """Encode as JOSE does (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Decode it again."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
