"""What the listening connection says of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """The listener's own account: the channels that PostgreSQL says we hear, and the test signal's way in ms.

    The test signal was sent at the monotonic second `sent`. Signals come in the order of the commits, so whatever was
    committed and seen before it was sent has been heard: it is a barrier. The last recount before the first test signal
    on a connection was asked after the monotonic second `since`, at which all channels were listened to; it is infinite
    where no count could be had then.
    """

    channels: frozenset[str]
    test_signal_ms: float
    sent: float = -math.inf
    since: float = math.inf


@dataclass(frozen=True, slots=True)
class SignalLost:
    """A test signal that PostgreSQL took and that did not come back in time: so many in a row by now.

    `channels` are those that PostgreSQL says the listener hears, None when its connection does not answer either. It
    answers as another process than the one that let us in (`pooled`) where a pooler stands between; `unlistened` says
    that a channel is missing, which explains the loss.
    """

    lost: int
    channels: frozenset[str] | None
    pid: int
    target: str
    pooled: bool = False
    unlistened: bool = False


@dataclass(frozen=True, slots=True)
class QueueHeld:
    """So much of PostgreSQL's queue of signals is in use, in percent, and it is our listener that does not read on.

    `dropped` says that it has stopped listening, so that the queue can be emptied.
    """

    usage_pct: float
    dropped: bool
