"""The forms of who asks, and of what he changes."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.outputs.schema import AMOUNT, COUNT, FLAG, TEXT, TIME, TRUE, Schema, form, listed, one_of, said

NOW = {"version": COUNT, "changed_at": TIME}
ACCESS: Mapping[str, Schema] = {
    "Session": form(
        "kind name level edits",
        kind=one_of("user", "token", "break_glass", "open"),
        name=TEXT,
        role=TEXT,
        level=one_of("read", "stream", "edit"),
        edits=said(FLAG, "Whether settings can be edited here, and by this caller."),
        expires_at=TIME,
    ),
    "TicketWish": form("", origin=TEXT, agent=TEXT),
    "Ticket": form("ticket expires_in_s", ticket=TEXT, expires_in_s=AMOUNT),
    "SettingEdit": {
        **form(
            "value",
            value=TEXT,
            old=said(TEXT, "What it was, where the platform keeps no version."),
            reason={**TEXT, "maxLength": 500},
        ),
        # A key that is misspelt must not be an edit without it.
        "additionalProperties": False,
    },
    "SettingDone": form("key changed_at", key=TEXT, **NOW),
    "SettingConflict": form(
        "error",
        error=form(
            "code message current",
            code={"const": "conflict"},
            message=TEXT,
            current=form("", value=TEXT, configured=FLAG, changed_by=TEXT, **NOW),
        ),
    ),
    "SettingHistory": form(
        "key changes",
        key=TEXT,
        changes=listed(
            form("id at by", id=TEXT, at=TIME, by=TEXT, reason=TEXT, secret=TRUE, old=TEXT, new=TEXT),
        ),
    ),
}
