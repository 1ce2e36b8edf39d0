"""The triggers that a profile expects, what PostgreSQL's catalogue says of them, and the rows that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.verdict import Scalar

STATES = {"O": "enabled", "A": "always", "R": "replica", "D": "disabled"}
"""pg_trigger.tgenabled in words (PostgreSQL 18, 52.56)."""
WORKING = {"enabled", "always"}
SHOWN = 12
"""So many hex digits of a definition's hash are shown, and are enough to accept it."""
KEY = 64
"""So many characters of a key are compared: a signal is untrusted, and may be 8000 bytes long."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One expected trigger of the profile; `match` says which notifications of its channel are its own (none = all).

    `hints` names the checks that look again when it has fired, `rows` the query that counts its rows ("" = none), `key`
    what in its payload names the row ("" = nothing), `accepted` the hash of its accepted definition ("" = the first
    one seen).
    """

    name: str
    table: str
    channel: str
    match: Mapping[str, Scalar] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    rows: str = ""
    key: str = ""
    accepted: str = ""

    def owns(self, payload: Mapping[str, object]) -> bool:
        """Say whether a notification of its channel with this payload is its own."""
        return all(payload.get(key) == want for key, want in self.match.items())

    def identify(self, payload: Mapping[str, object]) -> str | None:
        """Give the key of the row that a signal tells of; None where it names none."""
        value = payload.get(self.key) if self.key else None
        return str(value)[:KEY] if type(value) in {int, str} else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Columns of triggers.sql: what pg_trigger says of the expected tables, one array element per trigger.

    `hash` is of the definition, trigger and function together. `whole_row` is true where the function's source sends
    one, `level` is `row` or `statement`.
    """

    trigger: list[str]
    relation: list[str]
    function: list[str]
    enabled: list[str]
    hash: list[str]
    notifies: list[bool]
    whole_row: list[bool]
    level: list[str]
    partitioned: list[bool]


@dataclass(frozen=True, slots=True)
class Found:
    """One trigger as the catalogue has it."""

    function: str
    state: str
    hash: str
    notifies: bool
    whole_row: bool
    level: str
    partitioned: bool

    @property
    def hazard(self) -> str | None:
        """What in its making may go wrong one day.

        A statement's trigger on a partitioned table does not fire for rows that go straight into a partition.
        """
        if self.whole_row:
            return "whole_row"
        return "partitioned_statement" if self.partitioned and self.level == "statement" else None


def found(facts: Catalogue) -> dict[tuple[str, str], Found]:
    """Give every trigger by its table and name."""
    states = [STATES.get(letter, letter) for letter in facts.enabled]
    making = zip(
        facts.function, states, facts.hash, facts.notifies, facts.whole_row, facts.level, facts.partitioned, strict=True
    )
    named = zip(facts.relation, facts.trigger, strict=True)
    return {name: Found(*made) for name, made in zip(named, making, strict=True)}


@dataclass(frozen=True, slots=True)
class Committed:
    """Columns of rows_NAME.sql: the rows that were committed since an earlier snapshot, the newest first.

    `now` and `created` are Unix seconds of the database's clock; `transaction` is the row's xmin, as PostgreSQL has it.
    `unexplained` counts the keys that were asked about and that no row bears.
    """

    snapshot: str
    now: float
    identity: list[str]
    transaction: list[str]
    created: list[float]
    unexplained: int


@dataclass(frozen=True, slots=True)
class RowsSeen:
    """The rows of one trigger's table that were committed since the snapshot `since` (None = the first look).

    `asked` is the monotonic second before the question was sent: the snapshot was taken after it.
    """

    trigger: str
    asked: float
    since: str | None
    rows: Committed


@dataclass(frozen=True, slots=True)
class Silent:
    """The channels of which a trigger does not fire, each with the Unix second since which that is known."""

    channels: Mapping[str, float]
