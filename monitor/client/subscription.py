"""A subscription: keeps one document live over as many connections as it takes."""

from __future__ import annotations

import asyncio
import random
import ssl as tls
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from monitor.client.address import resuming, stream_of
from monitor.client.document import Document
from monitor.client.errors import Unauthorized, Unreachable
from monitor.client.fold import Fold, Step
from monitor.client.link import SILENCE_S, linked
from monitor.client.pause import Pause

Token = str | Callable[[], str] | None
"""A token, or what gives the one of the day: it is called for each connection."""
ANSWER_S = 20.0
"""Within so long the server must have led us back into line; it may take 5 s over a snapshot after its restart."""


class Subscription:
    """The live document. `subscribe` makes it; it is used by `async with`, or by `async for` alone."""

    def __init__(self, url: str, token: Token, ssl: tls.SSLContext | None, proxy: str | None, silence_s: float) -> None:
        self._stream = stream_of(url)
        self._token = token
        self._ssl, self._proxy, self._silence_s = ssl, proxy, silence_s
        self._fold = Fold(time.monotonic)  # noqa: TID251 - the client stands alone: it has no clock of the monitor's
        self._pause = Pause(random.random)
        self._newest: Document | None = None
        self._trouble: Exception | None = None
        self._over = False
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Subscription to {self._stream}>"

    @property
    def document(self) -> Document | None:
        """The newest document, with the youngest evidence; None before the first."""
        return self._fold.document

    @property
    def live(self) -> bool:
        """Whether the line is followed right now; if not, `document` is what was known last."""
        return self._trouble is None and self._fold.document is not None and self._fold.following

    @property
    def trouble(self) -> str | None:
        """Why it is not live, in a sentence; None while nothing is known to be wrong."""
        return str(self._trouble) if self._trouble is not None else None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError("A subscription is entered once; subscribe anew.")
        self._task = asyncio.create_task(self._live(), name="client: link")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        # Unlike awaiting the task itself, this lets our own cancellation through. The task may never have begun.
        await asyncio.wait({self._task})
        self._over = True
        self._ring()

    async def __aiter__(self) -> AsyncIterator[Document]:
        if self._task is not None:
            async for document in self._documents():
                yield document
            return
        async with self:
            async for document in self._documents():
                yield document

    async def wait(self) -> None:
        """Wait until anything happens: a change, younger evidence, the link lost or back. Raises what cannot heal."""
        self._check()
        await self._bell.wait()
        self._check()

    def _check(self) -> None:
        if self._over:
            if self._trouble is not None:
                raise self._trouble
            raise RuntimeError("The subscription is over.")

    async def _documents(self) -> AsyncIterator[Document]:
        seen: Document | None = None
        while True:
            if self._newest is not seen:
                seen = self._newest
                assert seen is not None
                yield seen
            else:
                await self.wait()

    def _ring(self) -> None:
        """Wake whoever waits; each ring has a bell of its own, so that nobody misses it or hears it twice."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def _live(self) -> None:
        refused: str | None = None
        try:
            while True:
                token = self._token() if callable(self._token) else self._token
                try:
                    await self._follow(token)
                except Unreachable as trouble:
                    self._trouble = trouble
                except Unauthorized as trouble:
                    # One that was good once may have expired: whoever gives tokens may have a new one.
                    if not callable(self._token) or token == refused:
                        raise
                    refused = token
                    self._trouble = trouble
                self._ring()
                await asyncio.sleep(self._pause.next(self._trouble))
        except Exception as end:  # noqa: BLE001 - whatever it is, even the token function's: it is raised where documents are read
            self._trouble = end
        finally:
            self._over = True
            self._ring()

    async def _follow(self, token: str | None) -> None:
        """Follow the line on one connection, until it ends by an exception."""
        address = resuming(self._stream, self._fold.position)
        loop = asyncio.get_running_loop()
        async with linked(address, token, self._ssl, self._proxy, self._silence_s) as link:
            self._fold.begin()
            late_at = loop.time() + ANSWER_S
            while True:
                step = self._fold.receive(await link.receive())
                if step is Step.ASK:
                    await link.say(self._fold.request())
                    late_at = loop.time() + ANSWER_S
                if self._fold.following:
                    late_at = loop.time() + ANSWER_S
                    self._trouble = None
                    self._pause.reset()
                elif loop.time() > late_at:
                    raise Unreachable(f"The server has not led us back into line for {ANSWER_S:g} s.")
                if step is Step.CHANGED:
                    self._newest = self._fold.document
                self._ring()


def subscribe(
    url: str,
    token: Token = None,
    *,
    ssl: tls.SSLContext | None = None,
    proxy: str | None = None,
    silence_s: float = SILENCE_S,
) -> Subscription:
    """Follow the live document of the page at this address (`http://127.0.0.1:8787/`, or its stream by `ws://`).

        async for document in subscribe("http://127.0.0.1:8787/"):
            print(document["status"], document.age)

        async with subscribe(url, token) as documents:   # ends the connection where the block ends
            async for document in documents: ...

    Each turn gives the newest `Document` that has changed. Whoever is slow is given the newest one at the next turn,
    and not those in between: nothing waits in a queue. That evidence is younger is no change; `documents.document`
    has it at any time, and `document.age` says how long ago the server's last word about it came.

    It connects, resumes and connects again for ever, over silences (8 s), restarts and refusals for a time, and keeps
    to Retry-After; `documents.live` and `documents.trouble` say how that stands. What cannot heal ends the iteration:
    Refused, Unauthorized, WrongProtocol, BadMessage; BadAddress is raised at once.

    The token is sent as `Authorization: Bearer` and stands in no address, error or log. A function as token is called
    for each connection. `proxy` is the address of an HTTP proxy; that of the environment is not asked. To leave a
    plain `async for` by `break` closes the connection soon, to leave an `async with` closes it before going on.
    """
    return Subscription(url, token, ssl, proxy, silence_s)


async def fetch(
    url: str,
    token: Token = None,
    *,
    ssl: tls.SSLContext | None = None,
    proxy: str | None = None,
    timeout_s: float = 10.0,
) -> Document:
    """Give the document as it is now, by one connection that is closed again.

    Raises Unreachable when that does not come about within `timeout_s` seconds, and what `subscribe` raises.
    """
    stream = stream_of(url)
    fold = Fold(time.monotonic)  # noqa: TID251
    told = token() if callable(token) else token
    try:
        async with asyncio.timeout(timeout_s), linked(stream, told, ssl, proxy, timeout_s) as link:
            while fold.receive(await link.receive()) is not Step.CHANGED:
                pass
    except TimeoutError:
        raise Unreachable(f"No document within {timeout_s:g} s.") from None
    assert fold.document is not None
    return fold.document
