"""The table of all 55 faults, from what was measured: `python -m tests.faults.report RECORD > docs/faults.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JOURNAL = "nothing is written yet that could be torn: no journal"
ELSEWHERE: Mapping[int, tuple[str, str]] = {
    33: ("hung HTTP service", "`tests/sources/probes/test_http.py`"),
    34: ("drip, endless body, gzip bomb", "`tests/sources/probes/test_http.py`"),
    35: ("302, 500, wrong TLS, bad chunking", "`tests/sources/probes/test_http.py`"),
    36: ("no such name, hung resolver", "`tests/sources/probes/test_names.py`"),
    37: ("open files exhausted", "`tests/sources/test_services.py`, `tests/outputs/test_acceptor.py`"),
    38: ("disk full", JOURNAL),
    39: ("journal read-only, deleted, truncated", JOURNAL),
    40: ("kill -9 of the daemon at any point", "`tests/integration/test_faults.py`; " + JOURNAL),
    44: ("soak", "not run"),
    45: ("slow or frozen subscriber", "`tests/outputs/test_abuse.py`"),
    46: ("500 subscribers reconnect at once", "`tests/prove/test_siege.py`, with 5,000"),
    47: ("slowloris, drip, half a body", "`tests/security/test_slow.py`"),
    48: ("abuse of the protocol", "`tests/outputs/test_abuse.py`"),
    49: (
        "token expires, role revoked, secret rotated",
        "`tests/integration/test_access.py`, `tests/security/test_gate.py`",
    ),
    50: ("reload with a bad configuration", "there is no reload: a bad configuration does not start"),
    51: ("SIGTERM under load", "`tests/integration/test_faults.py`"),
    52: ("two daemons", JOURNAL),
    53: ("log sink blocked", "not run"),
    54: ("log or heartbeat target down", "not built"),
    55: ("setting and audit torn apart", "`tests/integration/test_torn.py`"),
}
"""Rows that are no faults of the event path: the fault, and what holds it."""
HEAD = """\
# Faults

Each row of the catalogue of faults: in how many seconds its reason must be shown, and in how many it was. *Full* is the
daemon with its own intervals (a sample every 5 s, a sweep every 30 s), the other form with shorter ones (2 s and 5 s).
Each row also holds, once the fault is over, that the counts are SQL's in the very snapshot, a reader's document is the
server's, nothing was called ok by evidence that was too old, no transaction of the platform failed or waited 50 ms for
a lock, PostgreSQL's queue of signals is empty, and the log tells no fault of ours.

Made by `HUPH_FAULTS=FILE ./dev test tests/faults` (about half an hour; with `-k "short]"` the short form alone) and
`python -m tests.faults.report FILE > docs/faults.md`; where a row was run twice, the newest run stands here.

| # | fault | bound s | measured s | full: bound s | full: measured s |
|---|---|---|---|---|---|
"""
ROWS = 55


def table(records: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> str:
    """Render every row: measured, belonging elsewhere, or not run; `known` are the rows that have a test."""
    of = {(one["number"], one["form"]): one for one in records}
    lines = []
    for number in range(1, ROWS + 1):
        if number in ELSEWHERE:
            fault, part = ELSEWHERE[number]
            lines.append(f"| {number} | {fault} | | {part} | | |")
        for name in (name for name in known if name.split()[0] == str(number)):
            short, full = (_cells(of.get((name, form))) for form in ("short", "full"))
            lines.append(f"| {name} | {known[name]} | {short} | {full} |")
    return HEAD + "\n".join(lines) + "\n"


def _cells(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "| not run"
    if record["seconds"] is None:
        return "| nothing may be shown, and nothing was"
    return f"{record['bound_s']:g} | {record['seconds']:.2f}"


def rows() -> dict[str, str]:
    """Give every row that has a test, and its fault."""
    from tests.faults import test_daemon, test_network, test_schema, test_sessions, test_signals

    tests = [
        value
        for module in (test_sessions, test_network, test_signals, test_schema, test_daemon)
        for value in vars(module).values()
        if hasattr(value, "row")
    ]
    return {test.row.number: test.row.fault for test in tests}


def main(arguments: Sequence[str]) -> None:
    lines = [line for name in arguments for line in Path(name).read_text(encoding="utf-8").splitlines()]
    sys.stdout.write(table([json.loads(line) for line in lines], rows()))


if __name__ == "__main__":
    main(sys.argv[1:])
