"""What can end a subscription: all of it is a `SubscriptionError`, and none of it carries the token."""

from __future__ import annotations


class SubscriptionError(Exception):
    """A subscription that cannot be had, said in a sentence that is safe to print."""


class BadAddress(SubscriptionError, ValueError):  # noqa: N818 - named for what is wrong, like its neighbours
    """The address is not that of a page: its scheme, its host, or something in it that does not belong there."""


class Unreachable(SubscriptionError):  # noqa: N818
    """Nobody answers, or not now. It may heal: `subscribe` tries again for ever, `fetch` gives up with it.

    `retry_after` is what the server asked for, in seconds; `restarting` says that it is about to be back.
    """

    def __init__(self, text: str, *, retry_after: float | None = None, restarting: bool = False) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.restarting = restarting


class Refused(SubscriptionError):  # noqa: N818
    """The server will not have us here (HTTP 403, 404, 421; close code 4403)."""


class Unauthorized(SubscriptionError):  # noqa: N818
    """The token is missing, wrong, or has expired (HTTP 401; close code 4401)."""


class WrongProtocol(SubscriptionError):  # noqa: N818
    """The other side does not speak `health.v1` (HTTP 400 or any answer that is no upgrade; close code 4406)."""


class BadMessage(SubscriptionError):  # noqa: N818
    """One side could not read what the other one said, which trying again does not mend (also close code 4400)."""
