"""The settings of the platform, entry by entry: there, configured, and of the form that the profile expects."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from monitor.domain.quoting import quoted
from monitor.domain.signal import At
from monitor.domain.typed import canonical
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import MARGIN_S

Problem = Literal["", "empty", "type", "pattern", "choice", "bounds"]
"""What can be wrong with a value; "" is nothing."""
LONGEST = 2000
"""So many characters a value has at most where the profile does not say less; no more are read of one."""
BRIEF = 200
"""So many of them are shown of what is not edited."""
UNAUDITED_S = 86_400.0
"""How long a change without a record is told."""
SERVICE = "token:"
"""What the names of services begin with in the audit log."""
UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}
"""No value has characters of these categories (Unicode, 4.5): controls, halves of pairs, separators of lines."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the profile says of one key (`type`: text, bool, int or choice); of a secret only whether it is there.

    `minimum` and `maximum` bound an int, `max_length` counts characters.
    """

    key: str
    type: str = "text"
    pattern: str = ""
    choices: tuple[str, ...] = ()
    needed: bool = True
    secret: bool = False
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = LONGEST

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.key}: the pattern is not a regular expression ({error})") from None

    def problem(self, value: str) -> Problem:
        """Say what is wrong with a value.

        The same is asked of a value that the platform has and of one that somebody wants it to have.
        """
        if not value:
            return "empty" if self.needed else ""
        if len(value) > self.max_length:
            return "bounds"
        written = canonical(self.type, value)
        if written is None:
            return "type"
        if any(unicodedata.category(letter) in UNPRINTED for letter in written) or not re.search(self.pattern, written):
            return "pattern"
        if self.type == "choice" and written not in self.choices:
            return "choice"
        return "" if self.type != "int" or self._within(int(written)) else "bounds"

    def _within(self, number: int) -> bool:
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)


def actor(name: str) -> str:
    """Give the name of who edits as it can be shown: the name of a token is none."""
    kind, token, rest = name.rpartition(SERVICE)
    return f"{token}{quoted(rest)}" if token and not kind else quoted(name)


@dataclass(frozen=True, slots=True)
class Entries:
    """Columns of settings.sql, one element per key, in the order of keys; `value` is "" for what is secret.

    `now` and `changed_at` are Unix seconds of the database's clock; `changed_at` is 0 and `version` -1 where the
    platform does not keep them. `audited` says whether the last change has a record of the same transaction, and is
    true where the platform keeps no records; `changed_by` is who made it, "" where that is not known.
    """

    now: float
    key: list[str]
    value: list[str]
    configured: list[bool]
    secret: list[bool]
    editable: list[bool]
    version: list[int]
    changed_at: list[float]
    changed_by: list[str]
    audited: list[bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the entries."""

    key: str
    value: str
    configured: bool
    secret: bool
    editable: bool
    version: int
    changed_at: float
    changed_by: str
    audited: bool

    def unaudited_for(self, now: float) -> float:
        """Give for how many seconds more it is told that its last change has no record; 0 or less when it is not.

        What has the platform's first version was not changed.
        """
        if self.audited or self.version <= 1:
            return 0.0
        return self.changed_at + UNAUDITED_S - now


@dataclass(frozen=True, slots=True)
class Seen:
    """The last answer, without the values of secrets; `ahead` is the database's clock less the monotonic one."""

    entries: tuple[Entry, ...]
    ahead: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Judges the `expected` keys and shows all; its judgement's detail is the document's section as it stands."""

    expected: tuple[Setting, ...] = ()
    ttl_s: float = 65

    name = "settings"
    section = "settings"
    takes = (Entries,)
    evidence = (Entries,)
    limits: Mapping[str, Scalar] = field(default_factory=dict)

    def begin(self, _: At) -> Judgement[Seen | None]:
        return Judgement(None, detail={setting.key: _unseen(setting) for setting in self.expected})

    def judge(self, facts: object, previous: Judgement[Seen | None], at: At) -> Judgement[Seen | None]:
        seen = previous.memory
        if isinstance(facts, Entries):
            secrets = {setting.key for setting in self.expected if setting.secret}
            seen = Seen(tuple(_rows(facts, secrets)), facts.now - at.mono)
        if seen is None:
            return previous
        now = at.mono + seen.ahead
        found = {entry.key: entry for entry in seen.entries}
        lasting = [left for entry in found.values() if (left := entry.unaudited_for(now)) > 0]
        detail: dict[str, object] = {}
        reasons: dict[str, Reason] = {}
        for setting in self.expected:
            entry = found.pop(setting.key, None)
            reason = _reason(setting.key, _problem(setting, entry), entry, now)
            if reason is not None:
                # One code is told once: the first key of the profile; each entry has its own verdict.
                reasons.setdefault(reason.code, reason)
            editable = entry is not None and entry.editable
            # Where it is edited it is needed whole; quoting takes its time, and keys that nobody expects may be many.
            shown = _shown(setting, entry, LONGEST if editable else BRIEF)
            detail[setting.key] = _verdict(reason) | _form(setting) | {"editable": editable} | shown
        for other, entry in found.items():
            key = quoted(other)
            reason = _reason(key, "", entry, now)
            if reason is not None:
                reasons.setdefault(reason.code, reason)
            # What the profile does not describe is not edited by way of it.
            detail[key] = _verdict(reason) | {"type": "text", "editable": False} | _shown(Setting(other), entry)
        holds_until = at.mono + min(lasting) + MARGIN_S if lasting else math.inf
        return Judgement(seen, reasons=tuple(reasons.values()), detail=detail, holds_until=holds_until)


def _rows(facts: Entries, secrets: set[str]) -> list[Entry]:
    """Give the rows; either word, the platform's or the profile's, is enough to leave a value where it is."""
    columns = (
        facts.key, facts.value, facts.configured, facts.secret, facts.editable, facts.version, facts.changed_at,
        facts.changed_by, facts.audited,
    )  # fmt: skip
    rows = [Entry(*row) for row in zip(*columns, strict=True)]
    return [replace(row, value="", secret=True) if row.secret or row.key in secrets else row for row in rows]


def _unseen(setting: Setting) -> dict[str, object]:
    entry = {"verdict": Verdict.UNKNOWN.value, "reason": "unknown.starting", **_form(setting), "editable": False}
    return entry | {"secret": True} if setting.secret else entry


def _reason(key: str, problem: str, entry: Entry | None, now: float) -> Reason | None:
    params: dict[str, Scalar]
    if problem:
        params = {"key": key, "problem": problem}
        return Reason("settings.invalid", Verdict.WARN, params)
    if entry is not None and entry.unaudited_for(now) > 0:
        params = {"key": key, "at": instant(entry.changed_at)}
        return Reason("settings.unaudited", Verdict.WARN, params)
    return None


def _verdict(reason: Reason | None) -> dict[str, object]:
    if reason is None:
        return {"verdict": Verdict.OK.value}
    return {"verdict": reason.verdict.value, "reason": reason.code, "params": reason.params}


def _problem(setting: Setting, entry: Entry | None) -> str:
    """Say what is wrong with an expected key, in the catalogue's word; "" when nothing is."""
    if entry is None or not entry.configured:
        return ("absent" if entry is None else "not_configured") if setting.needed else ""
    return "" if entry.secret else setting.problem(entry.value)


def _form(setting: Setting) -> dict[str, object]:
    """Say what a value must be like, as far as a form can hold to it."""
    form: dict[str, object] = {"type": setting.type}
    match setting.type:
        case "choice":
            form["choices"] = list(setting.choices)
        case "int":
            bounds = {"minimum": setting.minimum, "maximum": setting.maximum}
            form |= {name: bound for name, bound in bounds.items() if bound is not None}
        case "text":
            form["max_length"] = setting.max_length
        case _:
            pass
    return form


def _shown(setting: Setting, entry: Entry | None, at_most: int = BRIEF) -> dict[str, object]:
    shown: dict[str, object] = {}
    configured = entry is not None and entry.configured
    if setting.secret or (entry is not None and entry.secret):
        shown |= {"secret": True, "configured": configured}
    elif entry is not None and configured:
        written = canonical(setting.type, entry.value)
        value = entry.value if written is None else written
        shown["value"] = quoted(value, at_most)
        if shown["value"] != value:
            shown["partial"] = True
    if entry is not None and entry.version >= 0:
        shown["version"] = entry.version
    if entry is not None and entry.changed_at > 0:
        shown["changed_at"] = instant(entry.changed_at)
    if entry is not None and entry.changed_by:
        shown["changed_by"] = actor(entry.changed_by)
    return shown
