"""The demo platform's own rows, held in memory, and what the SQL of the HUPH profile says of them at any instant."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random

from monitor.demo import history, jobs
from monitor.demo.rhythm import Rhythm
from monitor.domain.catalogue import Catalogue, Committed
from monitor.domain.checks.cluster_coverage import Coverage
from monitor.domain.checks.message_throughput import History, Rates, Recent, Recount, Replies
from monitor.domain.checks.recent_activity import Activity
from monitor.domain.checks.settings import Entries
from monitor.domain.connection import Connections, Statements, Storage
from monitor.domain.contention import Contention
from monitor.domain.cron import Jobs
from monitor.domain.runs import Runs

SENDERS = ("user", "bot", "counselor")
CLUSTERS = ("Teknik", "Ekonomi dan Bisnis", "Kesehatan", "Hukum", "Seni dan Desain")
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 7 * 86_400
FIVE, TEN, QUARTER = 5 * MINUTE, 10 * MINUTE, 15 * MINUTE
Message = tuple[float, str, int]
Signal = tuple[float, str, dict[str, object]]


def moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def percentile(values: list[float], share: float) -> float:
    """Give what percentile_cont gives: between two values it runs straight."""
    values = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


class Platform:
    """The rows of `past` weeks before `begin` (Unix seconds) and of so many seconds after it."""

    def __init__(self, seed: int, begin: float, live_s: float, *, past: float = 8, floor: bool = True) -> None:
        first, end = moment(begin) - timedelta(weeks=past), moment(begin + live_s) + timedelta(hours=1)
        rhythm = Rhythm(seed, moment(begin).date(), floor=floor)
        drawn = history.draw(rhythm, history.Gap(first, end, 1, {job.name: first for job in jobs.JOBS}))
        self._chance = Random(seed)
        self._first, self._begin = first.timestamp(), begin
        self._at = array("d", (row[3].timestamp() for row in drawn.messages))
        self._who = bytes(SENDERS.index(row[1]) for row in drawn.messages)
        self._where = array("l", (row[0] for row in drawn.messages))
        self._of = {
            who: array("d", (at for at, n in zip(self._at, self._who, strict=True) if n == number))
            for number, who in enumerate(SENDERS)
        }
        counted = sorted(
            Counter((int(at) // FIVE * FIVE, SENDERS[n]) for at, n in zip(self._at, self._who, strict=True)).items()
        )
        self._windows = array("l", (start for (start, _), _ in counted))
        self._window_of = [who for (_, who), _ in counted]
        self._window_count = array("l", (count for _, count in counted))
        self._runs: dict[str, list[tuple[float, float, str]]] = {job.name: [] for job in jobs.JOBS}
        for name, _, error, started, finished in drawn.cron_runs:
            self._runs[name].append((started.timestamp(), finished.timestamp(), error or ""))
        # When a counselor took over stands in no row but that of its notification: drawn once more, it is known.
        since = moment(begin - 2 * HOUR)
        taken = {
            at: at.timestamp() + said.taken_over_after
            for at, said in rhythm.starts(since, end)
            if said.taken_over_after is not None
        }
        self._taken = {row[0]: taken[row[4]] for row in drawn.conversations if row[4] in taken}
        self._notices = [(row[2].timestamp(), number) for number, row in enumerate(drawn.notifications, 1)]
        self._looked = self._noticed = begin
        self.signals = self._signals(drawn, end.timestamp())

    def _signals(self, drawn: history.History, end: float) -> list[Signal]:
        """Give what the triggers say, in the order of time."""
        told: list[tuple[float, int, str, dict[str, object]]] = []
        opened = [("INSERT", row[0], row[4].timestamp()) for row in drawn.conversations]
        taken = [("UPDATE", number, at) for number, at in self._taken.items()]
        for op, number, at in opened + taken:
            told.append((at, 0, "conversations", {"table": "conversations", "op": op, "id": number}))
        for number, row in enumerate(drawn.notifications, 1):
            payload = {"table": "notifications", "op": "INSERT", "id": number, "user_id": row[0]}
            told.append((row[2].timestamp(), 1, "notifications", payload))
        for number in range(bisect_left(self._at, self._begin), len(self._at)):
            payload = {"table": "messages", "op": "INSERT", "id": number + 1}
            payload |= {"conversation_id": self._where[number], "sender_type": SENDERS[self._who[number]]}
            told.append((self._at[number], 2, "messages", payload))
        at = self._begin
        while (at := at + self._chance.uniform(60, 300)) < end:
            _, cluster, counselor = history.pick_people(self._chance)
            payload = {"table": "cluster_assignments", "op": "UPDATE", "cluster_id": cluster, "user_id": counselor}
            told.append((at, 3, "conversations", payload))
        live = sorted((one for one in told if self._begin <= one[0] < end), key=lambda one: one[:2])
        return [(at, channel, payload) for at, _, channel, payload in live]

    def _between(self, since: float, now: float) -> list[Message]:
        places = range(bisect_left(self._at, since), bisect_right(self._at, now))
        return [(self._at[n], SENDERS[self._who[n]], self._where[n]) for n in places]

    def _count(self, who: str, since: float, now: float) -> int:
        return bisect_right(self._of[who], now) - bisect_left(self._of[who], since)

    def _newest(self, who: str, now: float) -> float:
        place = bisect_right(self._of[who], now)
        return self._of[who][place - 1] if place else 0.0

    def _counted(self, since: float, now: float) -> tuple[list[int], list[str], list[int]]:
        counted = sorted(Counter((int(at) // FIVE * FIVE, who) for at, who, _ in self._between(since, now)).items())
        return [at for (at, _), _ in counted], [who for (_, who), _ in counted], [count for _, count in counted]

    # One method per file of SQL, by its name.

    def recount(self, now: float) -> Recount:
        rows = self._between(int(now) - FIVE, now)
        counted = sorted(Counter((int(at), who) for at, who, _ in rows).items())
        return Recount(
            f"{700 + len(rows)}:{700 + len(rows)}:",
            now,
            [second for (second, _), _ in counted],
            [who for (_, who), _ in counted],
            [count for _, count in counted],
            len(rows),
            rows[-1][0] if rows else None,
        )

    def recent(self, now: float) -> Recent:
        who = sorted(SENDERS)
        newest = {one: self._newest(one, now) for one in who}
        answered = max(newest[one] for one in who if one != SENDERS[0])
        asked = self._of[SENDERS[0]]
        unanswered = bisect_right(asked, now) - bisect_right(asked, max(answered, now - HOUR))
        m15 = [self._count(one, now - QUARTER, now) for one in who]
        m60 = [self._count(one, now - HOUR, now) for one in who]
        return Recent(now, who, m15, m60, list(newest.values()), unanswered)

    def rates(self, now: float, since: float) -> Rates:
        return Rates(now, since, *self._counted(since, now))

    def replies(self, now: float) -> Replies:
        talk = sorted(self._between(now - QUARTER, now), key=lambda row: row[2])
        delays = []
        for _, rows in groupby(talk, key=lambda row: row[2]):
            asked: float | None = None
            for at, who, _ in rows:
                if who == "user":
                    asked = at if asked is None else asked
                    continue
                if who == "bot" and asked is not None and at >= now - FIVE:
                    delays.append(at - asked)
                asked = None
        if not delays:
            return Replies(now, 0, None, None)
        return Replies(now, len(delays), percentile(delays, 0.5), percentile(delays, 0.95))

    def history(self, now: float) -> History:
        since = now // 900 * 900 - 8 * WEEK
        first, whole = bisect_left(self._windows, since), int(now) // FIVE * FIVE
        last = bisect_left(self._windows, whole)
        running = self._counted(whole, now)
        return History(
            now,
            since,
            self._windows[first:last].tolist() + running[0],
            self._window_of[first:last] + running[1],
            self._window_count[first:last].tolist() + running[2],
        )

    def activity(self, now: float) -> Activity:
        who = sorted(SENDERS)
        quarter = self._between(now - QUARTER, now)
        asked = sum(one == "user" and now < self._taken.get(number, now + 1) for _, one, number in quarter)
        return Activity(
            now,
            who,
            [self._newest(one, now) for one in who],
            [self._count(one, now - HOUR, now) for one in who],
            asked,
            sum(one == "bot" for _, one, _ in quarter),
        )

    def cron(self, now: float, names: list[str]) -> Jobs:
        told = [self._job(self._runs[name], now) for name in names]
        newest = max(one[0] for one in told)
        return Jobs(now, newest, list(names), *(list(column) for column in zip(*told, strict=True)))

    @staticmethod
    def _job(runs: list[tuple[float, float, str]], now: float) -> tuple[object, ...]:
        seen = runs[: bisect_right(runs, (now, 1e12, ""))]
        kept = [
            (at, end, "running" if end > now else "failed" if error else "success", error)
            for at, end, error in reversed(seen[-100:])
        ]
        day = [one for one in kept if one[0] >= now - DAY]
        over = [one for one in kept if one[2] != "running"]
        failed = next((number for number, one in enumerate(kept) if one[2] == "failed"), None)
        took = [end - at for at, end, status, _ in kept if status == "success"]
        last = kept[0]
        return (
            last[0],
            0.0 if last[2] == "running" else last[1],
            last[2],
            "" if failed is None else kept[failed][3],
            bool(over) and over[0][2] == "failed",
            sum(one[2] == "success" for one in kept[: failed if failed is not None else 100]),
            sum(one[2] == "failed" for one in day),
            len(day),
            sum(one[2] == "running" for one in day) - (last[2] == "running"),
            percentile(took, 0.95) if took else 0.0,
        )

    def runs(self, now: float, names: list[str]) -> Runs:
        rows = [
            (at, name, end, error) for name in names for at, end, error in self._runs[name] if now - DAY <= at <= now
        ]
        rows.sort(key=lambda row: (-row[0], row[1]))
        return Runs(
            now,
            [row[1] for row in rows],
            [row[0] for row in rows],
            [row[2] if row[2] <= now else 0.0 for row in rows],
            ["running" if row[2] > now else "failed" if row[3] else "success" for row in rows],
            [row[3] if row[2] <= now else "" for row in rows],
        )

    def coverage(self) -> Coverage:
        counselors = [f"Counselor {n}" for n in range(1, 11)]
        return Coverage([CLUSTERS[n // 2] for n in range(10)], counselors, [True] * 10)

    def settings(self, now: float) -> Entries:
        keys = ["anthropic_api_key", "anthropic_model", "intent_llm_enabled", "openai_api_key"]
        secret = [True, False, False, True]
        return Entries(
            now,
            [f"system.{key}" for key in keys],
            ["", "claude-haiku-4-5-20251001", "true", ""],
            [True] * 4,
            secret,
            [True] * 4,
            [1] * 4,
            [self._first] * 4,
            [""] * 4,
            [False] * 4,
        )

    def triggers(self) -> Catalogue:
        tables = ["cluster_assignments", "conversations", "messages", "notifications"]
        functions = ["notify_assignment", "notify_conversation", "notify_message", "notify_notification"]
        return Catalogue(
            [f"trg_{table}_notify" for table in tables],
            tables,
            functions,
            ["O"] * 4,
            ["0" * 32] * 4,
            [True] * 4,
            [False] * 4,
            ["row"] * 4,
            [False] * 4,
        )

    def rows_messages(self, now: float) -> Committed:
        since, self._looked = self._looked, now
        places = range(bisect_right(self._at, max(since, now - TEN)), bisect_right(self._at, now))
        return self._committed(now, [(str(place + 1), self._at[place]) for place in reversed(places)])

    def rows_notifications(self, now: float) -> Committed:
        since, self._noticed = self._noticed, now
        told = [(str(number), at) for at, number in self._notices if max(since, now - TEN) < at <= now]
        return self._committed(now, told[::-1])

    @staticmethod
    def _committed(now: float, rows: list[tuple[str, float]]) -> Committed:
        keys = [key for key, _ in rows]
        return Committed(f"at {now}", now, keys, keys, [at for _, at in rows], 0)

    def connections(self, now: float) -> Connections:
        """Three sessions of the monitor, those of the traffic and of the broker; seldom one is seen at work."""
        active = int(self._chance.random() < 0.01)
        commits = 1000 + int(8 * (now - self._begin))
        return Connections(
            active,
            5 - active,
            0,
            5,
            100,
            3,
            "huph-monitor recount",
            0,
            0.0,
            None,
            commits,
            "18.1",
        )

    def contention(self, now: float) -> Contention:
        """Nobody waits, and whoever listens reads."""
        return Contention(0, 0, 0, [], [], [], [], 0.0, None, None, False, None)

    def storage(self, now: float) -> Storage:
        return Storage(40 + int(bisect_right(self._at, now) / 4000), 0.00004)

    def statements(self) -> Statements:
        return Statements(0)
