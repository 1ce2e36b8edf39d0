"""How a service says no below its own words: the errors of opening and reading a connection, by name."""

from __future__ import annotations

import errno
import re

from monitor.domain.probing import Probe, ServiceTarget

OURSELVES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
NOT_ALLOWED = "address not allowed"
"""What the answer of a service is called to whose addresses nobody may be sent."""
FORBIDDEN = {errno.EACCES, errno.EPERM}
SILENCE = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def of(target: ServiceTarget, error: OSError) -> Probe:
    """Name the way in which a connection failed; no text of the error is kept, it may hold secrets."""
    numbers = _numbers(error)
    if numbers & OURSELVES:
        return target.probe("exhausted")
    if errno.ECONNREFUSED in numbers:
        return target.probe("refused")
    if isinstance(error, TimeoutError) or numbers & SILENCE:
        return target.probe("timeout")
    return target.probe("bad_answer", NOT_ALLOWED if numbers & FORBIDDEN else "reset")


def _numbers(error: OSError) -> set[int]:
    # Of a host with several addresses the errors of all may come in one sentence, without a number of its own.
    return (
        {error.errno} if error.errno is not None else {int(one) for one in re.findall(r"\[Errno (\d+)\]", str(error))}
    )
