"""Whether anybody writes: the last message of each kind of sender, and silence that lasts too long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.domain.quiet_hours import QuietHours, counted_silence, silent_at
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import MARGIN_S


@dataclass(frozen=True, slots=True)
class Activity:
    """Columns of activity.sql: per sender the last message and the count of the last hour; Unix seconds by its clock.

    `asked` counts the messages of users in the last `bot_window_min` to conversations that the bot handles, `answered`
    those of the bot.
    """

    now: float
    sender: list[str]
    last_at: list[float]
    hour: list[int]
    asked: int
    answered: int


@dataclass(frozen=True, slots=True)
class Memory:
    started: float
    facts: Activity | None = None
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class RecentActivity:
    """Hours of silence until a note and until a warning; minutes inside the quiet hours do not count."""

    quiet_h: float = 1
    silent_h: float = 6
    bot_window_min: int = 15
    bot_min_user: int = 5
    quiet_hours: QuietHours | None = None
    ttl_s: float = 65

    name = "recent_activity"
    section = "checks"
    takes = (Activity,)
    evidence = (Activity,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {
            "quiet_h": self.quiet_h,
            "silent_h": self.silent_h,
            "bot_window_min": self.bot_window_min,
            "bot_min_user": self.bot_min_user,
        }

    def begin(self, at: At) -> Judgement[Memory]:
        return Judgement(Memory(started=at.wall))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        if isinstance(facts, Activity):
            memory = replace(memory, facts=facts, offset=facts.now - at.mono)
        if memory.facts is None:
            return Judgement(memory)
        reasons, holds_until = self._reasons(memory, memory.facts, at)
        return Judgement(
            memory,
            reasons=reasons,
            headline={"value": sum(memory.facts.hour), "unit": "per_h"},
            detail=self._detail(memory.facts),
            holds_until=holds_until,
        )

    def _reasons(self, memory: Memory, facts: Activity, at: At) -> tuple[tuple[Reason, ...], float]:
        now = at.mono + memory.offset
        ever = bool(facts.last_at)
        last = max(facts.last_at) if ever else memory.started
        shown: dict[str, Scalar] = {"last_at": instant(last)} if ever else {}
        reasons, edges = [], []
        if facts.asked >= self.bot_min_user and facts.answered == 0:
            params: dict[str, Scalar] = {"users": facts.asked, "window_min": self.bot_window_min}
            answers = dict(zip(facts.sender, facts.last_at, strict=True))
            if "bot" in answers:
                params["last_bot_at"] = instant(answers["bot"])
            reasons.append(Reason("recent_activity.bot_silent", Verdict.WARN, params))
        silence = counted_silence(self.quiet_hours, last, now, enough=3600 * self.silent_h)
        if silence >= 3600 * self.silent_h:
            reasons.append(Reason("recent_activity.silent", Verdict.WARN, {"silent_h": self.silent_h, **shown}))
        else:
            edges.append(silent_at(self.quiet_hours, last, 3600 * self.silent_h))
            if silence >= 3600 * self.quiet_h:
                age_min = math.floor((now - last) / 60)
                edges.append(last + 60 * (age_min + 1))
                reasons.append(
                    Reason(
                        "recent_activity.quiet",
                        Verdict.OK,
                        {"age_min": age_min, "limit_h": self.silent_h, **shown},
                    )
                )
            else:
                edges.append(silent_at(self.quiet_hours, last, 3600 * self.quiet_h))
        holds_until = min((edge - memory.offset + MARGIN_S for edge in edges), default=math.inf)
        return tuple(reasons), holds_until

    def _detail(self, facts: Activity) -> dict[str, object]:
        last = dict(zip(facts.sender, facts.last_at, strict=True))
        detail: dict[str, object] = {
            "last": {sender: instant(when) for sender, when in last.items()},
            "hour": dict(zip(facts.sender, facts.hour, strict=True)),
        }
        if last:
            newest = max(last, key=lambda sender: last[sender])
            detail["last_at"], detail["last_sender"] = instant(last[newest]), newest
        if self.quiet_hours is not None:
            detail["quiet_hours"] = str(self.quiet_hours)
        return detail
