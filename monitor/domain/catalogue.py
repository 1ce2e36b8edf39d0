"""The triggers that a profile expects, and what PostgreSQL's catalogue says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.signal import Event
from monitor.domain.verdict import Scalar

STATES = {"O": "enabled", "A": "always", "R": "replica", "D": "disabled"}
"""pg_trigger.tgenabled in words (PostgreSQL 18, 52.56)."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One expected trigger of the profile; `match` says which notifications of its channel are its own (none = all).

    `hints` names the checks that look again when it has fired.
    """

    name: str
    table: str
    channel: str
    match: Mapping[str, Scalar] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    def owns(self, payload: Mapping[str, object]) -> bool:
        """Say whether a notification of its channel with this payload is its own."""
        return all(payload.get(key) == want for key, want in self.match.items())

    def fired(self, event: Event) -> bool:
        return event.channel == self.channel and self.owns(event.payload)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Columns of triggers.sql: what pg_trigger says of the expected tables, one array element per trigger."""

    trigger: list[str]
    relation: list[str]
    function: list[str]
    enabled: list[str]
