"""Writers at random: all that platforms do to their messages, and what they should not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import asyncpg

from tests.oracle import Oracle

INSERT = """
insert into messages (conversation_id, sender_type, body, created_at)
select (select min(id) from conversations), $1, 'text', clock_timestamp() - make_interval(secs => $2)
from generate_series(1, $3)
"""
SOME = """(
select id from messages where created_at >= (select now() - make_interval(secs => 300 * random()))
order by created_at limit $1
)"""
UPSERT = """
insert into messages (id, conversation_id, sender_type, body, created_at)
select m.id, (select min(id) from conversations), 'bot', 'text', clock_timestamp() - make_interval(secs => $2)
from (
    (select id from messages where id >= (select (random() * max(id))::int8 from messages) order by id limit $1)
    union select nextval('messages_id_seq')
) m
on conflict (id) do update set created_at = excluded.created_at
"""
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
SENDERS = ["user", "bot", "counselor"]
SKEWS = [0.0, 0.0, 0.0, 3.0, 250.0, 299.0, 299.9, 330.0, -5.0, -20.0]


class Writer:
    """One session of the platform; `copied` is how many rows a COPY brings, and how rare that is follows from it."""

    def __init__(self, dsn: str, oracle: Oracle, seed: int, *, per_s: float, copied: int, late_s: float) -> None:
        self._dsn, self._oracle = dsn, oracle
        self._chance = random.Random(seed)
        self._per_s, self._copied, self._late_s = per_s, copied, late_s
        self.done: Counter[str] = Counter()

    async def run(self, over: asyncio.Event) -> None:
        """Write until it is over; what a fault or a deadlock takes away is lost, as it is for a platform."""
        connection: asyncpg.Connection | None = None
        kinds = [self.rows, self.late, self.savepoint, self.delete, self.update, self.upsert, self.copy, self.truncate]
        weights = [60, 8, 6, 8, 8, 6, 1000 / self._copied, 0.2]
        try:
            while not over.is_set():
                await self._oracle.open.wait()
                kind = self._chance.choices(kinds, weights)[0]
                try:
                    if connection is None or connection.is_closed():
                        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=20)
                    await kind(connection)
                    self.done[kind.__name__] += 1
                except GONE:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(self._chance.expovariate(self._per_s))
        finally:
            if connection is not None:
                connection.terminate()

    def _row(self) -> tuple[str, float]:
        return self._chance.choice(SENDERS), self._chance.choice(SKEWS)

    async def rows(self, connection: asyncpg.Connection) -> None:
        """Insert one row, or several at once."""
        count = 1 if self._chance.random() < 0.7 else self._chance.randint(2, 20)
        await connection.execute(INSERT, *self._row(), count)

    async def late(self, connection: asyncpg.Connection) -> None:
        """Insert, and commit much later, or never."""
        transaction = connection.transaction()
        await transaction.start()
        try:
            for _ in range(self._chance.randint(1, 3)):
                await connection.execute(INSERT, *self._row(), self._chance.randint(1, 5))
            await asyncio.sleep(self._chance.uniform(0, self._late_s))
        finally:
            await (transaction.commit() if self._chance.random() < 0.7 else transaction.rollback())

    async def savepoint(self, connection: asyncpg.Connection) -> None:
        """Insert and delete, and take the second half back."""
        async with connection.transaction():
            await connection.execute(INSERT, *self._row(), 2)
            inner = connection.transaction()
            await inner.start()
            await connection.execute(INSERT, *self._row(), 3)
            await connection.execute(f"delete from messages where id in {SOME}", 2)
            await (inner.rollback() if self._chance.random() < 0.7 else inner.commit())
            await connection.execute(INSERT, *self._row(), 1)

    async def delete(self, connection: asyncpg.Connection) -> None:
        await connection.execute(f"delete from messages where id in {SOME}", self._chance.randint(1, 10))

    async def update(self, connection: asyncpg.Connection) -> None:
        """Move rows to another second."""
        await connection.execute(
            f"update messages set created_at = created_at - make_interval(secs => $2) where id in {SOME}",
            self._chance.randint(1, 10),
            self._chance.uniform(-3, 30),
        )

    async def upsert(self, connection: asyncpg.Connection) -> None:
        """Insert one row and meet others that are there already."""
        await connection.execute(UPSERT, self._chance.randint(0, 5), self._chance.choice(SKEWS))

    async def copy(self, connection: asyncpg.Connection) -> None:
        """Bring many rows at once."""
        conversation = await connection.fetchval("select min(id) from conversations")
        now, spread = datetime.now(UTC), self._chance.choice([1, 60, 600])
        rows = (
            (conversation, "user", "text", now - timedelta(seconds=self._chance.uniform(0, spread)))
            for _ in range(self._copied)
        )
        columns = ["conversation_id", "sender_type", "body", "created_at"]
        await connection.copy_records_to_table("messages", records=rows, columns=columns)

    async def truncate(self, connection: asyncpg.Connection) -> None:
        """Empty the table; a writer that is under way must not make everybody else wait behind us."""
        for _ in range(20):
            try:
                async with connection.transaction():
                    await connection.execute("set local lock_timeout = '50ms'")
                    await connection.execute("truncate messages")
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(0.05)
            else:
                return
