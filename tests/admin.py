"""The platform's admin as a process of its own: people sign in there by the real packages of NextAuth, and visit us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import SimpleCookie
from typing import Any, Literal

import aiohttp
from playwright.async_api import Page, expect

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

    def seen_at(self, origin: str) -> None:
        """Let visitors come by this origin, a proxy's before it; the address that we ask at ourselves stays."""
        self._say({"origin": origin})

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


class Tab:
    """A page of a visitor's browser at the admin's origin, and what has come to it over WebSocket."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.frames: list[str | bytes] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._heard))

    def _heard(self, frame: str | bytes) -> None:
        self.frames.append(frame)

    async def sign_in(self, version: str, email: str) -> None:
        """Sign in by the page that the package itself draws, and come to ours."""
        await self.page.goto(f"{self.origin}/{version}/api/auth/signin?callbackUrl=/hm/")
        await self.page.get_by_label("Username").fill(email)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url("**/hm/")

    async def asks(self, path: str) -> tuple[int, str, str]:
        """Ask, as our page would, for an address; give the status, the code of a refusal, and who is asking."""
        script = "async (path) => { const r = await fetch(path); return [r.status, await r.json()]; }"
        status, said = await self.page.evaluate(script, f"/hm/api/v1/{path}")
        return status, said.get("error", {}).get("code", ""), said.get("name", "")

    async def until(self, promise: Callable[[], Awaitable[bool]], within: float = 10) -> None:
        """Wait until this is so."""
        async with asyncio.timeout(within):
            while not await promise():
                await asyncio.sleep(0.05)

    async def lives(self) -> None:
        """Wait until the board is there, and something new has come over the stream."""
        await expect(self.page.locator(".check#db")).to_be_visible()
        self.frames.clear()

        async def heard() -> bool:
            return bool(self.frames)

        await self.until(heard)
        await expect(self.page.locator("html")).to_have_attribute("data-link", "live")

    async def status(self) -> int:
        """Give the status with which our page is answered."""
        response = await self.page.goto(f"{self.origin}/hm/")
        assert response is not None
        return response.status
