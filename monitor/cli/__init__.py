"""The command line: one file per command, read only when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from monitor import __version__
from monitor.errors import MonitorError

COMMANDS = {
    "serve": "watch a platform and serve its page (the default)",
    "demo": "run the demo platform, break it and mend it",
    "watch": "the page in a terminal",
    "check": "one answer and an exit code",
    "token": "make, list and revoke service tokens",
}


def run(arguments: Sequence[str]) -> int:
    """Run one command; give its exit code. What a person did wrong is said in a sentence, never in a traceback."""
    words = list(arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, "serve")
    parser = argparse.ArgumentParser(prog="huph-monitor", description="A live health monitor.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"huph-monitor {__version__}")
    commands = parser.add_subparsers(dest="command", metavar=" | ".join(COMMANDS), required=True)
    for name, about in COMMANDS.items():
        if name == words[0]:
            # The daemon's own parts take a second to read, which no other command should wait for.
            import_module(f"monitor.cli.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=about)
    parsed = parser.parse_args(words)
    try:
        code: int = parsed.call(parsed)
    except MonitorError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line speaks to a person
        return 2
    except KeyboardInterrupt:
        return 130
    return code
