"""Edits a setting: what it must be like, one question to the database, and the truth about how that ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import structlog

from monitor.database import Session, Target
from monitor.domain.checks.settings import LONGEST, SERVICE, Setting, actor
from monitor.domain.quoting import quoted
from monitor.domain.typed import canonical
from monitor.errors import ProfileError
from monitor.refusals import Turned, Unavailable
from monitor.secret import Secret
from monitor.settings.edit import Change, Code, Conflict, Done, Edit, Edited, Refusal, Trail

log = structlog.get_logger()
SHOWN = 50
"""So many edits of the past are told, the newest ones."""
REASON = 500
"""So many characters of a reason are kept."""
TURN_S = 5.0
"""So long an edit, or a look at those of the past, waits for those before it: the roles have few sessions."""
PAUSES_S = (0.1, 0.3, 0.7, 1.5, 3.0, 3.0)
"""When it is asked again whether an edit was written whose connection broke."""
CERTAIN_S = 10.0
"""So long that is tried, all in all."""
REFUSED: Mapping[str, Code] = {
    "absent": "no_such_setting", "not_editable": "not_editable", "not_allowed": "not_allowed",
}  # fmt: skip
"""Outcomes of edit_setting.sql with which nothing was written."""


class Asking(Protocol):
    """A query of the profile: its SQL, and how its only row is read; see `sources.queries.Query`."""

    @property
    def sql(self) -> str: ...

    def read(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Make the facts of the rows; `ProfileError` when they do not fit."""


class Editor:
    """Edits the `expected` settings by the role of `target`, and reads the edits of the past by that of `reading`.

    Without a target, or where the profile has no `edit` query, nothing is edited; without a `trail` nothing is
    remembered. One edit and one look at the past at a time, each in a session of its own: nothing else of the monitor
    waits for them. `timeout_s` bounds the question, as the server counts it; `turn_s` the wait for one's turn,
    `certain_s` the search for the truth.
    """

    def __init__(
        self,
        expected: Sequence[Setting],
        reading: Target,
        target: Target | None = None,
        *,
        edit: Asking | None = None,
        trail: Asking | None = None,
        connect_timeout_s: float = 3.0,
        timeout_s: float = 1.0,
        turn_s: float = TURN_S,
        certain_s: float = CERTAIN_S,
    ) -> None:
        self._expected = {setting.key: setting for setting in expected}
        self._reading = reading
        self._target = target
        self._edit, self._trail = edit, trail
        self._connect_timeout_s, self._timeout_s = connect_timeout_s, timeout_s
        self._turn_s, self._certain_s = turn_s, certain_s
        self._turn, self._past = asyncio.Lock(), asyncio.Lock()

    @property
    def edits(self) -> bool:
        """Whether anything can be edited."""
        return self._target is not None and self._edit is not None

    async def edit(self, edit: Edit) -> Done | Conflict | Refusal:
        """Write the value and its record in one transaction, if the setting is still as the caller has seen it."""
        setting = self._expected.get(edit.key)
        if self._target is None or self._edit is None:
            return Refusal("edits_off")
        if setting is None:
            return Refusal("no_such_setting")
        if edit.caller.kind not in {"user", "token"} or (edit.caller.kind == "user" and not edit.caller.user_id):
            return Refusal("not_allowed")
        if edit.version is None and (edit.old is None or setting.secret):
            return Refusal("precondition_required")
        if problem := setting.problem(edit.value.reveal()):
            return Refusal("invalid_value", problem)
        if not await self._comes(self._turn):
            return Refusal("busy")
        try:
            outcome = await self._settle(setting, edit, self._target, self._edit)
        finally:
            self._turn.release()
        if isinstance(outcome, Done):
            log.info("setting.edited", key=edit.key, by=_name(edit), caller=edit.caller.key, request_id=edit.request_id)
        return outcome

    async def _comes(self, turn: asyncio.Lock) -> bool:
        """Wait for one's turn, and take it; False when it did not come in time."""
        try:
            async with asyncio.timeout(self._turn_s):
                await turn.acquire()
        except TimeoutError:
            return False
        return True

    async def history(self, key: str) -> tuple[Change, ...] | Refusal:
        """Tell the edits of a setting, the newest first."""
        setting, trail = self._expected.get(key), self._trail
        if setting is None:
            return Refusal("no_such_setting")
        if trail is None:
            return ()
        if not await self._comes(self._past):
            return Refusal("busy")
        session = Session(self._reading, "history", self._connect_timeout_s)
        try:
            rows, _ = await session.ask(trail.sql, key, setting.secret, SHOWN)
            return await _changes(trail.read(rows))
        except Unavailable:
            return Refusal("database_away")
        except Turned as turned:
            log.warning("setting.failed", key=key, kind=turned.kind, **turned.params)
        except ProfileError as error:
            log.warning("setting.failed", key=key, error=str(error))
        finally:
            session.drop()
            self._past.release()
        return Refusal("failed")

    async def _settle(self, setting: Setting, edit: Edit, target: Target, query: Asking) -> Done | Conflict | Refusal:
        """Ask until it is certain whether it was written, or the time is over."""
        outcome = await self._ask(setting, edit, target, query)
        if outcome is not None:
            return outcome
        try:
            async with asyncio.timeout(self._certain_s):
                for pause_s in PAUSES_S:
                    await asyncio.sleep(pause_s)
                    # The same request is written once, however often it is asked for.
                    outcome = await self._ask(setting, edit, target, query)
                    # Who could not ask, or only met the lock of the first, knows no more than before.
                    if isinstance(outcome, Done | Conflict) or (outcome and outcome.code in REFUSED.values()):
                        return outcome
        except TimeoutError:
            pass
        log.warning(
            "setting.unconfirmed", key=edit.key, by=_name(edit), caller=edit.caller.key, request_id=edit.request_id
        )
        return Refusal("unconfirmed")

    async def _ask(
        self, setting: Setting, edit: Edit, target: Target, query: Asking
    ) -> Done | Conflict | Refusal | None:
        """Ask once, in a session of its own; None when it broke amid the question: anything may have happened."""
        session = Session(target, "edit", self._connect_timeout_s, self._timeout_s, read_only=False)
        try:
            rows, _ = await session.ask(query.sql, *_arguments(setting, edit))
            edited: Edited = query.read(rows)
            if edited.outcome == "conflict" and (seen := _seen(setting, edit, edited)) is not None:
                rows, _ = await session.ask(query.sql, *_arguments(setting, replace(edit, old=seen)))
                edited = query.read(rows)
        except Unavailable as unavailable:
            return Refusal("database_away") if unavailable.opening is not None else None
        except Turned as turned:
            return _refusal(edit, turned)
        except ProfileError as error:
            log.warning("setting.failed", key=edit.key, error=str(error))
            return None
        finally:
            session.drop()
        return _outcome(setting, edited)


def _name(edit: Edit) -> str:
    """Give the name that the audit log has of who edits."""
    return actor(f"{SERVICE}{edit.caller.name}" if edit.caller.kind == "token" else edit.caller.name)


def _arguments(setting: Setting, edit: Edit) -> tuple[object, ...]:
    """Give what edit_setting.sql is asked with, in its order.

    All are parameters of the statement and no part of its text: views and logs show the text.
    """
    value = edit.value.reveal()
    return (
        edit.key,
        # What may be empty is, whatever its type.
        canonical(setting.type, value) or value,
        edit.version,
        edit.old.reveal() if edit.old is not None and not setting.secret else None,
        _name(edit),
        edit.caller.user_id if edit.caller.kind == "user" else None,
        quoted(edit.reason.strip(), REASON),
        edit.address,
        edit.request_id,
        setting.secret,
    )


def _seen(setting: Setting, edit: Edit, edited: Edited) -> Secret | None:
    """Give the value as the platform writes it, where the caller has seen the same, written as the page writes it."""
    if edit.version is not None or edit.old is None or edited.value is None:
        return None
    alike = canonical(setting.type, edited.value) == canonical(setting.type, edit.old.reveal())
    return Secret(edited.value) if alike and edited.value != edit.old.reveal() else None


def _refusal(edit: Edit, turned: Turned) -> Refusal | None:
    """Say what it means that the database turned the question away: its transaction is rolled back."""
    if turned.kind == "timeout":
        # Where it was we who waited no longer, the server may still be at work.
        return Refusal("busy") if turned.params.get("limit") != "client" else None
    if turned.kind == "error" and str(turned.params.get("code", "")).startswith(("22", "23", "P0001")):
        # A constraint or a trigger of the platform's own (PostgreSQL 18, appendix A).
        return Refusal("invalid_value", "pattern")
    log.warning("setting.failed", key=edit.key, kind=turned.kind, **turned.params)
    return Refusal("failed")


def _outcome(setting: Setting, edited: Edited) -> Done | Conflict | Refusal | None:
    if edited.outcome == "done" and edited.changed_at is not None:
        return Done(edited.version, edited.changed_at)
    if edited.outcome == "conflict":
        value = None if setting.secret else edited.value
        return Conflict(
            edited.version,
            edited.changed_at,
            actor(edited.changed_by) if edited.changed_by else None,
            quoted(canonical(setting.type, value) or value, LONGEST) if value is not None else None,
            edited.configured if value is None else None,
        )
    if code := REFUSED.get(edited.outcome):
        return Refusal(code)
    log.warning("setting.failed", key=setting.key, error="edit_setting.sql: gives no outcome that is known")
    return None


async def _changes(trail: Trail) -> tuple[Change, ...]:
    rows = zip(trail.id, trail.at, trail.by, trail.reason, trail.secret, trail.told, trail.old, trail.new, strict=True)
    changes = []
    for one, at, by, reason, secret, told, old, new in rows:
        values = [quoted(text, LONGEST) if told and not secret else None for text in (old, new)]
        changes.append(Change(one, at, actor(by), quoted(reason, REASON), secret, *values))
        # A long value takes a millisecond, and everybody else waits meanwhile.
        await asyncio.sleep(0)
    return tuple(changes)
