"""The shape of a platform: jobs, settings, clusters and the rest, each mistake with its key, its value and its mend."""

from __future__ import annotations

import pytest

from monitor.domain.brokering import Relay
from tests.test_config import GOOD, one, profiled, read, refused


@pytest.mark.parametrize(
    ("job", "every_s", "grace_s"),
    [
        ('every = "20m"', 1200, 120),
        ('every = "5m"', 300, 60),
        ('every = "4h"', 14_400, 1440),
        ('every = "2d"', 172_800, 17_280),
        ('every = "90s"', 90, 60),
        ('every = "1h"\ngrace_s = 5', 3600, 5),
        ('schedule = "0 22 * * *"', None, 8640),
        ('schedule = "*/10 * * * *"', None, 60),
        ('schedule = "0 8,20 * * *"', None, 4320),
    ],
)
def test_jobs(tmp_path, job, every_s, grace_s):
    """A job has an interval or a cron expression; its grace is a tenth of its shortest interval, a minute at least."""
    first = read(tmp_path, profiled(tmp_path, 'every = "20m"\n\n', f"{job}\n\n")).profile.jobs[0]
    assert (first.name, first.every_s, first.grace_s, first.enabled) == ("follow_up", every_s, grace_s, True)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("", ("every", "either")),
        ('every = "20m"\nschedule = "0 7 * * *"', ("every", "either")),
        ('every = "20"', ("every is '20'", '"20m"')),
        ('every = "0m"', ("every is '0m'", '"20m"')),
        ('schedule = "at seven"', ("schedule is 'at seven'", "five fields")),
        ('schedule = "61 7 * * *"', ("schedule is '61 7 * * *'", "five fields")),
        ('every = "1h"\ngrace_s = 0', ("grace_s is 0", "from 1")),
        ('every = "1h"\ncolor = 3', ("color", "not known")),
    ],
)
def test_job_refused(tmp_path, job, words):
    """A job without a rhythm, or with one that nobody can read, is refused by name."""
    one(refused(tmp_path, profiled(tmp_path, 'every = "20m"\n\n', f"{job}\n\n")), "jobs.follow_up", *words)


def test_switched_off(tmp_path):
    """A job that is switched off stays in the profile, and says so."""
    toml = profiled(tmp_path, 'every = "20m"\n', 'every = "20m"\nenabled = false\n')
    assert [job.enabled for job in read(tmp_path, toml).profile.jobs] == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('type = "number"', ("type is 'number'", "bool")),
        ('pattern = "("', ("pattern is '('", "regular expression")),
        ('pattern = "a{99999999999}"', ("pattern is", "regular expression")),
        ('type = "choice"', ("choices", "choice")),
        ('choices = ["a"]', ("choices", "choice")),
        ('secret = "yes"', ("secret is 'yes'", "true or false")),
    ],
)
def test_setting_refused(tmp_path, setting, words):
    """A setting that nothing could satisfy is refused by name."""
    toml = profiled(tmp_path, 'pattern = "^claude-"', setting)
    one(refused(tmp_path, toml), "settings.system.anthropic_model", *words)


def test_trigger_hints(tmp_path):
    """A trigger of a shared channel may hint at a check of its own, and at no other thing."""
    hints = {trigger.name: trigger.hints for trigger in read(tmp_path).profile.triggers}
    assert hints["trg_cluster_assignments_notify"] == ("cluster_coverage",)
    assert hints["trg_conversations_notify"] == ()
    toml = profiled(tmp_path, 'hints = ["cluster_coverage"]', 'hints = ["db"]')
    one(refused(tmp_path, toml), "triggers.trg_cluster_assignments_notify.hints is 'db'", "cluster_coverage")


def test_deltas(tmp_path):
    """Our own triggers are used when the configuration or the environment says so, and not by themselves."""
    assert read(tmp_path).deltas is None
    assert read(tmp_path, f"deltas = false\n{GOOD}").deltas is None
    for told in (
        read(tmp_path, f"deltas = true\n{GOOD}"),
        read(tmp_path, GOOD, {"HUPH_MONITOR_DELTAS": "true"}),
    ):
        assert told.deltas is not None
        assert told.deltas == told.profile.deltas
        assert (told.deltas.channel, len(told.deltas.triggers)) == ("huph_monitor_deltas", 4)
    one(refused(tmp_path, f"deltas = 1\n{GOOD}"), "deltas is 1", "true or false")


@pytest.mark.parametrize(
    ("channel", "words"),
    [("messages", ("deltas.channel is 'messages'",)), ("x" * 64, ("deltas.channel", "63")), ("", ("deltas.channel",))],
)
def test_deltas_refused(tmp_path, channel, words):
    """The channel of our own triggers is one of our own."""
    toml = profiled(tmp_path, 'channel = "huph_monitor_deltas"', f'channel = "{channel}"')
    one(refused(tmp_path, toml), *words)


def test_no_triggers_of_our_own(tmp_path):
    """Where the profile names none, they cannot be used."""
    toml = profiled(tmp_path, "[deltas]", "[deltas_of_another]")
    mistakes = refused(tmp_path, f"deltas = true\n{toml}")
    assert [mistake.split(":")[0] for mistake in mistakes] == ["deltas_of_another", "deltas is True"]


def test_trigger_proof(tmp_path):
    """A trigger may name the query of its rows, the key that names one, and the hash of its accepted definition."""
    toml = profiled(tmp_path, 'rows = "notifications"', 'rows = "news"\nhash = "0123456789ab"')
    found = {trigger.name: trigger for trigger in read(tmp_path, toml).profile.triggers}
    news, plain = found["trg_notifications_notify"], found["trg_conversations_notify"]
    assert (news.rows, news.key, news.accepted) == ("news", "id", "0123456789ab")
    assert (plain.rows, plain.key, plain.accepted) == ("", "", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('rows = "../x"', ("rows is '../x'", "rows_NAME.sql")),
        ("", ("key is 'id'", "give rows as well")),
        ('rows = "n"\nhash = "12"', ("hash is '12'", "hex digits")),
        ('rows = "n"\nhash = "0123456789AB"', ("hash is", "hex digits")),
    ],
)
def test_trigger_proof_refused(tmp_path, given, words):
    """What could prove nothing is refused by name."""
    toml = profiled(tmp_path, 'rows = "notifications"', given)
    one(refused(tmp_path, toml), "triggers.trg_notifications_notify", *words)


def test_less_than_everything(tmp_path):
    """A platform without clusters, flags, jobs, services, settings or a broker has none, and that is no mistake."""
    folder = tmp_path / "bare"
    folder.mkdir()
    limits = read(tmp_path).profile.limits
    lines = "\n".join(f"{name} = {value}" for name, value in limits.items())
    (folder / "profile.toml").write_text(f'platform = "bare"\n[limits]\n{lines}\n')
    profile = read(tmp_path, f'profile = "{folder}"\n{GOOD}').profile
    assert (profile.clusters, profile.flags, profile.broker) == (None, None, None)
    assert (profile.jobs, profile.services, profile.settings, profile.triggers) == ((), (), (), ())


# What a configuration lays over its profile.


def test_laid_over(tmp_path):
    """A configuration changes one key of a service, adds a service, and leaves the rest as the profile has it."""
    more = """
    [services.dify]
    url = "http://10.0.0.7:5001/health"
    [services.milvus]
    url = ""
    [services.search]
    kind = "tcp"
    address = "10.0.0.8:9200"
    """
    profile = read(tmp_path, GOOD + more).profile
    services = {service.name: service for service in profile.services}
    assert services["dify"].url == "http://10.0.0.7:5001/health"
    assert services["search"].address == "10.0.0.8:9200"
    assert "milvus" not in services, "without an address it is not watched"
    assert profile.explains["dify"] == ("recent_activity.bot_silent", "cron.failing")


def test_broker(tmp_path):
    """The broker is watched once the configuration says where it is and how we come in."""
    secret = tmp_path / "secret"
    secret.write_text("canary-of-the-broker\n")
    more = f'[broker]\nurl = "http://127.0.0.1:3001"\nsecret_file = "{secret}"\n'
    broker = read(tmp_path, GOOD + more).profile.broker
    assert broker is not None
    assert broker.secret.reveal() == "canary-of-the-broker"
    assert (broker.join_event, broker.join_data, broker.stats_event) == ("join", "inbox", "stats")
    assert broker.relays["messages"] == Relay("message", ("id",))
    assert "canary" not in repr(broker)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[broker]\nurl = "http://127.0.0.1:3001"', ("broker.secret_file", "is missing")),
        ('[broker]\nurl = "ftp://127.0.0.1"\nsecret = "s"', ("broker.url", "http://127.0.0.1:3001")),
        ('[broker]\nurl = "http://u:canary@127.0.0.1"\nsecret = "s"', ("broker.url", "without a user")),
        ('[broker]\nsecret_file = "/nowhere"', ("broker.secret_file is '/nowhere'", "exists")),
        ('[broker.relays.mail]\nevent = "mail"\nkeys = ["id"]', ("broker.relays.mail", "messages")),
        ("[broker.relays.messages]\nkeys = []", ("broker.relays.messages.keys", '["id"]')),
        ('[broker.join]\nroom = "x"', ("broker.join", "event")),
        ("[broker.claims]\nages = [1]", ("broker.claims.ages is [1]", "text, number or boolean")),
        ('[services.dify]\nurl = "127.0.0.1:5001"', ("services.dify.url", "http://")),
        ('[services.dify]\nurl = "http://u:canary@127.0.0.1/"', ("services.dify.url", "without a user")),
        ('[services.dify]\naddress = "127.0.0.1:5001"', ("services.dify.address", "url")),
        ('[services.valkey]\naddress = "localhost:none"', ("services.valkey.address", "127.0.0.1:6379")),
        ('[services.valkey]\nurl = "http://127.0.0.1"', ("services.valkey.url", "address")),
        ('[services.valkey]\naddress = "[1.2:6379"', ("services.valkey.address", "127.0.0.1:6379")),
        ('[services.valkey]\naddress = "x:٦٣٧٩"', ("services.valkey.address", "127.0.0.1:6379")),
        ('[flags]\npath = "/tmp/a\\u0000b"', ("flags.path", "no path has")),
        ("[flags.applied_by]\nx = 1", ("flags.applied_by", "text in quotes")),
        ("[limits.sweep_s]\na = 1", ("limits.sweep_s", "number")),
        ('[services.dify.url]\nu = "x"', ("services.dify.url", "text in quotes")),
        ('[services.x]\nkind = "grpc"', ("services.x.kind is 'grpc'", "valkey")),
        ("[services.dify]\nexpect = [20]", ("services.dify.expect is [20]", "100 to 599")),
        ('[services.dify]\nexpect = "200"', ("services.dify.expect is '200'", "list")),
        ('[services.dify]\nexplains = ["db.refused"]', ("services.dify.explains is 'db.refused'", "cron.failing")),
        ('[services.valkey]\npassword_file = "/nowhere"', ("services.valkey.password_file is '/nowhere'", "exists")),
        ('[services."A b"]\nurl = "http://127.0.0.1"', ("services.A b", "small letters")),
        ('[flags]\nsource = "redis"', ("flags.source is 'redis'", "file")),
        ('[flags]\npath = ""', ("flags.path", "is missing")),
        ('[flags]\nsource = "http"', ("flags.url", "JSON")),
        ('[flags.expected]\nX = "float"', ("flags.expected.X is 'float'", "bool")),
        ('flags = "x"', ("flags", "is no table")),
    ],
)
def test_target_refused(tmp_path, more, words):
    """Each mistake about an address is named with its key, its value where that may be shown, and its mend."""
    said = one(refused(tmp_path, f"{more}\n{GOOD}" if more.startswith("flags") else f"{GOOD}{more}\n"), *words)
    assert "canary" not in said


def test_environment(tmp_path):
    """The broker's secret and the flag file may come from the environment."""
    environment = {
        "HUPH_MONITOR_BROKER_URL": "http://127.0.0.1:3001",
        "HUPH_MONITOR_BROKER_SECRET": "0123",
        "HUPH_MONITOR_FLAGS_PATH": "/srv/huph/.env",
    }
    profile = read(tmp_path, GOOD, environment).profile
    assert profile.broker is not None
    assert profile.broker.secret.reveal() == "0123"
    assert profile.flags is not None
    assert profile.flags.path == "/srv/huph/.env"
