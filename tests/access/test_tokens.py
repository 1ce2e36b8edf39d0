"""The token store: what is kept of a token, who is let in, and what no disk, process or file can make of it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.tokens import DAY_S, StoreError, TokenStore, default_path

NOW = 1_700_000_000.0
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access" / "tokens.db"


@pytest.fixture
def store(path: Path):
    store = TokenStore(path)
    yield store
    store.close()


def refused(store: TokenStore, text: str, now: float = NOW) -> str:
    with pytest.raises(RefusedError) as caught:
        store.find(text, now)
    return caught.value.code


def python(program: str, *words: object, **options: object) -> subprocess.Popen[str]:
    """Start another process that changes the store."""
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def told(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return out.strip()


@pytest.mark.parametrize(("scope", "level"), [("read", Level.READ), ("stream", Level.STREAM), ("admin", Level.EDIT)])
def test_let_in(store, scope, level):
    """A token lets its bearer in under its name, to what its scope includes, until its last day is over."""
    text = store.add("router", scope, 2, NOW)
    caller = store.find(text, NOW + 1)
    assert (caller.kind, caller.name, caller.level, caller.expires_at) == ("token", "router", level, NOW + 2 * DAY_S)
    assert not caller.ambient
    assert store.find(text, NOW + 2 * DAY_S - 0.001).name == "router"
    assert refused(store, text, NOW + 2 * DAY_S) == "expired"


def test_text(store, path):
    """A token is 256 bits behind a known beginning; of its text nothing is kept, only the digest."""
    texts = {store.add(f"t{number}", "read", 1, NOW) for number in range(20)}
    assert len(texts) == 20
    for text in texts:
        assert text.startswith("hm_")
        assert len(text) == 3 + 43
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert not any(text[3:].encode() in kept for text in texts)


@pytest.mark.parametrize(
    "text",
    ["", "hm_", "hm_" + "A" * 43, "Bearer x", "hm_" + "A" * 5000, "hm_" + "ä" * 43, "\ud800", "hm_" + "A" * 43 + "\n"],
)
def test_foreign(store, text):
    """What is no token of ours is turned away without being told why."""
    store.add("router", "read", 1, NOW)
    assert refused(store, text) == "sign_in"


def test_almost(store):
    """A token with one other character is none."""
    text = store.add("router", "read", 1, NOW)
    for place in (3, 20, 45):
        other = "A" if text[place] != "A" else "B"
        assert refused(store, text[:place] + other + text[place + 1 :]) == "sign_in"


@pytest.mark.parametrize("name", ["", "-a", ".a", "A", "a b", "a" * 65, "ä", "a\n", "a;drop table tokens"])
def test_names(store, path, name):
    """A name that could not stand in a log line is refused before anything is made."""
    with pytest.raises(StoreError, match="give 1 to 64 of"):
        store.add(name, "read", 1, NOW)
    assert not path.exists()


@pytest.mark.parametrize(("scope", "days"), [("all", 1), ("EDIT", 1), ("read", 0), ("read", -1), ("read", 3651)])
def test_bounds(store, scope, days):
    """A scope that is none, and days beyond ten years, are refused."""
    with pytest.raises(StoreError, match="give"):
        store.add("router", scope, days, NOW)


def test_one_of_a_name(store):
    """Two tokens of one name do not live at a time; when one is dead its name may be had again."""
    first = store.add("router", "read", 1, NOW)
    with pytest.raises(StoreError, match="lives; revoke it first"):
        store.add("router", "read", 1, NOW + DAY_S - 1)
    second = store.add("router", "read", 1, NOW + DAY_S)
    assert refused(store, first, NOW + DAY_S) == "expired"
    assert store.revoke("router", NOW + DAY_S) is True
    assert store.revoke("router", NOW + DAY_S) is False
    assert refused(store, second, NOW + DAY_S) == "revoked"
    third = store.add("router", "stream", 3650, NOW + DAY_S)
    assert store.find(third, NOW + DAY_S).level is Level.STREAM
    assert [(one.name, one.standing) for one in store.list(NOW + DAY_S)] == [
        ("router", "expired"),
        ("router", "revoked"),
        ("router", "good"),
    ]


def test_successor(store):
    """Who came with a revoked token may not stay because another one has its name now."""
    caller = store.find(store.add("router", "stream", 1, NOW), NOW)
    assert store.standing(caller, NOW) is None
    store.revoke("router", NOW)
    store.add("router", "stream", 1, NOW)
    standing = store.standing(caller, NOW)
    assert standing is not None
    assert (standing.code, standing.close_code) == ("revoked", 4403)


def test_standing(store, path):
    """Who was let in may stay until the token ends, and not when the store is gone."""
    caller = store.find(store.add("router", "stream", 1, NOW), NOW)
    assert store.standing(caller, NOW + DAY_S - 1) is None
    assert store.standing(caller, NOW + DAY_S).code == "expired"
    path.unlink()
    assert store.standing(caller, NOW).code == "sign_in"


def test_unknown(store):
    """What is not there cannot be revoked, whether there is a store or not."""
    with pytest.raises(StoreError, match="No token is named"):
        store.revoke("router", NOW)
    store.add("other", "read", 1, NOW)
    with pytest.raises(StoreError, match="No token is named"):
        store.revoke("router", NOW)


def test_no_store(store, path):
    """Without a store everybody is turned away, nothing is wrong, and nothing is made; one that appears is seen."""
    assert refused(store, "hm_" + "A" * 43) == "sign_in"
    assert (store.trouble, store.list(NOW), path.parent.exists()) == ("", [], False)
    text = TokenStore(path).add("router", "read", 1, NOW)
    assert store.find(text, NOW).name == "router"


# Other processes.

STORE = """
import itertools, pathlib, sys
from monitor.access.tokens import TokenStore
store, name, now = TokenStore(pathlib.Path(sys.argv[1])), sys.argv[2], float(sys.argv[3])
"""
REVOKE = f"{STORE}store.revoke(name, now)"
ADD = f"{STORE}print(store.add(name, 'read', 1, now))"
ADD_FOR_EVER = f"""{STORE}
for number in itertools.count():
    print(store.add(f"{{name}}.{{number}}", "read", 1, now), flush=True)
"""


def test_another_process(store, path):
    """What another process has done is known as soon as it has been done."""
    texts = {name: store.add(name, "stream", 1, NOW) for name in ("one", "two")}
    callers = {name: store.find(text, NOW) for name, text in texts.items()}
    told(python(REVOKE, path, "one", NOW))
    assert store.standing(callers["one"], NOW).code == "revoked"
    assert refused(store, texts["one"]) == "revoked"
    assert store.find(texts["two"], NOW).name == "two"
    added = told(python(ADD, path, "three", NOW))
    assert store.find(added, NOW).name == "three"


def test_replaced(store, path):
    """A store that is put in the place of the old one, as from a copy, is the one that counts."""
    text = store.add("router", "read", 1, NOW)
    store.find(text, NOW)
    copy = path.with_name("copy.db")
    other = TokenStore(copy).add("other", "read", 1, NOW)
    copy.replace(path)
    assert refused(store, text) == "sign_in"
    assert store.find(other, NOW).name == "other"


def test_at_once(path):
    """Of several that ask for the same name at the same time, on a store that is not there yet, one gets it."""
    processes = [python(ADD, path, "router", NOW) for _ in range(4)]
    ends = [(process.communicate(timeout=30), process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, 1, 1, 1]
    assert all("lives; revoke it first" in err for (_, err), code in ends if code)
    assert [one.name for one in TokenStore(path).list(NOW)] == ["router"]


def test_at_once_apart(path):
    """Several that ask for names of their own at the same time all get them."""
    processes = [python(ADD, path, f"t{number}", NOW) for number in range(4)]
    texts = [told(process) for process in processes]
    store = TokenStore(path)
    assert sorted(store.find(text, NOW).name for text in texts) == ["t0", "t1", "t2", "t3"]
    store.close()


def test_writer_that_stands_still(store, path):
    """A writer that stands still amid its work delays nobody; what was known holds for seconds, then nobody gets in."""
    text = store.add("router", "read", 1, NOW)
    store.find(text, NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        began = time.perf_counter()
        assert store.find(text, NOW + 4).name == "router"
        assert refused(store, text, NOW + 6) == "sign_in"
        assert time.perf_counter() - began < 0.5
        assert "held by another process" in store.trouble
        other.execute("rollback")
    assert store.find(text, NOW + 6).name == "router"
    assert store.trouble == ""


def test_killed(store, path):
    """Killed amid its work, at any moment, a command leaves a whole store, with each token that it has shown."""
    chance, texts = random.Random(7), []
    for round_ in range(8):
        process = python(ADD_FOR_EVER, path, f"r{round_}", NOW)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))  # not a wait: the moment of the kill is drawn
        process.send_signal(signal.SIGKILL)
        shown = [first, *process.communicate()[0].splitlines()]
        texts += [text.strip() for text in shown if len(text.strip()) == 46]
        assert store.find(texts[-1], NOW).kind == "token"
    assert len(texts) >= 8
    assert {store.find(text, NOW).level for text in texts} == {Level.READ}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert store.add("after", "read", 1, NOW)


def test_killed_before_the_first(store, path):
    """A file that was made and not yet written is a store without tokens."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    assert refused(store, "hm_" + "A" * 43) == "sign_in"
    assert (store.trouble, store.list(NOW)) == ("", [])
    assert store.find(store.add("router", "read", 1, NOW), NOW).name == "router"


# Files.


def test_modes(store, path):
    """The store is its owner's alone, whatever the umask."""
    before = os.umask(0)
    try:
        store.find(store.add("router", "read", 1, NOW), NOW)
        store.close()
    finally:
        os.umask(before)
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "tokens.db": 0o600,
        "tokens.db.used": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601])
def test_open_file(store, path, mode):
    """A file that others may read or write is refused, at once, with the mend; closed again, it serves."""
    text = store.add("router", "read", 1, NOW)
    store.find(text, NOW)
    path.chmod(mode)
    assert refused(store, text) == "sign_in"
    assert store.trouble == f"{path} is open to others (mode {mode:o}); close it with chmod 600."
    for ask in (store.list, lambda now: store.revoke("router", now), lambda now: store.add("other", "read", 1, now)):
        with pytest.raises(StoreError, match="chmod 600"):
            ask(NOW)
    path.chmod(0o600)
    assert store.find(text, NOW).name == "router"


def test_open_directory(store, path):
    """So is a directory in which others may put another file in its place."""
    text = store.add("router", "read", 1, NOW)
    path.parent.chmod(0o755)
    assert refused(store, text) == "sign_in"
    assert "chmod 700" in store.trouble
    with pytest.raises(StoreError, match="chmod 700"):
        store.add("other", "read", 1, NOW)


@AS_ROOT
def test_owner(store, path):
    """A daemon believes no file of another user; root's commands make and change it for that user."""
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, NOBODY, NOBODY)
    text = store.add("router", "read", 1, NOW)
    assert path.stat().st_uid == NOBODY
    assert len(store.list(NOW)) == 1
    assert refused(store, text) == "sign_in"
    assert "belongs to another user" in store.trouble


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_corrupt(store, path, content):
    """A damaged file lets nobody in, and is told in a sentence; mended, it serves without a restart."""
    text = store.add("router", "read", 1, NOW)
    store.find(text, NOW)
    good = path.read_bytes()
    path.write_bytes(content)
    store.close()
    assert refused(store, text) == "sign_in"
    assert "cannot be used (SQLITE_NOTADB)" in store.trouble
    assert "put a copy back" in store.trouble
    for ask in (store.list, lambda now: store.revoke("router", now), lambda now: store.add("other", "read", 1, now)):
        with pytest.raises(StoreError, match="SQLITE_NOTADB"):
            ask(NOW)
    path.write_bytes(good)
    assert store.find(text, NOW).name == "router"


def test_torn(store, path):
    """A file of which the end was lost gives nothing but refusals, sentences and what is true."""
    for number in range(60):
        text = store.add(f"t{number}", "read", 1, NOW)
    whole = path.read_bytes()
    for size in range(0, len(whole), 1500):
        path.write_bytes(whole[:size])
        other = TokenStore(path)
        with suppress(RefusedError):
            assert other.find(text, NOW).name == "t59"
        with suppress(StoreError):
            assert all(one.scope == "read" for one in other.list(NOW))
        other.close()


def test_something_else(store, path):
    """Another program's database is not written to."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table bookmarks (address text)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not of tokens"):
        store.add("router", "read", 1, NOW)
    assert path.read_bytes() == before
    assert refused(store, "hm_" + "A" * 43) == "sign_in"


def test_no_place(tmp_path):
    """A place that cannot be had is told with the mend."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--store"):
        TokenStore(tmp_path / "file" / "access" / "tokens.db").add("router", "read", 1, NOW)


def test_default_place(monkeypatch):
    """Where no place is named it lies below the state home, in a directory of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert default_path() == Path("/srv/state/huph-monitor/access/tokens.db")


# The last use.


def used(path: Path, now: float) -> float | None:
    return TokenStore(path).list(now)[0].used_at


def test_last_use(store, path):
    """The last use is noted, once a minute, for the list of another process; a clock set back does not end that."""
    text = store.add("router", "read", 1, NOW)
    assert used(path, NOW) is None
    for now, noted in [(NOW, NOW), (NOW + 59, NOW), (NOW + 60, NOW + 60), (NOW - 3600, NOW - 3600)]:
        store.find(text, now)
        store._uses.wait(5)
        assert used(path, now) == noted


def test_last_use_of_others(path):
    """What an earlier run has noted of other tokens stays."""
    first = TokenStore(path)
    texts = [first.add(name, "read", 1, NOW) for name in ("one", "two")]
    for text in texts:
        store = TokenStore(path)
        store.find(text, NOW)
        store.close()
    assert [one.used_at for one in first.list(NOW)] == [NOW, NOW]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"1": "x"}', b'{"1": null}', b"\xff\xfe"])
def test_broken_notes(store, path, content):
    """A broken note of the last use hurts nobody, and is written anew."""
    text = store.add("router", "read", 1, NOW)
    path.with_name("tokens.db.used").write_bytes(content)
    assert used(path, NOW) is None
    store.find(text, NOW)
    store.close()
    assert used(path, NOW) == NOW


def test_hanging_disk(store, path):
    """A disk that hangs while the last use is written delays nobody; nor does it gather threads."""
    texts = [store.add(name, "read", 1, NOW) for name in ("one", "two", "three")]
    os.mkfifo(path.with_name(f"tokens.db.used.{os.getpid()}"))  # who opens it to write waits for a reader, for ever
    began = time.perf_counter()
    for minute in range(3):
        for text in texts:
            store.find(text, NOW + 60 * minute)
    assert time.perf_counter() - began < 1
    hanging = [one for one in threading.enumerate() if one.name == "last use of tokens"]
    assert len(hanging) == 1
    with path.with_name(f"tokens.db.used.{os.getpid()}").open("rb") as reader:
        hanging[0].join(5)
        assert b'"1"' in reader.read()


READ_ONLY = """
import sys, pathlib
from monitor.access.tokens import TokenStore
store = TokenStore(pathlib.Path(sys.argv[1]))
caller = store.find(sys.argv[2], float(sys.argv[3]))
assert store.standing(caller, float(sys.argv[3])) is None
store.close()
print(caller.name, store.list(float(sys.argv[3]))[0].used_at)
"""


@pytest.fixture
def passable():
    """A directory that another user may pass through; those of pytest are closed."""
    with tempfile.TemporaryDirectory(prefix="huph-monitor-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_read_only(passable):
    """From a disk that lets nothing be written tokens are read as ever; only their last use is not known."""
    path = passable / "access" / "tokens.db"
    text = TokenStore(path).add("router", "read", 1, NOW)
    someone = {}
    if os.geteuid() == 0:  # for root nothing is read-only
        os.chown(path, NOBODY, NOBODY)
        os.chown(path.parent, NOBODY, NOBODY)
        someone = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert told(python(READ_ONLY, path, text, NOW, **someone)) == "router None"
    finally:
        path.parent.chmod(0o700)


def test_caller_is_ours(store):
    """A caller of another kind, or made by hand, does not stand."""
    store.add("router", "read", 1, NOW)
    assert store.standing(Caller("token", "router", Level.EDIT), NOW).code == "revoked"
