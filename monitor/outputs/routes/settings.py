"""The settings of the platform: each with its value, a secret only with whether it is configured; read and edited."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from monitor.clock import Clock
from monitor.domain.verdict import instant
from monitor.outputs import wire
from monitor.outputs.answers import answer, refusal
from monitor.outputs.gate import ADDRESS, CALLER
from monitor.outputs.hub import Hub
from monitor.secret import Secret
from monitor.settings.edit import Code, Conflict, Done, Edit, Refusal
from monitor.settings.editor import REASON, Editor

EDITS, LOOKS, PACE_S = 10, 30, 60.0
"""So many edits one caller may try, and so many looks at those of the past, in so many seconds."""
VERSION = re.compile(r'"[0-9]{1,18}"')
"""A strong entity tag (RFC 9110, 8.8.3), and one only."""
BODY = f'Send {{"value": "…"}} as JSON, a text, and a "reason" of at most {REASON} characters if there is one to tell.'
SEEN = 'Say what you have seen: If-Match with the version of the entry in quotes, or "old" where it has no version.'
REFUSALS: Mapping[Code, tuple[int, str]] = {
    "no_such_setting": (404, "There is no such setting; /api/v1/settings names those that there are."),
    "not_editable": (403, "The platform does not let this setting be edited."),
    "not_allowed": (
        403,
        "The platform does not let you edit settings: your account is not active, or its role may not.",
    ),
    "invalid_value": (422, "The value is not one that this setting may have; `problem` says why."),
    "precondition_required": (428, SEEN),
    "edits_off": (403, "Nothing is edited here: no role to edit by is configured (database.edit_dsn)."),
    "busy": (503, "Somebody else holds this setting; nothing was written. Try again in a moment."),
    "database_away": (503, "The database does not answer; nothing was written."),
    "failed": (503, "The database turned the edit away; nothing was written, and the monitor's log says why."),
    "unconfirmed": (504, "The connection broke, and the database has not said yet whether it was written; look again."),
}


class Settings:
    """The addresses about settings; without an `editor` they are only read."""

    def __init__(self, hub: Hub, clock: Clock, editor: Editor | None) -> None:
        self._hub = hub
        self._clock = clock
        self._editor = editor
        self._tried: dict[str, deque[float]] = {}

    async def all(self, _: web.Request) -> web.Response:
        """Give every setting by its key; none where the profile expects none."""
        return answer(self._hub.document.get("settings", {}))

    async def edit(self, request: web.Request) -> web.Response:
        """Give a setting another value, if it is still as the caller has seen it."""
        caller = request[CALLER]
        if (response := self._too_soon(f"edit {caller.key}", EDITS, "edits")) is not None:
            return response
        told = request.headers.getall("If-Match", [])
        version = int(told[0].strip('"')) if len(told) == 1 and VERSION.fullmatch(told[0]) else None
        if told and version is None:
            return refusal(428, "precondition_required", SEEN)
        body = await _body(request)
        if body is None:
            return refusal(400, "bad_request", BODY)
        value, old, reason = body
        key = request.match_info["key"]
        edit = Edit(caller, key, value, version, old, reason=reason, address=request[ADDRESS])
        outcome = await self._editor.edit(edit) if self._editor is not None else Refusal("edits_off")
        match outcome:
            case Done():
                said = {"key": key, **_known(version=outcome.version), "changed_at": instant(outcome.changed_at)}
                response = answer(said)
                if outcome.version is not None:
                    response.headers["ETag"] = f'"{outcome.version}"'
                return response
            case Conflict():
                now = _known(
                    value=outcome.value,
                    configured=outcome.configured,
                    version=outcome.version,
                    changed_at=instant(outcome.changed_at) if outcome.changed_at is not None else None,
                    changed_by=outcome.changed_by,
                )
                return refusal(409, "conflict", "Somebody was faster; `current` is what it is now.", current=now)
            case Refusal():
                return _refused(outcome)

    async def history(self, request: web.Request) -> web.Response:
        """Give the edits of one setting, newest first; never a word of a secret."""
        if (response := self._too_soon(f"look {request[CALLER].key}", LOOKS, "looks at the past")) is not None:
            return response
        key = request.match_info["key"]
        told = await self._editor.history(key) if self._editor is not None else Refusal("edits_off")
        if isinstance(told, Refusal):
            return _refused(told)
        changes = [
            {
                "id": one.id,
                "at": instant(one.at),
                "by": one.by,
                **_known(reason=one.reason or None, secret=one.secret or None, old=one.old, new=one.new),
            }
            for one in told
        ]
        return answer({"key": key, "changes": changes})

    def _too_soon(self, whose: str, most: int, what: str) -> web.Response | None:
        """Count one try; refuse it where there were so many of them, saying how long to wait."""
        now = self._clock.now().mono
        self._tried = {key: tries for key, tries in self._tried.items() if now - tries[-1] < PACE_S}
        tries = self._tried.setdefault(whose, deque(maxlen=most))
        if len(tries) == most and now - tries[0] < PACE_S:
            response = refusal(429, "too_many", f"At most {most} {what} in {PACE_S:g} s; wait a little.")
            response.headers["Retry-After"] = str(round(PACE_S - (now - tries[0])) + 1)
            return response
        tries.append(now)
        return None


async def _body(request: web.Request) -> tuple[Secret, Secret | None, str] | None:
    """Read the new value, the old one where it is told, and the reason; None where they are not what they must be."""
    try:
        # JSON is in UTF-8 (RFC 8259, 8.1), whatever charset is named beside it.
        told: Any = wire.decode(await request.read())
    except ValueError:
        return None
    if not isinstance(told, dict) or told.keys() - {"value", "old", "reason"}:
        return None
    # What is not known is absent, never null.
    if not all(isinstance(one, str) for one in told.values()) or "value" not in told:
        return None
    reason = told.get("reason", "")
    if len(reason) > REASON:
        return None
    return Secret(told["value"]), Secret(told["old"]) if "old" in told else None, reason


def _refused(refused: Refusal) -> web.Response:
    status, words = REFUSALS[refused.code]
    response = refusal(status, refused.code, words, **_known(problem=refused.problem or None))
    if refused.code == "busy":
        response.headers["Retry-After"] = "1"
    return response


def _known(**told: object) -> dict[str, object]:
    return {name: value for name, value in told.items() if value is not None}
