"""The profile's SQL of clusters, flags and settings, as the monitor's role asks it: right, narrow, blind to secrets."""

from __future__ import annotations

import json
from importlib import resources

import asyncpg
import pytest

from monitor.database import Session, Target
from monitor.demo import schema
from monitor.domain.checks.cluster_coverage import Coverage
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.domain.checks.settings import Entries
from monitor.domain.signal import Trouble
from monitor.refusals import Turned
from monitor.sources.flags import FlagRows, FlagsSource, by_sql
from monitor.sources.queries import Query
from tests.fakes import LoopClock, Recorder

QUERIES = resources.files("monitor.profiles") / "huph" / "queries"
COVERAGE = Query.load(QUERIES, "coverage", Coverage)
SETTINGS = Query.load(QUERIES, "settings", Entries)
FLAGS = Query.load(QUERIES, "flags", FlagRows)
CANARY = "canary-4711-value"
MODEL = "system.anthropic_model"
API_KEY = "system.anthropic_api_key"


@pytest.fixture
async def held(platform):
    """A session of the monitor's role to this test's platform."""
    session = Session(Target.of(platform.monitor_dsn), "test", 5)
    yield session
    session.drop()


async def coverage(held):
    """Who is assigned where, as (cluster, counselor, active)."""
    rows, _ = await held.ask(COVERAGE.sql)
    facts = COVERAGE.read(rows)
    return list(zip(facts.cluster, facts.counselor, facts.active, strict=True))


async def entries(held, expected=(), secrets=()):
    """What settings.sql says of each key."""
    rows, _ = await held.ask(SETTINGS.sql, list(expected), list(secrets))
    facts = SETTINGS.read(rows)
    assert facts.key == sorted(facts.key)
    names = ("value", "configured", "secret", "editable", "version", "changed_at", "changed_by", "audited")
    return {key: {name: getattr(facts, name)[n] for name in names} for n, key in enumerate(facts.key)}


# Clusters


async def test_every_assignment(held):
    """Each assignment of each cluster is told once, in the order of the clusters."""
    found = await coverage(held)
    assert len(found) == 10
    assert found[:3] == [
        ("Teknik", "Counselor 1", True),
        ("Teknik", "Counselor 2", True),
        ("Ekonomi dan Bisnis", "Counselor 3", True),
    ]
    assert list(dict.fromkeys(cluster for cluster, *_ in found)) == [
        "Teknik", "Ekonomi dan Bisnis", "Kesehatan", "Hukum", "Seni dan Desain",
    ]  # fmt: skip


async def test_nobody_and_inactive(platform, held):
    """A cluster without anybody stands once without a name; an account that is not active is told as such."""
    await platform.connection.execute("delete from cluster_assignments where cluster_id = 4")
    await platform.connection.execute("update users set is_active = false where id = 11")
    found = await coverage(held)
    assert [row for row in found if row[0] == "Hukum"] == [("Hukum", "", False)]
    assert [row for row in found if row[0] == "Teknik"] == [
        ("Teknik", "Counselor 1", False),
        ("Teknik", "Counselor 2", True),
    ]


async def test_names(platform, held):
    """Who shares a name within a cluster is told apart by number, and nobody is nameless."""
    await platform.connection.execute("update users set name = 'Siti' where id in (11, 12)")
    await platform.connection.execute("update users set name = ' ', is_active = false where id = 13")
    await platform.connection.execute("update clusters set name = '' where id = 3")
    found = await coverage(held)
    assert found[:4] == [
        ("Teknik", "Siti #11", True),
        ("Teknik", "Siti #12", True),
        ("Ekonomi dan Bisnis", "#13", False),
        ("Ekonomi dan Bisnis", "Counselor 4", True),
    ]
    assert ("#3", "Counselor 5", True) in found


async def test_a_crowd(platform, held):
    """Of a cluster with a crowd a hundred are told, and an active one is always among them."""
    await platform.connection.execute("update users set is_active = false where id between 1001 and 1150")
    await platform.connection.execute(
        "insert into cluster_assignments (cluster_id, user_id) select 1, id from users where id between 1001 and 1150"
    )
    found = [row for row in await coverage(held) if row[0] == "Teknik"]
    assert len(found) == 100
    assert sum(active for *_, active in found) == 2


async def test_no_clusters(platform, held):
    """An empty table is an answer too."""
    await platform.connection.execute("truncate clusters cascade")
    assert await coverage(held) == []


# Rights


DENIED = [
    "select value from system_settings",
    "select key from system_settings",
    "select length(value) from system_settings",
    "select email from users",
    "select * from users",
    "select assigned_at from cluster_assignments",
    "update huph_monitor_settings set key = 'x'",
    "insert into cron_runs (job, status) values ('x', 'running')",
]


async def test_denied(held):
    """What the monitor does not judge it cannot read, and it can write nothing."""
    for statement in DENIED:
        with pytest.raises(Turned) as caught:
            await held.ask(statement)
        # 25006: nothing is written in a session that only reads.
        refused = (caught.value.kind, caught.value.params.get("code"))
        assert refused in {("permission", None), ("error", "25006")}, statement


async def test_runs_are_readable(held):
    """The runs of the cron jobs can be read whole."""
    rows, _ = await held.ask("select * from cron_runs")
    assert rows == []


async def test_no_way_to_a_secret(platform, held):
    """Nothing of a secret leaves the view: no value, no length, no prefix, by no question that the role may ask."""
    await platform.connection.execute("update system_settings set value = $1 where key = $2", CANARY, API_KEY)
    await platform.connection.execute("analyze system_settings")
    rows, _ = await held.ask("select * from huph_monitor_settings where secret")
    assert {row["key"]: (row["value"], row["configured"]) for row in rows} == {
        API_KEY: (None, True),
        "system.openai_api_key": (None, True),
    }
    assert list(rows[0].keys()) == ["key", "value", "secret", "configured", "editable", "version", "updated_at"]
    for clue in ("value like 'canary%'", "length(value) > 0", "value > 'a'", "value is not null"):
        assert (await held.ask(f"select * from huph_monitor_settings where secret and {clue}"))[0] == [], clue
    statistics, _ = await held.ask("select count(*) from pg_stats where tablename = 'system_settings'")
    assert statistics[0]["count"] == 0


async def test_no_peeping(platform):
    """A function of one's own, so cheap that it is asked before all else, sees no secret pass by."""
    await platform.connection.execute("update system_settings set value = $1 where key = $2", CANARY, API_KEY)
    role = await asyncpg.connect(platform.monitor_dsn)
    seen = []
    role.add_log_listener(lambda _, message: seen.append(message.message))
    try:
        await role.execute("set default_transaction_read_only = off")
        await role.execute(
            "create function pg_temp.peek(text) returns bool language plpgsql cost 0.0001 as"
            " $$ begin raise notice 'saw %', $1; return true; end $$"
        )
        await role.fetch("select key from huph_monitor_settings where pg_temp.peek(value)")
    finally:
        role.terminate()
    assert "saw claude-haiku-4-5-20251001" in seen
    assert seen.count("saw <NULL>") == 2
    assert CANARY not in repr(seen)


async def test_a_barrier_and_no_superuser(platform):
    """The view is a barrier, belongs to whom the table belongs, and only the monitor was let in."""
    row = await platform.connection.fetchrow(
        "select reloptions, relowner = (select relowner from pg_class where oid = 'system_settings'::regclass) as same,"
        " relacl::text from pg_class where oid = 'huph_monitor_settings'::regclass"
    )
    assert row["reloptions"] == ["security_barrier=true"]
    assert row["same"]
    assert f"{schema.MONITOR}=r/" in row["relacl"]
    assert row["relacl"].count("=") == 2, "more than its owner and the monitor"


async def test_a_table_of_another_owner(platform, held):
    """Where the platform's own role owns its tables the script works as well, as often as it is run."""
    owner = schema.OWNER
    await platform.connection.execute(f"alter table system_settings owner to {owner}")
    for _ in range(2):
        await schema.grant_monitor(platform.connection)
        assert (await entries(held))[MODEL]["value"] == "claude-haiku-4-5-20251001"
    viewowner = await platform.connection.fetchval(
        "select viewowner from pg_views where viewname = 'huph_monitor_settings'"
    )
    assert viewowner == owner
    # The platform's migration may take the view away, and the script brings it back.
    async with platform.connection.transaction():
        await platform.connection.execute(f"set local role {owner}")
        await platform.connection.execute("drop view huph_monitor_settings")
        await platform.connection.execute("alter table system_settings alter column value type varchar(4000)")
    with pytest.raises(Turned) as caught:
        await entries(held)
    assert (caught.value.kind, caught.value.params) == ("schema", {"object": "huph_monitor_settings"})
    await schema.grant_monitor(platform.connection)


# Settings


async def test_settings(platform, held):
    """Each key tells value or secret, whether it is configured, editable, its version and when it was changed."""
    before = await platform.connection.fetchval("select date_part('epoch', clock_timestamp())")
    await platform.connection.execute(
        "update system_settings set updated_at = now(), version = 7 where key = $1", MODEL
    )
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject, at)"
        " select 'Sari', 'setting.update', key, updated_at from system_settings where key = 'system.openai_api_key'"
    )
    found = await entries(held)
    assert list(found) == [API_KEY, MODEL, "system.intent_llm_enabled", "system.openai_api_key"]
    model = found[MODEL]
    assert model.pop("changed_at") == pytest.approx(before, abs=5)
    assert model == {
        "value": "claude-haiku-4-5-20251001", "configured": True, "secret": False, "editable": True, "version": 7,
        "changed_by": "", "audited": False,
    }  # fmt: skip
    secret = found[API_KEY]
    assert (secret["value"], secret["configured"], secret["secret"]) == ("", True, True)
    other = found["system.openai_api_key"]
    assert (other["changed_by"], other["audited"]) == ("Sari", True)


async def test_not_configured(platform, held):
    """Null and the empty text are not configured, of a secret too."""
    await platform.connection.execute("update system_settings set value = null where key = $1", API_KEY)
    await platform.connection.execute("update system_settings set value = '' where key = $1", MODEL)
    found = await entries(held)
    assert [(found[key]["value"], found[key]["configured"]) for key in (API_KEY, MODEL)] == [("", False), ("", False)]


async def test_a_secret_by_the_profile_alone(platform, held):
    """A value that only the profile holds for a secret does not leave the database either."""
    await platform.connection.execute(
        "update system_settings set value = $1, is_secret = false where key = $2", CANARY, API_KEY
    )
    assert (await entries(held))[API_KEY]["value"] == CANARY
    rows, _ = await held.ask(SETTINGS.sql, [API_KEY], [API_KEY])
    assert CANARY not in repr([list(row.values()) for row in rows])
    found = await entries(held, [API_KEY], [API_KEY])
    assert (found[API_KEY]["value"], found[API_KEY]["configured"]) == ("", True)


async def test_undecided_is_secret(platform, held):
    """Where the platform leaves open whether a value is a secret, it is one."""
    await platform.connection.execute("alter table system_settings alter column is_secret drop not null")
    await platform.connection.execute("update system_settings set is_secret = null, value = $1", CANARY)
    rows, _ = await held.ask("select value, secret from huph_monitor_settings")
    assert {(row["value"], row["secret"]) for row in rows} == {(None, True)}
    found = await entries(held)
    assert {(entry["value"], entry["secret"]) for entry in found.values()} == {("", True)}


async def test_odd_instants(platform, held):
    """An instant that no calendar has does not blind the check; one that is not there is 0."""
    await platform.connection.execute("alter table system_settings alter column updated_at drop not null")
    await platform.connection.execute(
        "update system_settings set updated_at = case key when $1 then 'infinity'::timestamptz"
        " when $2 then '-infinity'::timestamptz end",
        MODEL,
        API_KEY,
    )
    found = await entries(held)
    assert 0 < found[MODEL]["changed_at"] < 253_402_300_799
    assert found[API_KEY]["changed_at"] == found["system.intent_llm_enabled"]["changed_at"] == 0


async def test_many_and_long(platform, held):
    """Of a crowd of settings the expected ones are always told; a long value is cut."""
    await platform.connection.execute(
        "insert into system_settings (key, value) select 'a' || lpad(n::text, 5, '0'), repeat('x', 9000)"
        " from generate_series(1, 3000) n"
    )
    found = await entries(held, [MODEL, "nowhere"])
    assert MODEL in found
    assert len(found) == 202
    assert len(found["a00001"]["value"]) == 2001


async def test_no_settings(platform, held):
    """An empty table is an answer too."""
    await platform.connection.execute("truncate system_settings")
    assert await entries(held) == {}


# Flags as settings


async def told(held, query=FLAGS):
    emitted = Recorder()
    settings = FlagSettings("sql", expected={MODEL: "text", API_KEY: "text", "nowhere": "bool"})
    source = FlagsSource(settings, LoopClock(), emitted, sweep_s=30, ask=by_sql(held, query, settings.expected))
    await source.step()
    (sample,) = emitted.seen
    return sample.facts


async def test_flags(platform, held):
    """Flags that are kept as settings are read by name; a secret is not given away as one."""
    await platform.connection.execute("update system_settings set value = $1 where key = $2", CANARY, API_KEY)
    facts = await told(held)
    assert (facts.source, facts.where, facts.state) == ("sql", "flags.sql", "read")
    assert facts.values == {MODEL: "claude-haiku-4-5-20251001"}


async def test_flags_turned_away(held):
    """A table that the role may not read is named as such."""
    facts = await told(
        held, Query("flags.sql", "select $1::text[] as name, array(select value from system_settings)", FlagRows)
    )
    assert facts == Trouble("feature_flags", "Flags", "permission", {"object": "system_settings", "right": "SELECT"})


async def test_what_it_costs(platform, held):
    """The two questions of each sweep take the database a few milliseconds, however many users there are."""
    await platform.connection.execute("analyze users, clusters, cluster_assignments, system_settings")
    for query, arguments in ((COVERAGE, ()), (SETTINGS, ([MODEL], [API_KEY]))):
        assert min([await spent(platform, query.sql, arguments) for _ in range(5)]) < 5, query.name


async def spent(platform, sql, arguments):
    """Give the ms that the server takes, planning included."""
    role = await asyncpg.connect(platform.monitor_dsn)
    try:
        (row,) = await role.fetch(f"explain (analyze, format json) {sql}", *arguments)
    finally:
        role.terminate()
    (plan,) = json.loads(row[0])
    return plan["Planning Time"] + plan["Execution Time"]
