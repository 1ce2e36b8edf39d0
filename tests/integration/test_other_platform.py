"""A platform of quite another shape is watched by configuration alone: no line of the daemon knows HUPH's names."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

CLINIC = Path(__file__).parent.parent / "profiles" / "clinic"
HUPH = Path(str(resources.files("monitor.profiles") / "huph"))
COMMON = ("connections", "contention", "storage", "statements", "triggers")
"""Questions about PostgreSQL itself, which are the same on every platform."""
ROLE = "clinic_watch"


@pytest.fixture
async def clinic(postgres):
    """A database of the clinic's own, with a role of its own."""
    name = f"clinic_{uuid4().hex}"
    admin = await asyncpg.connect(postgres.dsn())
    if not await admin.fetchval("select 1 from pg_roles where rolname = $1", ROLE):
        await admin.execute(f"create role {ROLE} login password '{uuid4().hex}'")
    password = uuid4().hex
    await admin.execute(f"alter role {ROLE} password '{password}'")
    await admin.execute(f"create database {name}")
    owner = await asyncpg.connect(postgres.dsn(name))
    await owner.execute((CLINIC / "schema.sql").read_text())
    yield owner, f"postgresql://{ROLE}:{password}@127.0.0.1:{postgres.port}/{name}"
    owner.terminate()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def say(owner, author="patient", count=1):
    statement = "insert into care.chat_line (author, words) select $1, 'words' from generate_series(1, $2)"
    await owner.execute(statement, author, count)


@pytest.fixture
def profile(tmp_path):
    """The clinic's profile in a folder of its own, with the questions that every platform is asked."""
    folder = tmp_path / "clinic"
    shutil.copytree(CLINIC, folder)
    for name in COMMON:
        shutil.copy(HUPH / "queries" / f"{name}.sql", folder / "queries")
    return folder


async def test_a_clinic(clinic, profile, start_daemon):
    """Its checks are well, each of them turns by its own cause, and what it does not have is not in the document."""
    owner, dsn = clinic
    await say(owner)
    daemon = await start_daemon(dsn, config=f'profile = "{profile}"', services="", limits="", flags_path=False)
    follower = await daemon.settled()
    await follower.until(lambda d: d["status"] == "healthy", 10)
    document = follower.document
    assert (document["platform"], document["zone"]) == ("clinic", "Europe/Berlin")
    assert "cron" not in document
    assert "services" not in document
    assert "settings" not in document
    checks = document["checks"]
    assert checks["cluster_coverage"]["headline"] == {"value": 2, "of": 2}
    assert checks["feature_flags"]["detail"]["flags"]["night_mode"]["value"] == "false"
    assert checks["triggers"]["headline"] == {"value": 2, "of": 2}
    assert checks["realtime"]["headline"] == {"value": 1, "of": 1}
    # By event: a duty that changes notifies, and a line that is written too.
    await owner.execute("update care.duty set present = false where ward = 'south'")
    await follower.reason("cluster_coverage", "cluster_coverage.inactive_only", 2.1)
    assert follower.document["checks"]["cluster_coverage"]["params"]["names"] == "Nurse 2"
    await say(owner, count=25)
    await follower.reason("message_throughput", "message_throughput.above", 2.1)
    # By sweep: nobody tells that a switch is gone or a trigger is off.
    await owner.execute("delete from care.switch")
    await follower.reason("feature_flags", "feature_flags.missing", 7)
    await owner.execute("alter table care.chat_line disable trigger tell_chat")
    await follower.reason("triggers", "triggers.disabled", 7)
    await owner.execute("update care.duty set present = true; insert into care.switch values ('night_mode', 'on')")
    await owner.execute("alter table care.chat_line enable trigger tell_chat")
    await follower.reason("cluster_coverage", None, 2.1)
    await follower.reason("feature_flags", None, 7)
    await follower.reason("triggers", None, 7)
