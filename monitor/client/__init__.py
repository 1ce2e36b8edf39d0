"""The subscriber's library: the live document of a running daemon, in a few lines of another program."""

from __future__ import annotations

from monitor.client.document import Document, Position, canonical
from monitor.client.errors import (
    BadAddress,
    BadMessage,
    Refused,
    SubscriptionError,
    Unauthorized,
    Unreachable,
    WrongProtocol,
)
from monitor.client.fold import Fold, Step
from monitor.client.subscription import Subscription, fetch, subscribe

__all__ = [
    "BadAddress",
    "BadMessage",
    "Document",
    "Fold",
    "Position",
    "Refused",
    "Step",
    "Subscription",
    "SubscriptionError",
    "Unauthorized",
    "Unreachable",
    "WrongProtocol",
    "canonical",
    "fetch",
    "subscribe",
]
