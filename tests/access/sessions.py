"""Session cookies as NextAuth 4 makes them; that it makes them so, test_nextauth.py shows."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey

ENCRYPTION = ["dir", "A256GCM"]


def v4(secret: str, now: float, *, sub: str = "1", role: str = "super_admin", **claims: object) -> str:
    """Give the value of next-auth.session-token for a user who signed in at `now` (Unix seconds)."""
    key = OctKey.import_key(HKDF(SHA256(), 32, b"", b"NextAuth.js Generated Encryption Key").derive(secret.encode()))
    told = {"sub": sub, "role": role, "email": f"{sub}@example.test", "iat": int(now), "exp": int(now) + 30 * 86_400}
    header = {"alg": "dir", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, json.dumps({**told, **claims}), key, algorithms=ENCRYPTION)
