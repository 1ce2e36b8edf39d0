"""The questions about messages, as the monitor's role asks them: equal to plain counts, answered by an index."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from importlib import resources

import pytest

from monitor.database import Session, Target
from monitor.domain.checks.message_throughput import History, Rates, Recent, Replies
from monitor.sources.queries import Query

QUERIES = resources.files("monitor.profiles") / "huph" / "queries"
HISTORY = Query.load(QUERIES, "history", History)
RATES = Query.load(QUERIES, "rates", Rates)
RECENT = Query.load(QUERIES, "recent", Recent)
REPLIES = Query.load(QUERIES, "replies", Replies)
SENDERS = ["user", "bot", "counselor"]
PAST = """
insert into messages (conversation_id, sender_type, body, created_at)
select 1 + n % 2, (array['user', 'bot', 'user', 'bot', 'user', 'bot', 'counselor'])[1 + n % 7], 'text',
       now() - interval '9 weeks' * power((n * 7919 % 100003) / 100003.0, 2)
from generate_series(1, 60000) n
"""


@pytest.fixture
async def held(platform):
    """A session of the monitor's role to this test's platform."""
    session = Session(Target.of(platform.monitor_dsn), "test", 5)
    yield session
    session.drop()


@pytest.fixture
async def past(platform):
    """Nine weeks of messages, the more the nearer to now."""
    async with platform.connection.transaction():
        await platform.connection.execute("set local session_replication_role = replica")
        await platform.connection.execute(PAST)
    await platform.connection.execute("vacuum analyze messages")


async def ask(held, query, *arguments):
    rows, _ = await held.ask(query.sql, *arguments)
    return query.read(rows)


async def everything(platform):
    """Give who spoke when, of all messages."""
    rows = await platform.connection.fetch(
        "select sender_type, conversation_id, date_part('epoch', created_at)::float8 as at from messages order by 3, id"
    )
    return [(row["sender_type"], row["conversation_id"], row["at"]) for row in rows]


async def say(platform, *lines):
    """Write messages: the conversation, the sender, how many seconds ago (or an instant in PostgreSQL's words)."""
    for conversation, sender, ago_s in lines:
        when = f"'{ago_s}'" if isinstance(ago_s, str) else f"(now() - make_interval(secs => {ago_s}))"
        await platform.connection.execute(
            "insert into messages (conversation_id, sender_type, body, created_at)"
            f" values ($1, $2, 'text', {when}::timestamptz)",
            conversation,
            sender,
        )


@pytest.mark.parametrize(("query", "span_s"), [(HISTORY, 56 * 86_400), (RATES, 7300)], ids=["history", "rates"])
async def test_windows(held, platform, past, query, span_s):
    """Each 5-minute window of the span and each sender are counted as a count of all rows counts them."""
    now = await platform.connection.fetchval("select date_part('epoch', now())")
    facts = await ask(held, query, *([now - span_s] if query is RATES else []))
    assert facts.since == pytest.approx(now - span_s, abs=901 if query is HISTORY else 0.001)
    plain = Counter(
        (int(at // 300) * 300, sender) for sender, _, at in await everything(platform) if facts.since <= at <= facts.now
    )
    start = facts.start if query is HISTORY else facts.window
    assert list(zip(start, facts.sender, facts.count, strict=True)) == [(*key, n) for key, n in sorted(plain.items())]
    assert len(plain) > 20


async def test_whole_slots(held):
    """The history begins at the edge of a quarter of an hour, so that no slot is counted in part."""
    facts = await ask(held, HISTORY)
    assert (facts.since % 900, facts.start, facts.sender, facts.count) == (0, [], [], [])


async def test_recent(held, platform, past):
    """Per sender the last 15 and 60 minutes and the last message are those that a count of all rows finds."""
    facts = await ask(held, RECENT, SENDERS)
    rows = await everything(platform)
    for number, sender in enumerate(facts.sender):
        of_one = [at for who, _, at in rows if who == sender]
        assert facts.m15[number] == sum(at >= facts.now - 900 for at in of_one)
        assert facts.m60[number] == sum(at >= facts.now - 3600 for at in of_one)
        assert facts.newest[number] == pytest.approx(max(of_one), abs=1e-5)
    assert facts.sender == sorted(SENDERS)
    assert min(facts.m15) > 5
    answered = max(at for who, _, at in rows if who != "user")
    assert facts.unanswered == sum(who == "user" and at > answered for who, _, at in rows)


async def test_unanswered(held, platform):
    """What the first sender said since anybody else did is counted, as far as an hour back."""
    await say(platform, (1, "user", 4000), (1, "user", 500), (1, "user", 400))
    assert (await ask(held, RECENT, SENDERS)).unanswered == 2
    await say(platform, (2, "counselor", 450))
    assert (await ask(held, RECENT, SENDERS)).unanswered == 1
    await say(platform, (1, "bot", 10))
    facts = await ask(held, RECENT, SENDERS)
    assert (facts.unanswered, facts.m60) == (0, [1, 1, 2])


async def test_nobody_yet(held):
    """Who never spoke has no count, and 0 for his last message."""
    facts = await ask(held, RECENT, SENDERS)
    assert (facts.sender, facts.m15, facts.m60, facts.newest) == (sorted(SENDERS), [0] * 3, [0] * 3, [0.0] * 3)
    assert facts.unanswered == 0


async def test_others_are_counted(held, platform):
    """A sender that the profile does not name is told as well; absurd instants hide nobody's last message."""
    await say(platform, (1, "bot", 5), (1, "user", 20), (1, "bot", "infinity"), (1, "counselor", "-infinity"))
    facts = await ask(held, RECENT, ["user", "counselor"])
    assert (facts.sender, facts.m60) == (["bot", "counselor", "user"], [2, 0, 1])
    ages = [facts.now - newest for newest in facts.newest]
    assert ages == [pytest.approx(5, abs=2), facts.now, pytest.approx(20, abs=2)]


async def test_replies(held, platform):
    """An answer of the bot is timed from the first message of the user that nobody had answered."""
    await say(
        platform,
        (1, "user", 280), (1, "user", 277), (1, "bot", 272),      # 8 s, from the first of both
        (1, "user", 200), (1, "counselor", 150), (1, "bot", 140),  # a counselor answered
        (1, "user", 100), (1, "bot", 97),                          # 3 s
        (1, "bot", 90),                                            # nobody asked
        (2, "user", 99), (2, "bot", 60),                           # 39 s, in another conversation at the same time
        (2, "user", 30),                                           # waits
        (1, "user", 1000), (2, "user", 400), (2, "bot", 390),      # too long ago
    )  # fmt: skip
    facts = await ask(held, REPLIES)
    assert (facts.count, facts.p50_s, facts.p95_s) == (3, pytest.approx(8, abs=0.1), pytest.approx(35.9, abs=0.1))


async def test_replies_of_a_crowd(held, platform, past):
    """Of hundreds of answers the count and both percentiles are those that a plain reckoning finds."""
    facts = await ask(held, REPLIES)
    asked, delays = {}, []
    for sender, conversation, at in await everything(platform):
        if not facts.now - 900 <= at <= facts.now:
            continue
        if sender == "user":
            asked.setdefault(conversation, at)
            continue
        began = asked.pop(conversation, None)
        if sender == "bot" and began is not None and at >= facts.now - 300:
            delays.append(at - began)
    assert facts.count == len(delays) > 30
    assert facts.p50_s == pytest.approx(statistics.median(delays), abs=0.001)
    assert facts.p95_s == pytest.approx(statistics.quantiles(delays, n=20, method="inclusive")[18], abs=0.001)


async def test_no_reply(held, platform):
    """Where the bot did not answer there is no delay."""
    await say(platform, (1, "user", 20), (1, "bot", 700))
    facts = await ask(held, REPLIES)
    assert (facts.count, facts.p50_s, facts.p95_s) == (0, None, None)


@pytest.mark.parametrize(
    ("query", "blocks"),
    [(RECENT, 60), (REPLIES, 800), (HISTORY, 1200), (RATES, 60)],
    ids=["recent", "replies", "history", "rates"],
)
async def test_by_an_index(held, platform, past, query, blocks):
    """No plan reads the whole table; of 60,000 messages only those of the span are looked at."""
    now = await platform.connection.fetchval("select date_part('epoch', now())")
    arguments = {"recent.sql": [SENDERS], "rates.sql": [now - 3600]}.get(query.name, [])
    rows, _ = await held.ask(f"explain (analyze, buffers, format json) {query.sql}", *arguments)
    text = rows[0][0]
    assert not re.search(r'"Node Type": "(Seq|Parallel Seq)', text)
    plan = json.loads(text)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < blocks
    if query is HISTORY:
        assert '"Node Type": "Index Only Scan"' in text
