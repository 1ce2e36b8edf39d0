"""The session cookie of the demo platform, as NextAuth 4 writes it over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe, jwt
from joserfc.jwk import OctKey

if TYPE_CHECKING:
    from monitor.demo.links import User

NAME = "next-auth.session-token"
MAX_AGE_S = 30 * 24 * 3600  # what NextAuth 4 gives a session unless it is told otherwise
_HEADER = {"alg": "dir", "enc": "A256GCM"}


def mint(secret: str, user: User, now: int) -> str:
    """Give the encrypted token (JWE in compact form, RFC 7516, 7.1) of a user who signs in now, in Unix seconds."""
    info = b"NextAuth.js Generated Encryption Key"
    key = OctKey.import_key(HKDF(hashes.SHA256(), 32, salt=b"", info=info).derive(secret.encode()))
    claims = {
        "name": user.name,
        "email": user.email,
        "sub": str(user.id),
        "role": user.role,
        "iat": now,
        "exp": now + MAX_AGE_S,
        "jti": str(uuid4()),
    }
    registry = jwe.JWERegistry(algorithms=list(_HEADER.values()))
    return jwt.encode(_HEADER, claims, key, registry=registry, default_type=None)
