"""The long form: the oracle under broken connections, round after round of faults, and the board under many lives."""

from __future__ import annotations

import asyncio
import os
import random
import signal

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from monitor.sources import payload
from tests.bench.stage import stage
from tests.daemon import Daemon
from tests.domain.test_life import Life
from tests.integration.test_exactness import compare, write_at_random
from tests.integration.test_faults import CHILDREN, well

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1500)]
REPORTS, CUTS, ROUNDS, LIVES = 1500, 60, 25, 3000


async def cut_connections(dsn, chance, stop):
    """End one of the monitor's sessions again and again, as a nervous operator would."""
    connection = await asyncpg.connect(dsn)
    for _ in range(CUTS):
        await asyncio.sleep(chance.uniform(0.2, 3))
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and application_name like 'huph-monitor %' order by random() limit 1"
        )
        if stop.is_set():
            break
    await connection.close()


async def test_the_oracle_agrees_while_connections_are_cut(platform, start_daemon):
    """1,500 of 1,500 reports equal the independent count while the monitor's sessions are ended sixty times."""
    daemon = await start_daemon(platform.monitor_dsn)
    follower = await daemon.settled()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for seed in range(4):
            group.create_task(write_at_random(platform.dsn, random.Random(seed), stop))
        group.create_task(cut_connections(platform.dsn, random.Random(99), stop))
        equal = await compare(platform, daemon, REPORTS)
        stop.set()
    assert equal == REPORTS
    # At rest the subscriber, the document and the database say the same.
    await asyncio.sleep(1)
    now = await platform.connection.fetchval(
        "select count(*) from messages where created_at >= date_trunc('second', now()) - interval '300 s'"
    )
    await follower.until(
        lambda d: (
            abs(d["checks"]["message_throughput"]["detail"]["count_5m"] - now) <= 400 and d["counts"]["fail"] == 0
        ),
        5,
    )
    _, document = await daemon.get("api/v1/health/full")
    assert meaning(document) == meaning(follower.document)


def meaning(document):
    """Give the document without what bookmarks tell: the age of the evidence."""
    checks = {
        name: {key: value for key, value in entry.items() if key != "observed_at"}
        for name, entry in document["checks"].items()
    }
    return {**{key: value for key, value in document.items() if key not in {"as_of", "position"}}, "checks": checks}


async def reach(dsn):
    """Connect to a PostgreSQL that may still be recovering."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncpg.connect(dsn)
            except (asyncpg.CannotConnectNowError, OSError):
                await asyncio.sleep(0.05)


async def test_fault_after_fault(tmp_path):
    """After each of 25 random faults all is well again within seconds, and at the end nothing has piled up."""
    chance = random.Random(7)
    async with stage() as (own, _):
        await own.write()
        daemon = await Daemon.start(tmp_path, own.monitor_dsn)
        follower = await daemon.settled()
        await well(follower, 5)
        slowest = 0.0
        for number in range(ROUNDS):
            fault = chance.choice(["kill", "stop", "freeze", "backend", "listener", "flap"])
            if fault in {"kill", "stop"}:
                own.postgres.kill() if fault == "kill" else own.postgres.stop("fast")
                await follower.reason("db", "db.refused", 2)
                await asyncio.sleep(chance.uniform(0, 6))
                own.postgres.start()
            elif fault == "freeze":
                own.postgres.freeze()
                await follower.until(lambda d: d["checks"]["db"]["verdict"] in {"unknown", "fail"}, 15)
                assert all(follower.document["checks"][name]["verdict"] == "unknown" for name in CHILDREN)
                own.postgres.thaw()
            elif fault == "flap":
                for _ in range(3):
                    own.postgres.kill()
                    await asyncio.sleep(chance.uniform(0.05, 0.5))
                    own.postgres.start()
                    await asyncio.sleep(chance.uniform(0.05, 0.5))
            else:
                wanted = "huph-monitor listen" if fault == "listener" else "%"
                admin = await reach(own.dsn)
                pid = await admin.fetchval(
                    "select pid from pg_stat_activity where application_name like $1"
                    " and backend_type = 'client backend' and pid <> pg_backend_pid() limit 1",
                    wanted,
                )
                admin.terminate()
                os.kill(pid, signal.SIGKILL)
                # A session's process that is killed makes PostgreSQL end all of them and recover.
                await follower.until(lambda d: d["counts"]["unknown"] + d["counts"]["fail"] > 0, 5)
            took = await well(follower, 9)
            slowest = max(slowest, took)
            print(f"round {number + 1}: {fault}, well after {took:.2f} s")
        print(f"slowest return {slowest:.2f} s")
        admin = await reach(own.dsn)
        ours = await admin.fetchval(
            "select count(*) from pg_stat_activity where application_name like 'huph-monitor %'"
        )
        admin.terminate()
        assert ours <= 4
        _, document = await daemon.get("api/v1/health/full")
        assert meaning(document) == meaning(follower.document)
        await daemon.stop()


def test_many_lives_of_the_board():
    """3,000 random lives of a board keep every promise of its state machine."""
    run_state_machine_as_test(Life, settings=settings(max_examples=LIVES, stateful_step_count=60, deadline=None))


@settings(max_examples=20_000, deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))))
def test_no_payload_can_hurt(text):
    """Whatever a role sends on a channel is read as an object, as nothing, or as unreadable; it never raises."""
    assert payload.read(text) is None or isinstance(payload.read(text), dict)
