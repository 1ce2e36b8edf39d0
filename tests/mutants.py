"""The daemon with one promise broken, to see that somebody notices: `python -m tests.mutants NAME --config FILE`."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from monitor.__main__ import main
from monitor.domain.signal import Burst, Event, Signal
from monitor.engine import Engine
from monitor.sources.queries import Outcome
from monitor.sources.sweep import Sweep

HEARD_S = 0.05


def no_recount_on_reconnect() -> None:
    """Look again only at a signal of the platform, and at nothing else: not after LISTEN, not when a parent is back."""
    heard_at = -HEARD_S
    emit, look = Engine.emit, Sweep.look

    def emit_and_remember(engine: Engine, signal: Signal) -> None:
        nonlocal heard_at
        if isinstance(signal, Event | Burst):
            heard_at = time.monotonic()
        emit(engine, signal)

    def look_if_heard(sweep: Sweep, check: str, **how: bool) -> None:
        if time.monotonic() < heard_at + HEARD_S:
            look(sweep, check, **how)

    async def say_so_at_once(_: Sweep, __: str) -> Outcome:
        return "answered"

    Engine.emit = emit_and_remember  # type: ignore[method-assign]
    Sweep.look = look_if_heard  # type: ignore[method-assign]
    Sweep.answer = say_so_at_once  # type: ignore[method-assign]
    Sweep.look_everywhere = lambda _: None  # type: ignore[method-assign]


def no_xid_filter() -> None:
    """Count what a snapshot has counted already once more."""
    from monitor.domain.ledger import Snapshot

    Snapshot.sees = lambda *_: False


def stalling() -> None:
    """Stand still for three seconds, in the middle of whatever it does, at each SIGUSR2."""
    signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3))


MUTANTS: dict[str, Callable[[], None]] = {
    "no_recount_on_reconnect": no_recount_on_reconnect,
    "no_xid_filter": no_xid_filter,
    "stalling": stalling,
}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    MUTANTS[name]()
    main()
