"""What the pictures are made of: the board that is well, each kind of trouble, and the series of its charts."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.domain import patch

Json = dict[str, Any]
BOARDS: Json = json.loads((Path(__file__).parents[2] / "web" / "tests" / "board.json").read_text(encoding="utf-8"))
NOW = datetime.fromisoformat(BOARDS["ok"]["as_of"])
"""The moment that the boards show."""
LONG_ERROR = (
    "psycopg.errors.SerializationFailure: could not serialize access due to concurrent update\n"
    'CONTEXT:  SQL statement "UPDATE ONLY "public"."conversations" SET "handled_by" = $1 WHERE "id" = $2"\n'
    + "at_least_one_word_without_any_place_to_break_it/"
    * 6
)


def stamp(ago_s: float) -> str:
    """Give the moment so many seconds before the boards' now, as the wire has it."""
    return (NOW - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def board(*patches: Mapping[str, Any] | str) -> Json:
    """Give the board that is well, with troubles by their name or patches of one's own."""
    document: Any = copy.deepcopy(BOARDS["ok"])
    for one in patches:
        document = patch.apply(document, BOARDS["troubles"][one] if isinstance(one, str) else one)
    verdicts = [check["verdict"] for check in document["checks"].values()]
    document["counts"] = {verdict: verdicts.count(verdict) for verdict in ("ok", "warn", "fail", "unknown")}
    return json.loads(json.dumps(document))


def turns(*turns: tuple[float, str, str, str, str | None]) -> Json:
    """Give transitions: how long ago, what, from, to, and why."""
    kept = {}
    for seq, (ago_s, check, before, after, reason) in enumerate(sorted(turns, reverse=True), start=1):
        kept[str(400 + seq)] = {"at": stamp(ago_s), "check": check, "from": before, "to": after} | (
            {"reason": reason} if reason else {}
        )
    return {"transitions": kept}


def series(name: str) -> Json | None:
    """Give the series that the charts draw: a day with a night, a peak and what is usual, and an hour with a hole."""
    start = NOW.replace(minute=NOW.minute // 5 * 5, second=0) - timedelta(minutes=5 * 287)
    if name == "message_rates":
        hours = [((start + timedelta(minutes=5 * index)).astimezone(UTC).hour + 7) % 24 for index in range(288)]
        usual = [max(0.0, 9 * math.sin((hour - 5) / 18 * math.pi)) if 5 <= hour <= 23 else 0.2 for hour in hours]
        seen = [
            int(one * (1 + 0.35 * math.sin(index * 1.7))) + (60 if 236 <= index < 240 else 0)
            for index, one in enumerate(usual)
        ]
        return {
            "as_of": stamp(0),
            "start": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "step_s": 300,
            "counts": {"user": seen, "bot": [one * 9 // 10 for one in seen], "counselor": [one // 6 for one in seen]},
            "band": {
                "low": [round(one * 1.1, 1) for one in usual], "usual": [round(2 * one, 1) for one in usual],
                "high": [round(3.1 * one + 2, 1) for one in usual],
            },
        }  # fmt: skip
    if name == "db_latency":
        begin = NOW.timestamp() - 3600
        points = [
            [round(begin + 5 * index, 1), round(2.2 + 0.6 * math.sin(index / 3) + (70 if 240 <= index < 300 else 0), 1)]
            for index in range(720)
            if not 430 <= index < 455
        ]
        return {"as_of": stamp(0), "points": points}
    if name.startswith("cron_runs:"):
        return {"job": name.removeprefix("cron_runs:"), "as_of": stamp(0), "runs": _runs()}
    return None


def _runs() -> list[Json]:
    runs: list[Json] = [{"started_at": stamp(44), "status": "running"}]
    for index in range(1, 72):
        failed = index in {1, 2, 9, 30, 31}
        run = {
            "started_at": stamp(1200 * index + 44),
            "finished_at": stamp(1200 * index + 30 - index % 5),
            "status": "failed" if failed else "success",
            "duration_s": 14.0 + index % 5,
        }
        runs.append(run | ({"error": LONG_ERROR, "fingerprint": "9f1c2200"} if failed else {}))
    return runs
