"""Whatever can happen on the HUPH platform, made up: signals for a board that watches all of it."""

from __future__ import annotations

import random
from typing import Any

from monitor.domain.brokering import Broker, Relayed
from monitor.domain.catalogue import Catalogue
from monitor.domain.checks.cluster_coverage import Coverage
from monitor.domain.checks.feature_flags import Flags
from monitor.domain.checks.message_throughput import Rates, Recent, Recount, Replies
from monitor.domain.checks.recent_activity import Activity
from monitor.domain.checks.settings import Entries
from monitor.domain.connection import Answer, Connections, Opening, Pulse, Statements, Storage
from monitor.domain.contention import Contention
from monitor.domain.cron import Jobs
from monitor.domain.listening import Listening
from monitor.domain.probing import Probe, Resolver
from monitor.domain.runs import Runs
from monitor.domain.signal import At, Event, Gap, Sample, Signal, Tick, Trouble
from monitor.domain.vitals import Round, Vitals

CHANNELS = frozenset({"messages", "conversations", "notifications"})
SENDERS = ["user", "bot"]
SERVICES = ["dify", "langfuse", "milvus", "valkey", "huph-api", "admin"]
KEYS = ["system.anthropic_model", "system.anthropic_api_key", "custom.colour"]


def weather(at: At, chance: random.Random) -> Signal:
    """Make up one thing that can happen now."""
    kind = chance.choice([_signal, _database, _messages, _broker, _platform, _cron, _services, _ourselves])
    made = kind(at, chance)
    return made if isinstance(made, Event | Gap | Tick) else Sample(at, made)


def _signal(at: At, chance: random.Random) -> Any:
    return chance.choice(
        [
            Event(
                at, chance.choice(sorted(CHANNELS)), {"table": chance.choice(["conversations", "messages"]), "id": 7}
            ),
            Event(at, "messages", {}, readable=False),
            Gap(at, "reset", 1),
            Gap(at, "closed", 3, "refused"),
            Tick(at),
            Listening(CHANNELS, 3.0),
            Listening(frozenset({"messages"}), 4.0),
            Trouble("triggers", "Catalogue", "permission", {"object": "messages", "right": "SELECT"}),
            Trouble("cron", "Jobs", "schema", {"object": "cron_runs"}),
            Trouble("settings", "Entries", "timeout", {"limit": "lock", "limit_ms": 500, "object": "system_settings"}),
        ]
    )


def _database(_: At, chance: random.Random) -> Any:
    answer = Answer(chance.choice([1.0, 80.0, 900.0]), 0.5, 1e9)
    opening = Opening(chance.choice(["refused", "starting", "too_many", "silent", "reset"]))
    blocked = chance.choice([[], [7]])
    return chance.choice(
        [
            Pulse("t", "u", answer),
            Pulse("t", "u", None, opening),
            Pulse("t", "u", answer, opening, lost=True),
            Connections(
                *(1, 2, 0, chance.choice([3, 95]), 100, 2, "a", 0, 0.5),
                *(chance.choice([None, 0.5]), 9, "18"),
            ),
            Contention(
                *(9, chance.choice([0, 4]), 1),
                *(blocked, blocked, [15.5] * len(blocked), ["messages"] * len(blocked)),
                *(chance.choice([0.0, 0.1, 60.0]), chance.choice([None, "huph-api"]), 4.5, chance.random() < 0.5, None),
            ),
            Storage(512, 0.1),
            Statements(2),
            Catalogue(
                ["trg_messages_notify"],
                ["messages"],
                ["f"],
                [chance.choice("ODR")],
                [chance.choice("ab") * 32],
                [True],
                [chance.random() < 0.5],
                ["row"],
                [False],
            ),
        ]
    )


def _messages(at: At, chance: random.Random) -> Any:
    window = int(at.wall // 300 * 300)
    return chance.choice(
        [
            Recount("1:1:", at.wall, [int(at.wall) - 5], ["user"], [chance.randrange(400)], 400, at.wall),
            Rates(at.wall, at.wall - 9000, [window, window], SENDERS, [4, 3]),
            Recent(at.wall, SENDERS, [4, 0], [9, chance.choice([0, 9])], [at.wall, 0.0], chance.choice([0, 4])),
            Replies(at.wall, *chance.choice([(0, None, None), (4, 2.5, 9.0)])),
            Activity(at.wall, SENDERS, [at.wall - chance.choice([9, 9000]), at.wall], [3, 4], 9, 0),
        ]
    )


def _broker(_: At, chance: random.Random) -> Any:
    target = "127.0.0.1:3001"
    return chance.choice(
        [
            Broker("connected", target, connect_ms=5.0, round_trip_ms=1.0),
            Broker("connected", target, connect_ms=5.0, round_trip_ms=1.0, subscribers=2, listens=True),
            Broker("down", target, error="refused"),
            Broker("refused", target, answer="unauthorized"),
            Relayed("messages", (7,)),
        ]
    )


def _platform(at: At, chance: random.Random) -> Any:
    active = chance.choice([True, False])
    read = Flags(
        *("file", "/opt/huph/.env", "read"),
        values={"RAG_ENABLED": chance.choice(["true", "maybe"]), "MAX_BOT_TURNS": "8"},
        lines={"RAG_ENABLED": 3, "MAX_BOT_TURNS": 4},
        broken=chance.choice([(), (("?", 9),)]),
        changed_at=at.wall - 60,
    )
    changed = [at.wall - 9, 0.0, at.wall]
    return chance.choice(
        [
            Coverage(["Teknik", "Hukum", "Lain"], ["Sari", "Budi", ""], [True, active, False]),
            read,
            Flags("file", "/opt/huph/.env", chance.choice(["absent", "unreadable"])),
            Entries(
                at.wall,
                KEYS,
                [chance.choice(["claude-haiku", "gpt"]), "", "blue"],
                [True, active, True],
                [False, True, False],
                [True, True, False],
                [3, 0, 1],
                changed,
                [chance.choice(["", "Sari"]), "", "token:ci"],
                [chance.choice([True, False]), False, True],
            ),
        ]
    )


def _cron(at: At, chance: random.Random) -> Any:
    started, error = at.wall - chance.choice([10, 5000]), chance.choice(["", "rate limit 429"])
    running = chance.choice([True, False])
    ended, status = (0.0, "running") if running else (started + 2.5, "failed" if error else "success")
    fails = chance.choice([0, 5]) if error else 0
    jobs = Jobs(
        *(at.wall, started, ["follow_up"], [started], [ended], [status], [error]),
        *([bool(error)], [0], [fails], [72], [chance.choice([0, 1])], [chance.choice([0.0, 3.0])]),
    )
    return chance.choice([jobs, Runs(at.wall, ["follow_up"], [started], [ended], [status], [error])])


def _services(at: At, chance: random.Random) -> Any:
    service = chance.choice(SERVICES)
    answered = Probe(
        *(service, "answered", "http://127.0.0.1:5001"),
        latency_ms=chance.choice([4.0, 41.0, 4100.0]),
        started_at=chance.choice([None, at.wall - 99]),
    )
    outcome = chance.choice(["refused", "timeout", "no_such_name", "bad_answer", "unresolved", "exhausted"])
    return chance.choice([answered, Probe(service, outcome, "127.0.0.1:5001", answer="503", host="dify")])


def _ourselves(at: At, chance: random.Random) -> Any:
    refused = chance.choice([{}, {"limit": 2, "slow_reader": 1}])
    return chance.choice(
        [
            Vitals(2.0, 30.0, 0.0, 0.0, 52.0, 3, refused, chance.choice([None, 0.5, 90.0])),
            Vitals(
                chance.choice([2.0, 900.0]),
                2000.0,
                chance.choice([0.0, 9.0]),
                chance.choice([0.0, 3.0]),
                52.0,
                3,
                refused,
            ),
            Round(chance.choice([120.0, 9000.0]), "connections", chance.choice([0, 1])),
            Resolver(chance.choice([True, False]), "10.0.0.2"),
            Tick(at),
        ]
    )
