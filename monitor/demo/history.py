"""What happened before the demo was started: eight weeks at the first start, the time it was down at a later one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from monitor.demo import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from monitor.demo.rhythm import Rhythm, Sender

SPAN = timedelta(weeks=8)
_APPLICANTS = range(1001, 3001)
_COUNSELORS = range(11, 21)
_CLUSTERS = range(1, 6)
_BODIES: Mapping[Sender, Sequence[str]] = {
    "user": [f"Pertanyaan contoh {number}" for number in range(1, 500)],
    "bot": [f"Jawaban contoh {number} dari bot" for number in range(1, 500)],
    "counselor": [f"Jawaban contoh {number} dari konselor" for number in range(1, 500)],
}
_COPY_TIMEOUT = 60.0
_MANY = 50_000
_LAW = "drawn by law 2"  # another number for every change of how people write: what was drawn before is drawn anew
_INDEXES = "select indexname, indexdef from pg_indexes where tablename = 'messages' and indexname <> 'messages_pkey'"

Row = tuple[Any, ...]


@dataclass
class History:
    """Rows by table, in the order of time, each with the columns that are named here."""

    conversations: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    cron_runs: list[Row] = field(default_factory=list)

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "conversations": ("id", "user_id", "cluster_id", "handled_by", "created_at"),
        "messages": ("conversation_id", "sender_type", "body", "created_at"),
        "notifications": ("user_id", "kind", "created_at"),
        "cron_runs": ("job", "status", "error_message", "started_at", "finished_at"),
    }


def pick_people(chance: Random) -> tuple[int, int, int]:
    """Draw who writes, to which cluster, and which counselor of that cluster would take over."""
    cluster = _CLUSTERS[int(chance.random() * len(_CLUSTERS))]
    applicant = _APPLICANTS[int(chance.random() * len(_APPLICANTS))]
    return applicant, cluster, _COUNSELORS[2 * (cluster - 1) + int(chance.random() * 2)]


def body(sender: Sender, chance: Random) -> str:
    """Write a message that nobody can take for a person's words."""
    found = _BODIES[sender]
    return found[int(chance.random() * len(found))]


@dataclass(frozen=True)
class Gap:
    """What is missing: messages and the runs of each job from an instant on, up to the end."""

    begin: datetime
    end: datetime
    next_conversation: int
    jobs: Mapping[str, datetime]  # a run may have been written after the last message, or long before it


def whole(end: datetime) -> Gap:
    """Everything is missing: the gap of a first start."""
    begin = end - SPAN
    return Gap(begin, end, 1, {job.name: begin for job in jobs.JOBS})


def draw(rhythm: Rhythm, gap: Gap) -> History:
    """Draw the rows of a gap. What a conversation would say after its end is left to the time that comes."""
    drawn = History()
    end, number, limit = gap.end, gap.next_conversation, gap.end.timestamp()
    chance = Random(f"{rhythm.seed}:history:{end.timestamp():.0f}")  # noqa: S311  a simulation
    for at, said in rhythm.starts(gap.begin, end):
        user, cluster, counselor = pick_people(chance)
        taken_at = None if said.taken_over_after is None else at + timedelta(seconds=said.taken_over_after)
        taken = taken_at is not None and taken_at < end
        drawn.conversations.append((number, user, cluster, "counselor" if taken else "bot", at))
        drawn.notifications.append((counselor, "assigned", at))
        if taken:
            drawn.notifications.append((counselor, "takeover", taken_at))
        start = at.timestamp()
        for after, sender in said.lines:
            if start + after < limit:
                moment = datetime.fromtimestamp(start + after, UTC)
                drawn.messages.append((number, sender, body(sender, chance), moment))
        number += 1
    # The numbers of messages are given by the table, in the order of time as on a real platform.
    drawn.messages.sort(key=lambda row: row[3])
    drawn.notifications.sort(key=lambda row: row[2])
    for run in sorted(jobs.runs_between(gap.jobs, end, rhythm.seed), key=lambda run: run.started_at):
        status = "failed" if run.error else "success"
        drawn.cron_runs.append((run.job, status, run.error, run.started_at, run.finished_at))
    return drawn


async def find_gap(superuser: asyncpg.Connection, end: datetime) -> Gap:
    """Say what a database that may already know something is missing."""
    everything = whole(end)
    last = await superuser.fetchval("select max(created_at) from messages")
    if last is None:
        return everything
    if await superuser.fetchval("select obj_description('messages'::regclass, 'pg_class')") != _LAW:
        # Half a past of an older law would make the other half look odd.
        await superuser.execute("truncate messages, notifications, conversations, cron_runs")
        return everything
    # Runs that were under way when the demo was stopped: nobody would ever finish them, so they are drawn anew.
    await superuser.execute("delete from cron_runs where finished_at is null")
    rows = await superuser.fetch("select job, max(started_at) as last from cron_runs group by job")
    runs = {row["job"]: row["last"] for row in rows}
    return Gap(
        begin=max(last, everything.begin),
        end=end,
        next_conversation=await superuser.fetchval("select coalesce(max(id), 0) + 1 from conversations"),
        jobs={job: max(begin, runs.get(job, begin)) for job, begin in everything.jobs.items()},
    )


async def write(superuser: asyncpg.Connection, history: History) -> None:
    """Write drawn rows in one transaction, past every trigger: what is long gone must not ring a bell."""
    async with superuser.transaction():
        # Skips the checks of foreign keys as well, which would take as long as all the rest.
        await superuser.execute("set local session_replication_role = replica")
        # Weeks of messages go in faster when their indexes are made afterwards.
        many = len(history.messages) > _MANY
        indexes = await superuser.fetch(_INDEXES) if many else []
        for index in indexes:
            await superuser.execute(f"drop index {index['indexname']}")
        for table, columns in History.COLUMNS.items():
            rows = getattr(history, table)
            await superuser.copy_records_to_table(table, records=rows, columns=columns, timeout=_COPY_TIMEOUT)
        for index in indexes:
            await superuser.execute(index["indexdef"], timeout=_COPY_TIMEOUT)
        await superuser.execute(f"comment on table messages is '{_LAW}'")
        await superuser.execute(
            "select setval(pg_get_serial_sequence('conversations', 'id'), coalesce(max(id), 0) + 1, false)"
            " from conversations"
        )
    # Without statistics the first recounts of a young table are planned badly; VACUUM sets the visibility map too.
    await superuser.execute("vacuum analyze messages, conversations, cron_runs", timeout=_COPY_TIMEOUT)
