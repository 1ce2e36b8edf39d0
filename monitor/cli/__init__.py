"""The command line: one file per command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from monitor import __version__
from monitor.cli import check, demo, serve, watch
from monitor.errors import MonitorError

COMMANDS = {"serve", "demo", "watch", "check"}


def run(arguments: Sequence[str]) -> int:
    """Run one command; give its exit code. What a person did wrong is said in a sentence, never in a traceback."""
    parser = argparse.ArgumentParser(prog="huph-monitor", description="A live health monitor.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"huph-monitor {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="serve | demo | watch | check", required=True)
    serve.add_parser(commands)
    demo.add_parser(commands)
    watch.add_parser(commands)
    check.add_parser(commands)
    words = list(arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, "serve")
    parsed = parser.parse_args(words)
    try:
        code: int = parsed.call(parsed)
    except MonitorError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line speaks to a person
        return 2
    except KeyboardInterrupt:
        return 130
    return code
