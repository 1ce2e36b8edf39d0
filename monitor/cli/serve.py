"""`huph-monitor [serve]`: watches a platform and serves its page; with nothing configured, a demo platform's."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from monitor import collector, config, coredump, descriptors, logs
from monitor.app import App
from monitor.cli.demo import link
from monitor.demo import state
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.errors import MonitorError
from monitor.places import state_home
from monitor.secret import Secret, within
from monitor.systemd import ServiceManager

DEMO_STOPS_S = 4.0


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("serve", help="watch a platform and serve its page", allow_abbrev=False)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration (TOML)")
    parser.add_argument(
        "--host", help="the address to listen at (127.0.0.1); 0.0.0.0 is all of them, for who has set access up"
    )
    parser.add_argument("--port", type=int, help="the port of the page (8787; 0 for any free one)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be watched, or every mistake; then stop")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    path = arguments.config
    if path is None and (named := os.environ.get(f"{config.ENVIRONMENT}CONFIG")):
        path = Path(named)
    options = {name: getattr(arguments, name) for name in ("host", "port") if getattr(arguments, name) is not None}
    overrides = {"http": options}
    if config.configured(path):
        loaded = config.load(path, os.environ, overrides)
        return _plan(loaded) if arguments.dry_run else _serve(loaded, None)
    if arguments.dry_run:
        _say("Nothing is configured: a demo platform would be started and watched.")
        return 0
    logs.configure()
    with _demo() as told:
        return _serve(config.load(Path(told["config"]), os.environ, overrides), told)


def _serve(loaded: config.Config, demo: dict[str, str] | None) -> int:
    logs.configure(as_json=loaded.log_json, level=loaded.log_level, secrets=_secrets(loaded))
    coredump.forbid()
    descriptors.allow()
    app = App(loaded)
    collector.settle()

    def ready(address: str) -> None:
        _say(f"The page: {address}")
        if demo is not None:
            # Beside the loop: the demo is another process, and may take its time.
            asyncio.get_running_loop().run_in_executor(None, _introduce, demo, address)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(app.run(ready, ServiceManager(os.environ)))
    return 0


def _introduce(demo: dict[str, str], address: str) -> None:
    """Say how to sign in to the page of a demo platform, and where to break it."""
    try:
        _say(f"Sign in (once): {link(demo, page=address)}")
    except MonitorError as error:
        _say(f"Nobody can sign in yet: {error} Try: huph-monitor demo info")
    _say(f"Break the demo platform: {demo['control']}  (or: huph-monitor demo list)")


def _secrets(loaded: config.Config) -> Iterator[Secret]:
    """Give all that must not stand in a log, also what is no secret by its type."""
    yield from within(loaded)
    # asyncpg takes this one by itself, where the address has none.
    yield Secret(os.environ.get("PGPASSWORD", ""))
    profile = loaded.profile
    urls = [service.url for service in profile.services]
    urls += [part.url for part in (profile.flags, profile.broker) if part is not None]
    yield from (Secret(value) for url in urls for _, value in parse_qsl(urlsplit(url).query))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give the faster loop where it is installed; everything works on asyncio's own too."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - it is not to be had everywhere
    except ImportError:
        return None
    return new_event_loop


def _plan(loaded: config.Config) -> int:
    App(loaded)  # reads every query of the profile
    profile, http = loaded.profile, loaded.http
    host = f"[{http.host}]" if ":" in http.host else http.host
    _say(f"Platform {profile.platform}, profile complete, nothing wrong.")
    _say(f"Database {loaded.database.label} as {loaded.database.role or 'the default role'}.")
    _say(f"Channels: {', '.join(profile.channels)}.")
    _say(f"Triggers: {', '.join(trigger.name for trigger in profile.triggers)}.")
    _say(f"Messages: {_counted(loaded)}.")
    parts = {
        "Broker": _shown(profile.broker.url) if profile.broker is not None else "",
        "Feature flags": _flags(profile.flags) if profile.flags is not None else "",
        "Clusters": ", ".join(profile.clusters) or "those of the table" if profile.clusters is not None else "",
        "Jobs": ", ".join(job.name for job in profile.jobs),
        "Services": ", ".join(f"{service.name} ({service.label})" for service in profile.services),
        "Settings": ", ".join(setting.key for setting in profile.settings),
    }
    for name, told in parts.items():
        _say(f"{name}: {told}." if told else f"{name}: none configured, not watched.")
    _say(f"Page: http://{host}:{http.port}{http.base_path}")
    return 0


def _counted(loaded: config.Config) -> str:
    """Say how they are counted."""
    if loaded.deltas is None:
        return "counted anew at each signal"
    return f"counted by our own triggers {', '.join(loaded.deltas.triggers)}"


def _flags(flags: FlagSettings) -> str:
    return {"file": flags.path, "http": _shown(flags.url)}.get(flags.source, "SQL")


def _shown(url: str) -> str:
    """Give an address without its query, which may hold a token."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


@contextmanager
def _demo() -> Iterator[dict[str, str]]:
    """Run a demo platform as a process of its own, on a leash: it stops when our end of its standard input is gone."""
    already: dict[str, str] | None = None
    with suppress(MonitorError):
        already = state.running(state_home() / "demo")
    if already is not None:
        _say("Nothing is configured: watching the demo platform that is running already.")
        yield already
        return
    _say("Nothing is configured: starting a demo platform (the first time takes a few seconds) ...")
    command = [sys.executable, "-m", "monitor", "demo", "run", "--leash"]
    # Its own session: Ctrl-C reaches only us, and we end it in order.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own module
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise MonitorError("The demo platform did not start; its reason stands above.")
        yield json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(DEMO_STOPS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks to a person
