"""What a reader of the board sees in a long life: troubles, notes, how often anything moves, and what it weighs."""

from __future__ import annotations

import gc
import math
import types
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import getsizeof

from monitor.domain.change import Change

HOUR = 3600
BAD = {"warn", "fail"}
SECTIONS = {"checks", "services", "cron", "monitor", "settings"}
NAMED = {"checks", "services"}


@dataclass
class Seen:
    """What a reader saw: troubles as they began, how long each code stood, and how many patches came in each hour."""

    troubles: list[tuple[float, str, str, dict[str, object]]] = field(default_factory=list)
    unknown_until: dict[str, float] = field(default_factory=dict)
    stood: dict[tuple[str, str], list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    patches: Counter[int] = field(default_factory=Counter)
    touched: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    leaves: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _now: dict[str, dict[str, str]] = field(default_factory=dict)
    _unknown: dict[str, set[str]] = field(default_factory=dict)

    def take(self, change: Change, second: float) -> None:
        if not change.patch:
            return
        hour = int(second // HOUR)
        self.patches[hour] += 1
        touched = set()
        for path in paths(change.patch):
            head = path[:2] if path[0] in NAMED else path[:1]
            if path[0] in SECTIONS:
                touched.add(head)
                self.leaves[hour][".".join(path[: 5 if path[0] == "checks" else 4])] += 1
        for head in touched:
            key = ".".join(head)
            self.touched[hour][key] += 1
            self.look(key, change.document, head, second)

    def look_at_all(self, document: Mapping[str, object]) -> None:
        """Look at the whole document, as it stands at the start."""
        for section in SECTIONS:
            inside = document[section]
            assert isinstance(inside, Mapping)
            for head in [(section, name) for name in inside] if section in NAMED else [(section,)]:
                self.look(".".join(head), document, head, 0.0)

    def look(self, key: str, document: Mapping[str, object], head: tuple[str, ...], second: float) -> None:
        """Look at one thing with all that stands in it and has a verdict."""
        entry: object = document
        for part in head:
            entry = entry[part]
        now: dict[str, str] = {}
        unknown: set[str] = set()
        for path, one in judged(entry, key):
            code, verdict = str(one.get("reason", "")), str(one["verdict"])
            now[f"{path} {code}"] = verdict
            if f"{path} {code}" not in self._now.get(key, {}) and verdict in BAD:
                self.troubles.append((second, path, code, dict(one.get("params", {}))))
            if verdict == "unknown":
                unknown.add(path)
        self.unknown_until |= dict.fromkeys(unknown, math.inf)
        for path in self._unknown.pop(key, set()) - unknown:
            self.unknown_until[path] = second
        self._unknown[key] = unknown
        before = self._now.get(key, {})
        for told in now.keys() - before.keys():
            self.stood[tuple(told.split(" ", 1))].append([second, math.inf])
        for told in before.keys() - now.keys():
            self.stood[tuple(told.split(" ", 1))][-1][1] = second
        self._now[key] = now

    def notes(self, end: float) -> dict[tuple[str, str], tuple[int, float]]:
        """Give each code that stood anywhere: how often, and for how many seconds in all."""
        return {
            key: (len(spans), sum(min(until, end) - since for since, until in spans))
            for key, spans in sorted(self.stood.items())
            if key[1]
        }


def paths(patch: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the place of every value that a patch touches."""
    if isinstance(patch, Mapping) and patch:
        for key, value in patch.items():
            yield from paths(value, (*path, str(key)))
    else:
        yield path


def judged(value: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Give everything with a verdict at a place of the document and below it, also what stands in `also`."""
    if not isinstance(value, Mapping):
        return
    if "verdict" in value:
        yield path, value
    for key, inner in value.items():
        if key == "also" and isinstance(inner, Mapping):
            for code, one in inner.items():
                yield path, {**one, "reason": code}
        else:
            yield from judged(inner, f"{path}.{key}")


def weight(root: object) -> int:
    """Weigh everything that is reachable from an object, in bytes."""
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(one))
        total += getsizeof(one)
        waiting += gc.get_referents(one)
    return total
