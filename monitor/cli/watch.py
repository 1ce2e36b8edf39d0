"""`huph-monitor watch`: the page in a terminal; in a pipe, a line for each change."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from monitor.cli.asking import TOKEN, URL, forgive, positive
from monitor.client import Document, Subscription, SubscriptionError, canonical, subscribe
from monitor.errors import MonitorError
from monitor.terminal import lines
from monitor.terminal.entries import MARKS, entries, watched
from monitor.terminal.screen import Screen
from monitor.terminal.texts import now_of

REFUSED, TIMED_OUT = 3, 4
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Beside SIGINT, which asyncio turns into a KeyboardInterrupt."""
_EXITS = f"""\
exit codes: 0 the verdict was reached, or you left; 2 typed wrongly, or nothing of that name is watched; {REFUSED} the
server refuses us; {TIMED_OUT} not reached within --timeout; 128 + n ended by signal n. A lost link is waited for.
The token, where one is needed, is taken from the environment variable {TOKEN}.
"""


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    text = (
        "Watch a running monitor: on a terminal its page, in a pipe a line for each change of a verdict or its reason."
    )
    parser = commands.add_parser(
        "watch", help="watch a running monitor in the terminal", description=text, epilog=_EXITS, allow_abbrev=False
    )
    parser.add_argument("url", nargs="?", default=URL, metavar="URL", help=f"the page's address ({URL})")
    parser.add_argument("--json", action="store_true", help="write the whole document, one line of JSON per change")
    parser.add_argument("--until", choices=list(MARKS), metavar="VERDICT", help="end at ok, warn, fail or unknown")
    parser.add_argument(
        "--check",
        metavar="NAME",
        help="what --until looks at: a check, cron, cron/JOB, services/NAME or monitor; else the worst check",
    )
    parser.add_argument("--timeout", type=positive, metavar="S", help=f"end after so many seconds, with {TIMED_OUT}")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Watch until the verdict is reached, the reader leaves, or the time is over."""
    if arguments.check is not None and arguments.until is None:
        raise MonitorError("--check says what --until looks at; give --until as well.")
    forgive()
    try:
        subscription = subscribe(arguments.url, os.environ.get(TOKEN) or None)
        return asyncio.run(_watch(subscription, arguments))
    except SubscriptionError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line speaks to a person
        return 2 if isinstance(error, ValueError) else REFUSED


async def _watch(subscription: Subscription, arguments: argparse.Namespace) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    ended: list[int] = []

    def end(code: int) -> None:
        # Cancelled, not killed: the terminal is given back on the way out.
        if not ended:
            ended.append(code)
            task.cancel()

    for number in ENDING:
        loop.add_signal_handler(number, end, 128 + number)
    reached = _goal(arguments.until, arguments.check)
    try:
        async with asyncio.timeout(arguments.timeout), AsyncExitStack() as stack:
            await stack.enter_async_context(subscription)
            if sys.stdout.isatty() and not arguments.json:
                await Screen(subscription, reached).show()
                return 0
            _when_nobody_reads(loop, stack, lambda: end(0))
            await (_write_json if arguments.json else _write_lines)(subscription, reached)
            return 0
    except TimeoutError:
        return TIMED_OUT
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except asyncio.CancelledError:
        if not ended:
            raise
        if ended[0] == 0:
            _forget_stdout()
        return ended[0]


def _goal(verdict: str | None, name: str | None) -> Callable[[Mapping[str, Any]], bool]:
    def reached(document: Mapping[str, Any]) -> bool:
        if verdict is None:
            return False
        found = watched(document, name)
        if found is None:
            raise MonitorError(f"Nothing is called {name}; what is watched: {', '.join(entries(document))}.")
        return found == verdict

    return reached


async def _write_json(subscription: Subscription, reached: Callable[[Document], bool]) -> None:
    """Write each document, until the goal is reached."""
    async for document in subscription:
        sys.stdout.buffer.write(canonical(document) + b"\n")
        sys.stdout.buffer.flush()
        if reached(document):
            return


async def _write_lines(subscription: Subscription, reached: Callable[[Document], bool]) -> None:
    """Write what has another verdict or reason; on standard error, when the link is lost and when it is back."""
    before: Document | None = None
    live = True
    while True:
        document = subscription.document
        if live is not subscription.live and (subscription.live or subscription.trouble is not None):
            live = subscription.live
            print("Live again." if live else f"Not live: {subscription.trouble}", file=sys.stderr, flush=True)  # noqa: T201
        if document is not None and subscription.live and (before is None or document.position != before.position):
            now = now_of(document.as_of, document.age)
            sys.stdout.writelines(f"{line}\n" for line in lines.changes(before, document, now))
            sys.stdout.flush()
            before = document
            if reached(document):
                return
        await subscription.wait()


def _when_nobody_reads(loop: asyncio.AbstractEventLoop, stack: AsyncExitStack, end: Callable[[], None]) -> None:
    """Notice that a pipe's reader has gone even while there is nothing to write: its writing end becomes "readable"."""
    descriptor = sys.stdout.fileno()
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        loop.add_reader(descriptor, end)
        stack.callback(loop.remove_reader, descriptor)


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, so that Python does not complain at its exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
