"""The configuration: every mistake at once, who wins, and no secret in any word of it."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from monitor import config, plan, profile
from monitor.domain.checks.message_throughput import Recount
from monitor.errors import ConfigError
from monitor.sources.queries import Query

DSN = "postgresql://huph_monitor@127.0.0.1:5432/huph"
CANARY = 'p@ss/w"ord\\é'
OPEN = "[access]\nopen = true\n"
GOOD = f'{OPEN}[database]\ndsn = "{DSN}"\n'
PROFILE = Path(str(resources.files("monitor.profiles") / "huph"))


def read(
    tmp_path: Path, toml: str = GOOD, environment: dict[str, str] | None = None, **overrides: dict[str, Any]
) -> config.Config:
    file = tmp_path / "monitor.toml"
    file.write_text(toml, encoding="utf-8")
    return config.load(file, environment or {}, overrides)


def refused(tmp_path: Path, toml: str = GOOD, environment: dict[str, str] | None = None, **overrides: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, toml, environment, **overrides)
    return caught.value.mistakes


def one(mistakes: list[str], *words: str) -> str:
    """Give the only mistake, which must contain these words."""
    assert len(mistakes) == 1, mistakes
    for word in words:
        assert word in mistakes[0]
    return mistakes[0]


def profiled(tmp_path: Path, old: str, new: str) -> str:
    """Write a profile of its own, changed in one place; give the configuration that names it."""
    folder = tmp_path / "mine"
    shutil.copytree(PROFILE, folder, dirs_exist_ok=True)
    file = folder / "profile.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return f'profile = "{folder}"\n{GOOD}'


# Every mistake at once.


def test_all(tmp_path):
    """Mistakes in several sections come in one error, each with its key, its value and its mend."""
    mistakes = refused(
        tmp_path,
        """
        quiet_hours = "late"
        color = 3
        [database]
        dsn = "mysql://127.0.0.1/huph"
        [http]
        host = "0.0.0.0 "
        port = 70000
        base_path = "hm"
        [limits]
        sweep_s = 1
        max_5m = 2.5
        slow_mss = 5
        [log]
        format = "xml"
        level = 3
        """,
        {"HUPH_MONITOR_COLOUR": "red"},
    )
    said = "\n".join(mistakes)
    for key, value, mend in (
        ("quiet_hours", "'late'", "22:00-06:00"),
        ("database.dsn", "no PostgreSQL address", "postgresql://"),
        ("http.host", "'0.0.0.0 '", "127.0.0.1"),
        ("access.open", "nobody could be let in", "nextauth_secret_file"),
        ("http.port", "70000", "from 0 to 65535"),
        ("http.base_path", "'hm'", "/hm/"),
        ("limits.sweep_s", "1", "from 5 to 3600"),
        ("limits.max_5m", "2.5", "a whole number"),
        ("limits.slow_mss", "", "known: sample_s"),
        ("color", "", "known: profile"),
        ("log.format", "'xml'", "auto, json, text"),
        ("log.level", "3", "text in quotes"),
        ("HUPH_MONITOR_COLOUR", "", "HUPH_MONITOR_HTTP_PORT"),
    ):
        [mistake] = [one for one in mistakes if one.startswith((f"{key}:", f"{key} "))]
        assert value in mistake, said
        assert mend in mistake, said
    assert len(mistakes) == 13, said
    assert str(ConfigError(mistakes)) == said


@pytest.mark.parametrize(
    ("http", "access", "wrong"),
    [
        ("", "", False),
        ("hosts = ['admin.example']", "", True),
        ("", "trusted_proxies = ['127.0.0.1']", True),
        ("host = '0.0.0.0'", "", True),
        ("hosts = ['admin.example']", "origins = ['https://admin.example']", False),
    ],
)
def test_origins_are_needed(tmp_path, http, access, wrong):
    """Where people visit by another name than our own, the pages that may act in their name are named."""
    secret = "nextauth_secret = 'a secret of the platform that is long enough'"
    toml = GOOD.replace(OPEN, "") + f"[http]\n{http}\n[access]\n{secret}\n{access}\n"
    if wrong:
        one(refused(tmp_path, toml), "access.origins", "https://admin.example")
    else:
        read(tmp_path, toml)


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("extra = 1\n" + GOOD, "extra"),
        (GOOD + "user = 'x'\n", "database.user"),
        (GOOD + "[http]\ntls = true\n", "http.tls"),
        (GOOD + "[limits]\nmany = 1\n", "limits.many"),
        (GOOD + "[log]\nfile = 'x'\n", "log.file"),
        (GOOD + "[web]\nport = 1\n", "web"),
    ],
)
def test_unknown_key(tmp_path, toml, key):
    """A key that nobody knows is refused, in every section, and the known ones are named."""
    one(refused(tmp_path, toml), f"{key}: is not known here; known: ")


@pytest.mark.parametrize("name", ["HUPH_MONITOR_PORT", "HUPH_MONITOR_", "HUPH_MONITOR_HTTPPORT", "HUPH_MONITOR_WEB_X"])
def test_unknown_variable(tmp_path, name):
    """A variable with our prefix that names no section is refused."""
    one(refused(tmp_path, environment={name: "1"}), f"{name}: is not known")


def test_unknown_variable_key(tmp_path):
    """A variable that names a section but no key of it is refused."""
    one(refused(tmp_path, environment={"HUPH_MONITOR_HTTP_PROT": "1"}), "http.prot", "known: host, port, base_path")


def test_foreign_variables(tmp_path):
    """Variables of others, and the one that names the file, are no concern of ours."""
    assert read(tmp_path, environment={"PATH": "/bin", "HUPH": "1", "HUPH_MONITOR_CONFIG": "elsewhere"})


@pytest.mark.parametrize(
    "toml",
    [
        "http = 1\n" + GOOD,
        "limits = 'x'\n" + GOOD,
        "log = []\n" + GOOD,
        "database = 7\n",
        "profile = 5\n" + GOOD,
        "quiet_hours = 22\n" + GOOD,
    ],
)
def test_wrong_shape(tmp_path, toml):
    """A value where a table belongs is a mistake like another, whoever else names the section."""
    key = toml.split(" ")[0]
    environment = {"HUPH_MONITOR_HTTP_PORT": "1", "HUPH_MONITOR_LOG_LEVEL": "info", "HUPH_MONITOR_LIMITS_MAX_5M": "9"}
    for variables, overrides in (({}, {}), (environment, {}), ({}, {"http": {"port": 1}})):
        mistakes = refused(tmp_path, toml, variables, **overrides)
        assert any(mistake.startswith(key) for mistake in mistakes), mistakes


def test_no_file(tmp_path):
    """A file that is not there is named, with the mend."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file or directory\); name a file"):
        config.load(tmp_path / "none.toml", {}, {})


# Who wins.


def test_order(tmp_path):
    """The environment wins over the file, the command line over the environment."""
    toml = GOOD + "[http]\nhost = '127.0.0.1'\nport = 1\nbase_path = '/a/'\n"
    environment = {"HUPH_MONITOR_HTTP_PORT": "2", "HUPH_MONITOR_HTTP_BASE_PATH": "/b/"}
    assert read(tmp_path, toml).http == config.Http("127.0.0.1", 1, "/a/")
    assert read(tmp_path, toml, environment).http == config.Http("127.0.0.1", 2, "/b/")
    assert read(tmp_path, toml, environment, http={"port": 3}).http == config.Http("127.0.0.1", 3, "/b/")


def test_environment_alone():
    """A daemon can be told all it needs by its environment."""
    told = config.load(
        None,
        {
            "HUPH_MONITOR_DATABASE_DSN": DSN,
            "HUPH_MONITOR_LIMITS_SWEEP_S": "7.5",
            "HUPH_MONITOR_LOG_FORMAT": "text",
            "HUPH_MONITOR_QUIET_HOURS": "",
            "HUPH_MONITOR_PROFILE": "huph",
            "HUPH_MONITOR_ACCESS_OPEN": "true",
        },
        {},
    )
    assert told.profile.limits["sweep_s"] == 7.5
    assert told.profile.quiet_hours is None
    assert told.log_json is False
    assert told.database.label == "127.0.0.1:5432/huph"
    assert told.listen.label == told.database.label


def test_digits_as_password():
    """A password of digits in the environment stays the text that it is."""
    told = config.load(
        None,
        {
            "HUPH_MONITOR_DATABASE_DSN": DSN,
            "HUPH_MONITOR_DATABASE_PASSWORD": "4711",
            "HUPH_MONITOR_ACCESS_OPEN": "true",
        },
        {},
    )
    assert told.database.password is not None
    assert told.database.password.reveal() == "4711"


def test_listen_dsn(tmp_path):
    """The listening connection may go another way than the questions, with the same password."""
    told = read(tmp_path, GOOD + "listen_dsn = 'postgres://l@[::1]:6000/huph'\npassword = 'x'\n")
    assert (told.database.label, told.listen.label) == ("127.0.0.1:5432/huph", "::1:6000/huph")
    assert told.listen.password is not None
    assert told.listen.password.reveal() == "x"
    assert one(refused(tmp_path, GOOD + "listen_dsn = 'x'\n"), "database.listen_dsn: ")


def test_configured(tmp_path):
    """Only a file or a database in the environment makes the daemon watch something other than the demo."""
    assert config.configured(tmp_path / "x", {})
    assert config.configured(None, {"HUPH_MONITOR_DATABASE_DSN": DSN})
    assert not config.configured(None, {"HUPH_MONITOR_HTTP_PORT": "1"})


# No secret in any word.


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SECRETIVE = [
    f"[database]\ndsn = {quoted(f'postgresql://u:{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'mysql://u:{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u:[{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u:[{CANARY}]@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u:x℀{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u:12?{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u:12#{CANARY}@127.0.0.1/huph')}\n",
    f"[database]\ndsn = {quoted(f'postgresql://u@127.0.0.1:{CANARY}/huph')}\n",
    f"[database]\ndsn = {quoted(CANARY)}\n",
    f"{GOOD}listen_dsn = {quoted(CANARY)}\n",
    f"database = {quoted(f'postgresql://u:{CANARY}@127.0.0.1/huph')}\n",
    f"dsn = {quoted(f'postgresql://u:{CANARY}@127.0.0.1/huph')}\n",
    f"{GOOD}password = [{quoted(CANARY)}]\n",
    f"{GOOD}pass = {quoted(CANARY)}\n",
    f"{GOOD}password = {quoted(CANARY)}\nlog = {quoted(CANARY)}\n",
    f'{GOOD}password = "{CANARY}"\n',
    f"{GOOD}password = {CANARY}\n",
    f"{GOOD}{CANARY}\n",
]


@pytest.mark.parametrize("toml", SECRETIVE)
def test_error_hides(tmp_path, toml):
    """No error says a password, however the file is broken around it."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, toml)
    error: BaseException | None = caught.value
    while error is not None:
        said = f"{error!r} {error} {error.args}"
        for part in (CANARY, repr(CANARY), "p@ss", "ss/w", 'w"ord', "w%22ord", "12?", "u:12"):
            assert part not in said
        error = None if error.__suppress_context__ else error.__context__ or error.__cause__


@pytest.mark.parametrize("text", ["passw0rd = 424242", "pin = 424242", "secret = true"])
def test_unknown_hides(tmp_path, text):
    """The value of a key that nobody knows is not said: it may be a password under a wrong name."""
    assert "4242" not in one(refused(tmp_path, f"{GOOD}{text}\n"), "is not known here")


def test_config_hides(tmp_path):
    """No form of a good configuration shows a password or an address with one."""
    (tmp_path / "word").write_text(f"{CANARY}file\n", encoding="utf-8")
    address = "postgresql://u:p%40ss%2Fw@127.0.0.1/huph?application_name=p%40ss"
    for toml, word in (
        (f"{OPEN}[database]\ndsn = '{address}'\n", None),
        (f"{GOOD}password = {quoted(CANARY)}\n", CANARY),
        (f"{GOOD}password_file = '{tmp_path / 'word'}'\n", f"{CANARY}file"),
        (f"{GOOD}password_file = '{tmp_path / 'word'}'\npassword = 'other'\n", f"{CANARY}file"),
    ):
        told = read(tmp_path, toml)
        for form in (repr(told), str(told), f"{told}", repr(told.database), told.database.label, told.database.role):
            for part in (CANARY, "p@ss", "p%40ss", "ss/w", "ss%2Fw", 'w"ord', "other"):
                assert part not in form
        assert (told.database.password.reveal() if told.database.password else None) == word


def test_label(tmp_path):
    """What is shown of an address is its host, its port and its database."""
    label = read(
        tmp_path, f"{OPEN}[database]\ndsn = 'postgresql://u:p%40ss@db.example:6432/huph?sslmode=require'\n"
    ).database
    assert (label.label, label.role) == ("db.example:6432/huph", "u")


def test_password_file(tmp_path):
    """A password file that cannot be read as text is a mistake, not a crash."""
    one(refused(tmp_path, f"{GOOD}password_file = '{tmp_path}/none'\n"), "database.password_file", "name a file")
    (tmp_path / "bytes").write_bytes(b"\xff\xfesecret")
    said = one(refused(tmp_path, f"{GOOD}password_file = '{tmp_path}/bytes'\n"), "database.password_file", "UTF-8")
    assert "secret" not in said


# Where it serves.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "fe80::1"])
def test_open_refused(tmp_path, host):
    """Nothing but loopback is served while everybody who reaches the port may see."""
    one(refused(tmp_path, http={"host": host}), "access.open", repr(host), "loopback")


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "", "127.0.0.1 "])
def test_host_refused(tmp_path, host):
    """Where to listen is an address, not a name that may lead anywhere."""
    mistakes = refused(tmp_path, http={"host": host})
    one([mistake for mistake in mistakes if mistake.startswith("http")], "http.host", repr(host), "127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_host(tmp_path, host):
    """Every loopback address is served."""
    assert read(tmp_path, http={"host": host}).http.host == host


@pytest.mark.parametrize(
    ("given", "base"), [("/", "/"), ("/hm", "/hm/"), ("/hm/", "/hm/"), ("/a/b-c/", "/a/b-c/"), ("/a.b_~/", "/a.b_~/")]
)
def test_base_path(tmp_path, given, base):
    """A base path is a path; it ends with a slash even where the file forgot it."""
    assert read(tmp_path, http={"base_path": given}).http.base_path == base


@pytest.mark.parametrize(
    "given", ["", "hm", "hm/", "//", "/a//b/", "/a b/", "/{x}/", "/é/", "/a?b", "/../", "/a/./b", "/a\n"]
)
def test_base_path_refused(tmp_path, given):
    """What is no plain path is refused as base path."""
    one(refused(tmp_path, http={"base_path": given}), "http.base_path", repr(given))


# Thresholds.


@pytest.mark.parametrize("name", profile.LIMITS)
def test_limit(tmp_path, name):
    """Every threshold has a least and a most, and must be a number."""
    least, most = profile.LIMITS[name]
    for value in ("'x'", "true", f"{least - 1}", f"{most + 1}", "nan", "[]"):
        said = refused(tmp_path, f"{GOOD}[limits]\n{name} = {value}\n")
        assert any(f"limits.{name} is " in mistake for mistake in said), (value, said)


@pytest.mark.parametrize("name", sorted(profile.COUNTS))
def test_whole(tmp_path, name):
    """What is counted is a whole number."""
    assert "a whole number" in one(refused(tmp_path, f"{GOOD}[limits]\n{name} = 2.5\n"), name)


def test_note_before_warning(tmp_path):
    """The limit of a note must lie below the limit of its warning."""
    one(refused(tmp_path, GOOD + "[limits]\nquiet_h = 6\n"), "limits.quiet_h is 6", "less than silent_h")
    one(refused(tmp_path, GOOD + "[limits]\nelevated_ms = 600\n"), "limits.elevated_ms is 600", "less than slow_ms")


# Profiles.


def test_huph(tmp_path):
    """The built-in profile is whole, and each of its queries is there for its facts."""
    huph = read(tmp_path).profile
    assert huph.platform == "huph"
    assert huph.zone.key == "Asia/Jakarta"
    assert set(huph.limits) == set(profile.LIMITS)
    assert str(huph.quiet_hours) == "22:00-06:00"
    assert [trigger.name for trigger in huph.triggers] == [
        "trg_messages_notify",
        "trg_conversations_notify",
        "trg_cluster_assignments_notify",
        "trg_notifications_notify",
    ]
    named = {query.name for query in plan.queries(huph)}
    others = {"flags.sql", "users.sql", "edit_setting.sql", "setting_history.sql"}
    assert named == {file.name for file in huph.queries.iterdir()} - others
    assert [job.name for job in huph.jobs] == [
        "follow_up", "retention_sweep", "nightly_sync", "embedding_refresh", "daily_report",
    ]  # fmt: skip
    assert [service.name for service in huph.services] == [
        "dify", "langfuse", "milvus", "valkey", "huph-api", "admin",
    ]  # fmt: skip
    assert huph.clusters is not None
    assert len(huph.clusters) == 5
    assert huph.flags is not None
    assert len(huph.flags.expected) == 8
    assert {setting.key for setting in huph.settings if setting.secret} == {
        "system.anthropic_api_key", "system.openai_api_key",
    }  # fmt: skip
    assert huph.broker is None, "its address and secret are each platform's own"


def test_every_limit_has_a_value(tmp_path):
    """The built-in profile gives every threshold a value of its own; none is left at its least by accident."""
    for name in profile.LIMITS:
        assert name in (PROFILE / "profile.toml").read_text(encoding="utf-8")
    assert read(tmp_path).profile.limits["silent_h"] == 6


def test_path_profile(tmp_path):
    """A profile may be a folder of one's own, and the configuration's limits win over it."""
    toml = profiled(tmp_path, 'platform = "huph"', 'platform = "mine"') + "[limits]\nmax_5m = 7\n"
    profile = read(tmp_path, toml).profile
    assert (profile.platform, profile.limits["max_5m"], profile.limits["sweep_s"]) == ("mine", 7, 30)
    assert Query.load(profile.queries, "recount", Recount).sql


def test_no_profile(tmp_path):
    """A profile that is not there is a mistake with its name."""
    for name in ("hup", "./none", "../huph", "x\u0000"):
        text = name.replace("\u0000", "\\u0000")
        one(refused(tmp_path, f'profile = "{text}"\n{GOOD}'), "profile is", "give the name of a profile")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[channels.messages]", f"[channels.{'x' * 64}]", (f"channels.{'x' * 64}", "1 to 63 bytes")),
        ("[channels.messages]", f'[channels."{"é" * 32}"]', ("1 to 63 bytes",)),
        ("[channels.messages]", '[channels.""]', ("channels.:", "1 to 63 bytes")),
        (
            'channel = "messages"',
            'channel = "message"',
            (".channel is 'message'", "messages, conversations"),
        ),
        ('table = "messages"', 'table = "mess\'ages"', ("triggers.trg_messages_notify.table",)),
        ('table = "messages"\n', "", ("triggers.trg_messages_notify.table: is missing",)),
        ("hints = []", 'hints = ["db"]', ("channels.conversations.hints is 'db'", "message_throughput")),
        ("realtime = true", "realtime = 1", ("channels.messages.realtime is 1", "true or false")),
        ('zone = "Asia/Jakarta"', 'zone = "Asia/Jakarte"', ("zone is 'Asia/Jakarte'", "IANA")),
        ('"22:00-06:00"', '"22-6"', ("quiet_hours is '22-6'", "22:00-06:00")),
        ('platform = "huph"', "", ("platform: is missing",)),
        ('platform = "huph"', 'platform = "huph"\nshape = 1', ("shape: is not known",)),
        ('senders = ["user", "bot", "counselor"]', "senders = 3", ("senders is 3", "a list")),
        ("max_5m = 300", "", ("limits.max_5m: is missing",)),
        ("max_5m = 300", "max_5m = 0", ("limits.max_5m is 0", "from 1 to")),
        ('match = { table = "conversations" }', "match = 3", ("triggers.trg_conversations_notify.match", "table")),
        ('match = { table = "conversations" }', "match = { at = 1979-05-27 }", (".match", "text, number or boolean")),
    ],
)
def test_bad_profile(tmp_path, old, new, words):
    """A mistake in a profile is one line with key, value and mend."""
    mistakes = refused(tmp_path, profiled(tmp_path, old, new))
    assert any(all(word in mistake for word in words) for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("channels", "channels = 3"),
        ("channels.a", "[channels]\na = 3"),
        ("triggers.t", "[triggers]\nt = 3"),
        ("limits", "limits = 3"),
    ],
)
def test_misshapen_profile(tmp_path, section, text):
    """A value where a profile's table belongs is a mistake, not a crash."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "profile.toml").write_text(f'platform = "x"\n{text}\n', encoding="utf-8")
    mistakes = refused(tmp_path, f'profile = "{folder}"\n{GOOD}')
    assert any(mistake.startswith(section) and "table" in mistake for mistake in mistakes), mistakes


@pytest.mark.parametrize("content", [b"platform = ", b"\xff\xfe"])
def test_broken_profile(tmp_path, content):
    """A profile that is no TOML is a mistake with its name."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "profile.toml").write_bytes(content)
    one(refused(tmp_path, f'profile = "{folder}"\n{GOOD}'), "profile is", "is not TOML")
