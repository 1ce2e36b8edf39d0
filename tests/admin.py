"""The platform's admin as a process of its own: people sign in there by the real packages of NextAuth, and visit us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, Literal

import aiohttp

from tests import npm
from tests.access.minting import HERE, SECRET

Version = Literal["v4", "v5"]
START_S = 20.0
STOP_S = 5.0
HEADER_BYTES = 32 * 1024
"""As our own server takes them: a session in chunks is longer than what Node takes by itself."""
PASSWORD = "correct horse battery staple"


def user(name: str, role: str, user_id: str, **more: Any) -> dict[str, Any]:
    """Make somebody who can sign in, with an address made of the name."""
    return {"id": user_id, "name": name, "email": f"{name.lower()}@example.org", "role": role, **more}


# The first three have rows in the demo platform's table of users.
USERS = [
    user("Ayu", "super_admin", "1"),
    user("Budi", "system_admin", "2"),
    user("Citra", "counselor", "11"),
    user("Dewi", "super_admin", "4", permissions="p" * 9000),
]


class Admin:
    """Signs in below /v4/ and /v5/, and is the reverse proxy of a daemon below /hm/."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address

    @classmethod
    async def start(cls, secret: str = SECRET) -> Admin:
        """Start one on a free port of loopback."""
        npm.install(HERE)
        process = await asyncio.create_subprocess_exec(
            *(npm.NODE, f"--max-http-header-size={HEADER_BYTES}", "admin.js"),
            cwd=HERE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        admin = cls(process, "")
        admin._say({"secret": secret, "users": [{**one, "password": PASSWORD} for one in USERS]})
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            admin.address = (await process.stdout.readline()).decode().strip()
        assert admin.address
        return admin

    def leads_to(self, daemon: str) -> None:
        """Let what is below /hm/ be answered by the daemon at this address."""
        self._say({"daemon": daemon})

    def _say(self, words: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")

    async def stop(self) -> None:
        """End it, as its standard input ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(STOP_S):
            assert await self._process.wait() == 0


class Visitor:
    """Somebody with cookies; the client's own jar would not send as many bytes of them as browsers do."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self._cookies: dict[str, str] = {}

    @property
    def header(self) -> str:
        """The Cookie header that is sent."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    async def ask(self, method: str, url: str, **options: Any) -> tuple[int, Mapping[str, str], str]:
        """Ask, and keep what cookies are set; give the status, the headers, and the text."""
        headers = {"Cookie": self.header}
        async with self.http.request(method, url, headers=headers, allow_redirects=False, **options) as response:
            for line in response.headers.getall("Set-Cookie", []):
                self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
            return response.status, response.headers, await response.text()

    async def sign_in(self, admin: Admin, version: Version, email: str, password: str = PASSWORD) -> str:
        """Sign in as the form of the page does, the token against forgery included; give the address that is next."""
        base = f"{admin.address}/{version}/api/auth"
        _, _, text = await self.ask("GET", f"{base}/csrf")
        form = {"csrfToken": json.loads(text)["csrfToken"], "callbackUrl": "/hm/", "username": email}
        _, headers, _ = await self.ask("POST", f"{base}/callback/credentials", data={**form, "password": password})
        return headers["Location"]
