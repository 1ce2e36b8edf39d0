"""An ordinary client of the platform's realtime broker, for ever: connected, let in, and hearing what it relays."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import socketio
import structlog
from joserfc import jwt
from joserfc.jwk import OctKey

from monitor.backoff import Backoff
from monitor.clock import Clock
from monitor.domain.brokering import Broker, BrokerSettings, Figures, Relay, Relayed
from monitor.domain.quoting import quoted
from monitor.domain.signal import Emit, Sample
from monitor.sources.failure import kind_of, status_of
from monitor.sources.probes.http import visit
from monitor.sources.probes.names import Addresses, Names, system

log = structlog.get_logger()
Heard = Callable[[str, Relay, object], None]
TOKEN_S = 60
CLOSE_S = 0.5
"""So long a peer may take to say goodbye; one that is frozen never does."""
STAYED_S = 1.0
"""Who was connected for so long was back; a broker that throws us out at once is left alone for longer each time."""
REFUSALS = (401, 403)
OURSELVES = ("open_files", "unresolved")
"""Failures of our own files or name server: they say nothing of the broker, and are thrown away."""
NAMELESS = {"no_such_name": "dns", "unresolved": "unresolved", "exhausted": "open_files", "closed": "forbidden"}
NO_NAMESPACE = re.compile(r"invalid namespace|unable to connect", re.IGNORECASE)
"""What socket.io and python-socketio answer where there is no such namespace: no word on our token."""
# Left to themselves both libraries hang a handler of their own onto standard error.
SILENT = logging.getLogger(f"{__name__}.socketio")
SILENT.setLevel(logging.CRITICAL + 1)


class BrokerClient:
    """Says how the broker is reached at every change and every `sample_s`, and each signal that it relays.

    It sends nothing but what lets it in: its token, the wish to join a room, and in every sweep the question for
    statistics, where the platform has them.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        clock: Clock,
        emit: Emit,
        *,
        sample_s: float,
        sweep_s: float,
        connect_timeout_s: float,
        look_up: Addresses = system,
    ) -> None:
        parts = urlsplit(settings.url)
        self._target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._host = parts.hostname or ""
        self._names = Names(lambda _: None, look_up=look_up)
        self._settings = settings
        self._clock = clock
        self._emit = emit
        self._sample_s = sample_s
        self._sweep_s = sweep_s
        self._connect_timeout_s = connect_timeout_s
        self._news = asyncio.Event()
        self._hurry = False
        self._state = ""
        with warnings.catch_warnings():
            # That the secret is short, or looks like another kind of key, is the platform's own affair.
            warnings.simplefilter("ignore")
            self._key = OctKey.import_key(settings.secret.reveal().encode())

    def wake(self) -> None:
        """Connect, or ask, at once."""
        self._hurry = True
        self._news.set()

    async def run(self) -> None:
        """Be connected for ever."""
        backoff = Backoff()
        while True:
            self._hurry = False
            session = Session(self._settings, self._clock, self._heard, self._news.set, self._sample_s)
            try:
                began = self._clock.now().mono
                lost = await self._connect(session)
                if lost is None:
                    lost = await self._stay(session, 1000 * (self._clock.now().mono - began), backoff)
                if lost.error not in OURSELVES:
                    self._say(lost)
            finally:
                await session.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next()):
                    while not self._hurry:
                        self._news.clear()
                        await self._news.wait()

    async def _connect(self, session: Session) -> Broker | None:
        """Connect within the deadline; where it did not, say how it ended."""
        resolved, token = False, self._token()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                found = await self._names.find(self._host)
                if found.outcome != "found":
                    return self._down(NAMELESS[found.outcome])
                resolved = True
                await session.open(token, self._connect_timeout_s, found.addresses)
        except Exception as error:  # noqa: BLE001 - whatever the other side sends, the library may stumble over it
            if session.answer is not None and not NO_NAMESPACE.search(session.answer):
                return Broker("refused", self._target, answer=quoted(session.answer))
            if (status := status_of(error)) in REFUSALS:
                return Broker("refused", self._target, answer=f"HTTP {status}")
            if session.answer is not None:
                return self._down("namespace")
            return self._down(session.ended or kind_of(error) if resolved else "unresolved")
        return None

    def _down(self, error: str) -> Broker:
        return Broker("down", self._target, error=error)

    def _token(self) -> str:
        # Made anew for each attempt: it lives for a minute only.
        now = int(self._clock.now().wall)
        return jwt.encode({"alg": "HS256"}, {**self._settings.claims, "iat": now, "exp": now + TOKEN_S}, self._key)

    async def _stay(self, session: Session, connect_ms: float, backoff: Backoff) -> Broker:
        """Say that we are connected, and ask for statistics, again and again until it is lost."""
        loop = asyncio.get_running_loop()
        asks = bool(self._settings.stats_event)
        figures = Figures()
        began = say_at = loop.time()
        ask_at, give_up_at = began if asks else math.inf, math.inf
        while session.ended is None:
            self._news.clear()
            now = loop.time()
            if asks and give_up_at == math.inf and (self._hurry or now >= ask_at):
                await session.ask()
                ask_at, give_up_at = now + self._sweep_s, now + self._connect_timeout_s
            self._hurry = False
            if session.figures is None and now >= give_up_at:
                # It may never have heard of this question; whether it lives is said by its heartbeat.
                session.give_up()
            if session.figures is not None:
                figures, session.figures, give_up_at, say_at = session.figures, None, math.inf, now
                if figures.listens is False:
                    # It may only be about to: what it says of itself must not be out of date.
                    ask_at = min(ask_at, now + self._sample_s)
            if now >= say_at:
                self._say(Broker("connected", self._target, connect_ms=connect_ms, **asdict(figures)))
                say_at = now + self._sample_s
            due = min(say_at, give_up_at, ask_at if give_up_at == math.inf else math.inf)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
        if loop.time() >= began + STAYED_S:
            backoff.reset()
        return self._down(session.ended)

    def _say(self, broker: Broker) -> None:
        if broker.state != self._state:
            self._state = broker.state
            if broker.state == "connected":
                log.info("broker.connected", target=broker.target)
            if broker.state == "refused":
                log.warning("broker.refused", target=broker.target, answer=broker.answer)
            if broker.state == "down":
                log.warning("broker.lost", target=broker.target, error=broker.error)
        self._emit(Sample(self._clock.now(), broker))

    def _heard(self, channel: str, relay: Relay, payload: object) -> None:
        identity = relay.identify(payload) if isinstance(payload, dict) else None
        if identity is not None:
            self._emit(Sample(self._clock.now(), Relayed(channel, identity)))


class Session:
    """One connection, by python-socketio, and never a second one: what it left behind would haunt the next.

    `ended` is the kind of its end, `answer` what the namespace said instead of letting us in; `news` calls to look.
    """

    def __init__(
        self, settings: BrokerSettings, clock: Clock, heard: Heard, news: Callable[[], None], heartbeat_s: float
    ) -> None:
        self.ended: str | None = None
        self.figures: Figures | None = None
        self._settings = settings
        self._clock = clock
        self._news = news
        self._said = ""
        self._addresses: Sequence[str] = ()
        client = socketio.AsyncClient(
            reconnection=False,
            logger=SILENT,
            engineio_logger=SILENT,
            handle_sigint=False,
            request_timeout=CLOSE_S,
            # Left to itself it would look the name up once more, follow redirects, and keep cookies.
            http_session=lambda: visit(self._addresses),
            # A frozen broker is found out by a ping of the WebSocket itself (RFC 6455, 5.5.2), which a proxy hands on;
            # those of Engine.IO come from the server, and their absence is noticed after 45 s.
            websocket_extra_options={"heartbeat": heartbeat_s},
        )
        self._client = client
        space = settings.namespace
        client.on("connect", self._connected, namespace=space)
        client.on("connect_error", self._refused, namespace=space)
        client.on("disconnect", self._lost, namespace=space)
        events: dict[str, list[tuple[str, Relay]]] = {}
        for channel, relay in settings.relays.items():
            events.setdefault(relay.event, []).append((channel, relay))
        for event, relays in events.items():

            def take(*data: object, relays: list[tuple[str, Relay]] = relays) -> None:
                for channel, relay in relays:
                    heard(channel, relay, data[0] if data else None)

            client.on(event, take, namespace=space)
        inner = client.eio.handlers["message"]

        async def read(data: object) -> None:
            # The library reads each message in a task that nobody awaits.
            try:
                await inner(data)
            except Exception:  # noqa: BLE001 - see above: what it stumbles over is the other side's
                self._end("bad_answer")

        client.eio.on("message", read)

    @property
    def answer(self) -> str | None:
        # The library tells of a transport that did not open in the same way as of a namespace that says no.
        return self._said if self._client.failed_namespaces else None

    async def open(self, token: str, timeout_s: float, addresses: Sequence[str]) -> None:
        """Connect, at one of these addresses, and ask for our room; raises whatever the library does."""
        settings, self._addresses = self._settings, addresses
        await self._client.connect(
            settings.url,
            auth={"token": token},
            transports=["websocket"],
            namespaces=[settings.namespace],
            socketio_path=settings.path,
            wait_timeout=timeout_s,
        )
        if settings.join_event:
            await self._client.emit(settings.join_event, settings.join_data or None, namespace=settings.namespace)

    async def ask(self) -> None:
        """Ask for statistics; the answer comes as `figures`."""
        asked = self._clock.now().mono

        def answered(*data: object) -> None:
            self.figures = Figures.read(data[0] if data else None, 1000 * (self._clock.now().mono - asked))
            self._news()

        event, space = self._settings.stats_event, self._settings.namespace
        try:
            await self._client.emit(event, namespace=space, callback=answered)
        except socketio.exceptions.BadNamespaceError:
            self._end("closed")

    def give_up(self) -> None:
        """Wait for no answer any more; the library would keep the place of each for ever."""
        self.figures = Figures()
        self._client.callbacks.pop(self._settings.namespace, None)

    async def close(self) -> None:
        """Leave nothing behind: no task, no connection; whoever does not say goodbye is left without.

        Told to end amid of it, it ends only when it is done, which is soon.
        """
        closing = asyncio.get_running_loop().create_task(self._close(), name="goodbye to the broker")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close(self) -> None:
        eio = self._client.eio
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2 * CLOSE_S):
                await eio.disconnect(abort=True)
        tasks = [task for task in (eio.read_loop_task, eio.write_loop_task) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        if eio.http is not None and not eio.http.closed:
            await eio.http.close()

    def _connected(self) -> None:
        # Only now the library takes a farewell that follows at once for one.
        self._client.connected = True

    def _refused(self, *data: object) -> None:
        said = data[0] if data else ""
        self._said = str(said.get("message", "")) if isinstance(said, dict) else str(said)

    def _lost(self, *_: object) -> None:
        ws: Any = self._client.eio.ws
        error = ws.exception() if ws is not None else None
        self._end(kind_of(error) if error is not None else "closed")

    def _end(self, kind: str) -> None:
        self.ended = self.ended or kind
        self._news()
