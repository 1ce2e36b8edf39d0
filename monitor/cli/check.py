"""`huph-monitor check`: one answer in one line, and an exit code that Nagios and scripts understand."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from monitor.cli.asking import TOKEN, URL, forgive, positive
from monitor.client import SubscriptionError, fetch
from monitor.terminal.entries import entries, watched
from monitor.terminal.lines import answer
from monitor.terminal.texts import now_of

CODES = {"ok": 0, "warn": 1, "fail": 2, "unknown": 3}
_EXITS = f"""\
exit codes: 0 ok, 1 warn, 2 fail (and a command typed wrongly), 3 unknown, which is also a server that does not answer
or refuses, and a name that is not watched. The token, where one is needed, is taken from the variable {TOKEN}.
"""


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    text = (
        "Ask a running monitor once, about one thing or the whole: the worst of its checks (fail, warn, unknown, ok)."
    )
    parser = commands.add_parser(
        "check", help="ask a running monitor once", description=text, epilog=_EXITS, allow_abbrev=False
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a check, cron, cron/JOB, services/NAME or monitor")
    parser.add_argument("--url", default=URL, help=f"the page's address ({URL})")
    parser.add_argument(
        "--timeout", type=positive, default=10.0, metavar="S", help="seconds to wait for an answer (10)"
    )
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Ask, say the answer, and give its code."""
    name: str | None = arguments.name
    try:
        document = asyncio.run(fetch(arguments.url, os.environ.get(TOKEN) or None, timeout_s=arguments.timeout))
    except SubscriptionError as error:
        return _say(f"UNKNOWN {error}", "unknown")
    verdict = watched(document, name)
    if verdict is None:
        return _say(f"UNKNOWN Nothing is called {name}; what is watched: {', '.join(entries(document))}.", "unknown")
    return _say(answer(document, name, now_of(document.as_of, document.age)), verdict)


def _say(line: str, verdict: str) -> int:
    forgive()
    sys.stdout.write(f"{line}\n")
    return CODES[verdict]
