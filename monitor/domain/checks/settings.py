"""The settings of the platform, entry by entry: there, configured, and of the form that the profile expects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.quoting import quoted
from monitor.domain.signal import At
from monitor.domain.typed import canonical
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant


@dataclass(frozen=True, slots=True)
class Setting:
    """What the profile says of one key (`type`: text, bool, int or choice); of a secret only whether it is there."""

    key: str
    type: str = "text"
    pattern: str = ""
    choices: tuple[str, ...] = ()
    needed: bool = True
    secret: bool = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.key}: the pattern is not a regular expression ({error})") from None


@dataclass(frozen=True, slots=True)
class Entries:
    """Columns of settings.sql, one element per key, in the order of keys; `value` is "" for what is secret.

    `changed_at` (Unix seconds) and `version` are 0 where the platform does not keep them.
    """

    key: list[str]
    value: list[str]
    configured: list[bool]
    secret: list[bool]
    editable: list[bool]
    version: list[int]
    changed_at: list[float]


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

    def begin(self, _: At) -> Judgement[None]:
        return Judgement(None, detail={setting.key: _unseen(setting) for setting in self.expected})

    def judge(self, facts: object, previous: Judgement[None], _: At) -> Judgement[None]:
        if not isinstance(facts, Entries):
            return previous
        found = {entry.key: entry for entry in _rows(facts)}
        problems = {setting.key: _problem(setting, found.get(setting.key)) for setting in self.expected}
        detail: dict[str, object] = {}
        reasons = []
        for setting in self.expected:
            shown: dict[str, object] = {"verdict": Verdict.OK.value}
            if problem := problems[setting.key]:
                params: dict[str, Scalar] = {"key": setting.key, "problem": problem}
                reasons.append(Reason("settings.invalid", Verdict.WARN, params))
                shown = {"verdict": Verdict.WARN.value, "reason": "settings.invalid", "params": params}
            detail[setting.key] = shown | _shown(setting, found.pop(setting.key, None))
        for key, entry in found.items():
            detail[quoted(key)] = {"verdict": Verdict.OK.value} | _shown(Setting(key), entry)
        # One code is told once: the first key of the profile; each entry has its own verdict.
        return Judgement(None, reasons=tuple(reasons[:1]), detail=detail)


def _rows(facts: Entries) -> list[Entry]:
    columns = (
        facts.key, facts.value, facts.configured, facts.secret, facts.editable, facts.version, facts.changed_at,
    )  # fmt: skip
    return [Entry(*row) for row in zip(*columns, strict=True)]


def _unseen(setting: Setting) -> dict[str, object]:
    entry: dict[str, object] = {
        "verdict": Verdict.UNKNOWN.value,
        "reason": "unknown.starting",
        "type": setting.type,
        "editable": False,
    }
    return entry | {"secret": True} if setting.secret else entry


def _problem(setting: Setting, entry: Entry | None) -> str:
    """Say what is wrong with an expected key, in the catalogue's word; "" when nothing is."""
    if entry is None or not entry.configured:
        return ("absent" if entry is None else "not_configured") if setting.needed else ""
    if setting.secret or entry.secret:
        return ""
    if canonical(setting.type, entry.value) is None:
        return "type"
    if not re.search(setting.pattern, entry.value):
        return "pattern"
    return "choice" if setting.type == "choice" and entry.value not in setting.choices else ""


def _shown(setting: Setting, entry: Entry | None) -> dict[str, object]:
    shown: dict[str, object] = {"type": setting.type, "editable": entry is not None and entry.editable}
    configured = entry is not None and entry.configured
    if setting.secret or (entry is not None and entry.secret):
        # Either word is enough; whatever came along as the value is left where it is.
        shown |= {"secret": True, "configured": configured}
    elif entry is not None and configured:
        value = canonical(setting.type, entry.value)
        shown["value"] = quoted(entry.value if value is None else value)
    if entry is not None and entry.version > 0:
        shown["version"] = entry.version
    if entry is not None and entry.changed_at > 0:
        shown["changed_at"] = instant(entry.changed_at)
    return shown
