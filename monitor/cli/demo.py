"""`huph-monitor demo`: run the demo platform, ask it where it is, break it, mend it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog

from monitor import logs
from monitor.demo import state
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT = 30.0  # seconds; to mend a crash is to wait for PostgreSQL's recovery
_LINK_TIMEOUT = 3.0  # seconds; a daemon that is told to stop waits for whoever asks


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` and what stands below it; each sets `call`, which takes the arguments and gives the exit code."""
    place = argparse.ArgumentParser(add_help=False)
    # SUPPRESS: the same option stands on `demo` and on its commands, and a default of the inner would hide the outer's.
    place.add_argument("--state", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="the demo's own directory")
    choices = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    choices.add_argument("--ephemeral", action="store_true", help="keep nothing: a fresh directory, removed at the end")
    choices.add_argument("--seed", type=int, metavar="N", help="draw another platform; a number draws always the same")
    choices.add_argument("--speed", type=_speed, metavar="X", help="people write X times as often as usual")
    choices.add_argument("--leash", action="store_true", help="stop when standard input ends, since the parent is gone")
    choices.add_argument("--no-traffic", dest="traffic", action="store_false", help="nobody writes and no job runs")

    text = "A platform to watch and to break: an embedded PostgreSQL with eight weeks of history and live traffic."
    demo = subparsers.add_parser("demo", help="run a demo platform", description=text, parents=[place, choices])
    demo.set_defaults(call=run)
    commands = demo.add_subparsers(metavar="COMMAND")
    commands.add_parser("run", help="run it (the default)", parents=[place, choices]).set_defaults(call=run)
    asked = commands.add_parser("info", help="say where the running demo is to be found", parents=[place])
    asked.add_argument("--json", action="store_true", help="as JSON, with everything that a test needs")
    asked.add_argument(
        "--as", dest="user", metavar="ROLE", help="sign in as: super_admin (the default), system_admin, counselor"
    )
    asked.add_argument("--to", metavar="URL", help="the page to sign in to (the last one; at first that of port 8787)")
    asked.set_defaults(call=info)
    commands.add_parser("list", help="list the kinds of break", parents=[place]).set_defaults(call=list_kinds)
    breaking = commands.add_parser("break", help="break something", parents=[place])
    breaking.add_argument("kind", metavar="KIND")
    breaking.set_defaults(call=break_kind)
    mending = commands.add_parser("mend", help="mend one kind, or everything", parents=[place])
    mending.add_argument("kind", metavar="KIND", nargs="?")
    mending.set_defaults(call=mend_kind)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 1000:
        raise argparse.ArgumentTypeError("a number above 0, at most 1000")
    return speed


def run(arguments: argparse.Namespace) -> int:
    from monitor.demo import platform  # noqa: PLC0415  what only the demo itself needs, no other command waits for

    names = [option.name for option in dataclasses.fields(platform.Options)]
    chosen = {name: value for name, value in vars(arguments).items() if name in names}
    if not structlog.is_configured():
        logs.configure()
    return _saying_errors(lambda: asyncio.run(platform.run(platform.Options(**chosen))))


def info(arguments: argparse.Namespace) -> int:
    def answer() -> None:
        found = state.running(vars(arguments).get("state"))
        login = link(found, arguments.user, arguments.to)
        facts = {"dsn": found["dsn"], "login": login, **_ask(found, "GET", "info")}
        if arguments.json:
            sys.stdout.write(json.dumps(facts, indent=2) + "\n")
            return
        broken = ", ".join(facts["broken"]) or "nothing"
        rows = {
            "login": facts["login"],
            "buttons": facts["control"],
            "config": facts["config"],
            "dsn": facts["monitor_dsn"],
            "broker": facts["broker"],
            "flags": facts["flag_file"],
            **facts["services"],
            "broken": broken,
        }
        sys.stdout.writelines(f"{name:8} {value}\n" for name, value in rows.items())

    return _saying_errors(answer)


def link(found: dict[str, Any], role: str | None = None, page: str | None = None) -> str:
    """Ask a running demo for a one-time link that signs in, as its super_admin unless told otherwise.

    Raises `MonitorError` where it does not answer, and for a role or a page that it does not know.
    """
    asked = {word: value for word, value in (("as", role), ("to", page)) if value is not None}
    told: str = _ask(found, "POST", f"login?{urlencode(asked)}", _LINK_TIMEOUT)["login"]
    return told


def list_kinds(arguments: argparse.Namespace) -> int:
    def answer() -> None:
        kinds = _ask(state.running(vars(arguments).get("state")), "GET", "kinds")
        for name, kind in kinds.items():
            sys.stdout.write(f"{'broken' if kind['broken'] else '':7} {name:20} {kind['about']}\n")

    return _saying_errors(answer)


def break_kind(arguments: argparse.Namespace) -> int:
    return _press(arguments, f"break/{arguments.kind}")


def mend_kind(arguments: argparse.Namespace) -> int:
    return _press(arguments, f"mend/{arguments.kind}" if arguments.kind else "mend")


def _press(arguments: argparse.Namespace, button: str) -> int:
    def answer() -> None:
        broken = _ask(state.running(vars(arguments).get("state")), "POST", button)["broken"]
        sys.stdout.write(f"broken: {', '.join(broken) or 'nothing'}\n")

    return _saying_errors(answer)


def _ask(found: dict[str, Any], method: str, path: str, timeout: float = _TIMEOUT) -> dict[str, Any]:
    address = found["control"] + path
    request = urllib.request.Request(address, method=method, headers={"X-Demo": "1"})  # noqa: S310  http, from our own file
    # A proxy of the environment must not be asked for an address of this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=timeout) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        try:
            said = json.load(error)["error"]
        except (ValueError, KeyError, TypeError):
            raise MonitorError(f"The demo has no {address}: it is of another version; start it anew.") from error
        raise (_UsageError if error.code in {400, 404} else MonitorError)(said) from error
    except OSError as error:
        raise MonitorError(f"The demo does not answer at {address}: {error}") from error


class _UsageError(MonitorError):
    """A word that the demo does not know."""


def _saying_errors(action: Callable[[], None]) -> int:
    try:
        action()
    except MonitorError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, _UsageError) else 1
    return 0
