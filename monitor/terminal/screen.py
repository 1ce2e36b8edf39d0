"""The screen while it is watched: a subscription above, a keyboard below, a drawing between them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

from rich.console import Console
from rich.live import Live

from monitor.client import Document, Subscription
from monitor.terminal.keys import ESCAPE_S, Keys, single_keys
from monitor.terminal.page import Cursor, Page, View, rows
from monitor.terminal.texts import now_of

TURN_S = 1.0
"""So often it is drawn anew when nothing happens: the ages grow."""
FRAME_S = 0.05
"""No more often than this, whatever happens."""


class Screen:
    """Shows the document of a subscription until the reader leaves, or `reached` says that it is enough."""

    def __init__(self, subscription: Subscription, reached: Callable[[Document], bool]) -> None:
        self._subscription = subscription
        self._reached = reached
        self._cursor = Cursor()
        self._keys = Keys()
        self._dirty = asyncio.Event()
        self._left = False
        self._flush: asyncio.TimerHandle | None = None

    async def show(self) -> bool:
        """Take the screen and the keyboard, and give them back; say whether `reached` was, or the reader left."""
        loop = asyncio.get_running_loop()
        console = Console()
        keyboard = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        with ExitStack() as stack:
            stack.enter_context(single_keys(keyboard) if keyboard is not None else nullcontext())
            if keyboard is not None:
                loop.add_reader(keyboard, self._typed, keyboard)
                stack.callback(loop.remove_reader, keyboard)
            loop.add_signal_handler(signal.SIGWINCH, self._dirty.set)
            stack.callback(loop.remove_signal_handler, signal.SIGWINCH)
            live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False))
            listener = asyncio.create_task(self._listen(), name="screen: listener")
            stack.callback(listener.cancel)
            while True:
                if listener.done():
                    listener.result()
                document = self._subscription.document
                live.update(self._page(document), refresh=True)
                if document is not None and self._subscription.live and self._reached(document):
                    return True
                if self._left:
                    return False
                await self._turn()

    async def _turn(self) -> None:
        """Wait until there is something to draw."""
        try:
            async with asyncio.timeout(TURN_S):
                await self._dirty.wait()
        except TimeoutError:
            return
        self._dirty.clear()
        await asyncio.sleep(0 if self._left else FRAME_S)

    async def _listen(self) -> None:
        """Have it drawn whenever anything is said; ends by the exception that ends the subscription."""
        try:
            while True:
                await self._subscription.wait()
                self._dirty.set()
        finally:
            self._dirty.set()

    def _page(self, document: Document | None) -> Page:
        trouble = self._subscription.trouble
        if document is None:
            return Page(None, self._cursor, f"Connecting ... {trouble or ''}  (q: quit)")
        names = rows(document)
        if self._cursor.chosen not in names and names:
            self._cursor.chosen, self._cursor.opened = names[0], False
        age = document.age
        return Page(View(document, now_of(document.as_of, age), age, self._subscription.live, trouble), self._cursor)

    def _typed(self, keyboard: int) -> None:
        data = os.read(keyboard, 256)
        if not data:
            # The keyboard is gone, and whoever sat at it.
            self._left = True
            self._dirty.set()
            return
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._press(self._keys.feed(data))
        if self._keys.pending:
            self._flush = asyncio.get_running_loop().call_later(ESCAPE_S, lambda: self._press(self._keys.flush()))

    def _press(self, keys: list[str]) -> None:
        document = self._subscription.document
        names = rows(document) if document is not None else []
        for key in keys:
            if key == "quit":
                self._left = True
            else:
                self._cursor.press(key, names)
        if keys:
            self._dirty.set()
