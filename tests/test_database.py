"""Sessions: how one is opened, asked and ended, and a name for every way in which that can fail."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from monitor.database import SETTINGS, Session, Target, open_session
from monitor.domain.connection import Opening
from monitor.refusals import Turned, Unavailable, outcome_of, turned

WORD = "s3cr3t"


@asynccontextmanager
async def peer(answer):
    """Give the address of a server that does so with whoever connects."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield address(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def address(port, host="127.0.0.1"):
    return f"postgresql://u:{WORD}@{host}:{port}/d"


@pytest.fixture
def vacant():
    """Give a port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@pytest.fixture
async def held(platform):
    """Give a session of the monitor's role to this test's platform."""
    session = Session(Target.of(platform.monitor_dsn), "test", 5)
    yield session
    session.drop()


async def opening(dsn, within=2.0):
    with pytest.raises(Unavailable) as caught:
        await open_session(Target.of(dsn), "test", within)
    return caught.value.opening


async def turned_away(session, sql, *arguments, within=5):
    with pytest.raises(Turned) as caught:
        await session.ask(sql, *arguments, timeout=within)
    assert session.alive
    return caught.value


async def value(session, sql, *arguments, within=5):
    rows, _ = await session.ask(sql, *arguments, timeout=within)
    return rows[0][0]


async def until(truth, within=5):
    """Wait until it is true."""
    async with asyncio.timeout(within):
        while not await truth():
            await asyncio.sleep(0.005)


async def backends(platform, purpose="test"):
    return await platform.connection.fetch(
        "select * from pg_stat_activity where datname = current_database() and application_name = $1",
        f"huph-monitor {purpose}",
    )


async def asleep(platform, purpose="test"):
    """Wait until the session's question has begun."""

    async def begun():
        return any(row["wait_event"] == "PgSleep" for row in await backends(platform, purpose))

    await until(begun)


async def end(platform, purpose="test"):
    """End the sessions of that purpose, as an administrator does."""
    await platform.connection.fetch(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and application_name = $1",
        f"huph-monitor {purpose}",
    )


# Target


@pytest.mark.parametrize(
    ("dsn", "label", "role"),
    [
        (f"postgresql://huph_monitor:{WORD}@db.example:6432/huph", "db.example:6432/huph", "huph_monitor"),
        (f"postgres://m:{WORD}@10.0.0.1/huph", "10.0.0.1:5432/huph", "m"),
        ("postgresql://db.example", "db.example:5432", ""),
        ("postgresql:///huph", "localhost:5432/huph", ""),
        (f"postgresql://m%40home:{WORD}@db/huph", "db:5432/huph", "m@home"),
        (f"postgresql://m:p%2F%3F%23%40{WORD}@db/huph", "db:5432/huph", "m"),
        (f"postgresql://m@db/huph?password={WORD}&sslmode=require", "db:5432/huph", "m"),
    ],
)
def test_target(dsn, label, role):
    """What may be shown of an address is where it is and who asks; the rest stays a secret."""
    target = Target.of(dsn)
    assert (target.label, target.role, target.password) == (label, role, None)
    assert target.dsn.reveal() == dsn
    assert WORD not in repr(target) + target.label + target.role


def test_password_apart():
    """A password of its own is kept beside the address, as a secret too."""
    target = Target.of("postgresql://m@db/huph", WORD)
    assert target.password is not None
    assert target.password.reveal() == WORD
    assert WORD not in repr(target)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("", "no PostgreSQL address"),
        (f"host=db password={WORD}", "no PostgreSQL address"),
        (f"mysql://m:{WORD}@db/huph", "no PostgreSQL address"),
        (f"postgresql://m:{WORD}[@db/huph", "no PostgreSQL address"),
        (f"postgresql://m:a/{WORD}@db/huph", "not escaped"),
        (f"postgresql://m:a?{WORD}@db/huph", "not escaped"),
        (f"postgresql://m:a#{WORD}@db/huph", "not escaped"),
        (f"postgresql://m:{WORD}@db/huph/more", "not escaped"),
        (f"postgresql://m:{WORD}@db:port/huph", "no port number"),
        (f"postgresql://m:{WORD}@db:65536/huph", "no port number"),
        (f"postgresql://m:{WORD}@db/huph?sslmode=on", "its sslmode is none of disable, .*, verify-full"),
        (f"postgresql://m:{WORD}@db/huph?sslmode=verify-full&sslrootcert=/nowhere", "its sslrootcert is no file"),
    ],
)
def test_no_target(dsn, said):
    """What is no address is refused in words that do not quote it."""
    with pytest.raises(ValueError, match=said) as caught:
        Target.of(dsn)
    assert WORD not in f"{caught.value!r} {caught.value.__cause__!r}"


# How opening fails


@pytest.mark.parametrize(
    ("error", "outcome", "sqlstate"),
    [
        (asyncpg.CannotConnectNowError("the database system is starting up"), "starting", "57P03"),
        (asyncpg.CannotConnectNowError("the database system is in recovery mode"), "starting", "57P03"),
        (asyncpg.CannotConnectNowError("the database system is shutting down"), "shutting_down", "57P03"),
        (asyncpg.AdminShutdownError("terminating connection"), "shutting_down", "57P01"),
        (asyncpg.CrashShutdownError("terminating connection"), "starting", "57P02"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "too_many", "53300"),
        (asyncpg.InvalidPasswordError("password authentication failed"), "login_refused", "28P01"),
        (asyncpg.InvalidAuthorizationSpecificationError("not permitted to log in"), "login_refused", "28000"),
        (asyncpg.InvalidCatalogNameError("does not exist"), "login_refused", "3D000"),
        (asyncpg.InsufficientPrivilegeError("permission denied for database"), "login_refused", "42501"),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), "reset", ""),
        (asyncpg.InterfaceError("unexpected"), "reset", ""),
        (asyncpg.InternalClientError("unexpected"), "reset", ""),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused", ""),
        (FileNotFoundError(errno.ENOENT, "no socket"), "refused", ""),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "reset", ""),
        (ConnectionError("unexpected connection_lost() call"), "reset", ""),
        (ssl.SSLError(1, "wrong version number"), "reset", ""),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "unresolved", ""),
        (socket.gaierror(socket.EAI_AGAIN, "no name server"), "unresolved", ""),
        (UnicodeError("label empty or too long"), "unresolved", ""),
        (TimeoutError(), "silent", ""),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), "silent", ""),
        (OSError(errno.EMFILE, "too many open files"), "exhausted", ""),
        (OSError(errno.ENFILE, "too many open files"), "exhausted", ""),
        (OSError(errno.ENOBUFS, "no buffer"), "exhausted", ""),
        (OSError(errno.EHOSTUNREACH, "no route"), "no_tcp", ""),
        (OSError(errno.ENETUNREACH, "no network"), "no_tcp", ""),
        (OSError(errno.EADDRNOTAVAIL, "no address"), "reset", ""),
        (OSError("Multiple exceptions: [Errno 99] of ::1, [Errno 111] of 127.0.0.1"), "refused", ""),
        (OSError("Multiple exceptions: [Errno 101] of ::2, [Errno 113] of 192.0.2.1"), "no_tcp", ""),
        (OSError("something else"), "reset", ""),
    ],
    ids=lambda one: f"{type(one).__name__}: {one}" if isinstance(one, Exception) else None,
)
def test_outcome(error, outcome, sqlstate):
    """Every way in which opening fails has its name, and keeps nothing of the error but the SQLSTATE."""
    assert outcome_of(error) == Opening(outcome, sqlstate=sqlstate)


async def test_refused(vacant):
    """A port at which nobody listens is a refusal."""
    assert await opening(address(vacant)) == Opening("refused")


async def test_unresolved():
    """A name that cannot be one is as good as one that is not known."""
    assert await opening(address(5432, "db..example")) == Opening("unresolved")
    assert await opening(address(5432, 64 * "a")) == Opening("unresolved")


def test_two_addresses(vacant):
    """A name with two addresses, both of which refuse, is a refusal, as "localhost" is on most machines."""

    class Double(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host, port, **_):
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")
            ]

    loop = Double()
    try:
        assert loop.run_until_complete(opening(address(vacant, "both.example"))) == Opening("refused")
    finally:
        loop.close()


async def slam(_, writer):
    writer.close()


async def cut(reader, writer):
    """Refuse TLS, hear the greeting out, and hang up without a word."""
    await reader.readexactly(8)
    writer.write(b"N")
    await reader.read(1)
    writer.close()


async def babble(reader, writer):
    """Be something else than PostgreSQL."""
    await reader.readexactly(8)
    writer.write(b"N")
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def mute(reader, writer):
    """Take everything and say nothing."""
    with suppress(ConnectionError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize("answer", [slam, cut, babble])
async def test_reset(answer):
    """A greeting that is cut off, at whatever point, is no refusal to log in."""
    async with peer(answer) as dsn:
        assert await opening(dsn) == Opening("reset")


async def test_silent():
    """A server that takes the connection and does not answer is silent, at the deadline and not later."""
    async with peer(mute) as dsn:
        began = time.monotonic()
        assert await opening(dsn, 0.2) == Opening("silent")
        assert 0.2 <= time.monotonic() - began < 0.7


async def test_no_tcp():
    """Where not even a connection comes about, it is said so."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        assert await opening(address(full.getsockname()[1]), 0.2) == Opening("no_tcp")
        for one in waiting:
            one.close()


async def test_login(platform):
    """A login that PostgreSQL refuses keeps the SQLSTATE, which says what to mend."""
    assert await opening(platform.postgres.dsn("nowhere", "huph_monitor")) == Opening("login_refused", sqlstate="3D000")
    assert await opening(platform.postgres.dsn(platform.database, "nobody")) == Opening(
        "login_refused", sqlstate="28000"
    )


async def test_too_many(platform):
    """A role that has no connection left is told from one that may not log in."""
    role = f"full_{platform.database}"
    await platform.connection.execute(f"create role {role} login connection limit 0")
    try:
        assert await opening(platform.postgres.dsn(platform.database, role)) == Opening("too_many", sqlstate="53300")
    finally:
        await platform.connection.execute(f"drop role {role}")


# How a session is


async def test_opened(platform):
    """Opening gives a session under our name, and the milliseconds that it took."""
    connection, ms = await open_session(Target.of(platform.monitor_dsn), "probe", 5)
    try:
        assert 0 < ms < 5000
        assert len(await backends(platform, "probe")) == 1
    finally:
        connection.terminate()


async def test_settings(platform):
    """Whatever role asks, its session is bounded and read-only, and the server lets go of it soon when it is gone."""
    session = Session(Target.of(platform.dsn), "test", 5)
    try:
        found = {name: await value(session, "select current_setting($1)", name) for name in SETTINGS}
    finally:
        session.drop()
    assert found == SETTINGS


async def test_keepalive(held):
    """Our own end notices too when the other vanished without a word."""
    await held.ask("select 1", timeout=5)
    sock = held._connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    assert [sock.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [5, 2, 3, 10_000]


async def test_read_only(platform, held):
    """Nothing can be written through a session, even where the role might; that it was tried is an answer."""
    away = await turned_away(held, "insert into messages default values")
    assert (away.kind, away.params) == ("error", {"where": "?", "code": "25006"})
    superuser = Session(Target.of(platform.dsn), "test", 5)
    try:
        assert (await turned_away(superuser, "delete from messages")).params["code"] == "25006"
        assert (await turned_away(superuser, "create table more ()")).params["code"] == "25006"
    finally:
        superuser.drop()


async def test_idle(platform, held):
    """Between two questions a session holds no transaction, no snapshot and no lock."""
    await held.ask("select count(*) from messages where id = $1", 1, timeout=5)
    with suppress(Turned):
        await held.ask("select body from messages", timeout=5)

    async def idle():
        (row,) = await backends(platform)
        return row["state"] == "idle"

    await until(idle)
    (row,) = await backends(platform)
    assert (row["xact_start"], row["backend_xmin"], row["backend_xid"]) == (None, None, None)
    assert await platform.connection.fetchval("select count(*) from pg_locks where pid = $1", row["pid"]) == 0


# Asking


async def test_ask(platform, held):
    """A session opens itself for its first question, and stays open for the next."""
    assert (held.alive, held.busy, held.opened) == (False, False, 0)
    rows, ms = await held.ask("select $1::int8 + 1 as more", 41, timeout=5)
    assert [row["more"] for row in rows] == [42]
    assert 0 < ms < 5000
    pid = await value(held, "select pg_backend_pid()")
    assert await value(held, "select pg_backend_pid()") == pid
    assert (held.alive, held.busy, held.opened) == (True, False, 1)
    assert len(await backends(platform)) == 1


async def test_one_at_a_time(platform, held):
    """Questions wait for their turn; the wait is not counted as the answer's time."""
    loop = asyncio.get_running_loop()
    slow = loop.create_task(held.ask("select pg_backend_pid() from pg_sleep(0.4)", timeout=5))
    await asleep(platform)
    assert held.busy
    others = [loop.create_task(held.ask("select pg_backend_pid()", timeout=5)) for _ in range(5)]
    (first, slow_ms), *rest = [await task for task in (slow, *others)]
    assert {rows[0][0] for rows, _ in rest} == {first[0][0]}
    assert slow_ms >= 400
    assert max(ms for _, ms in rest) < 200
    assert held.opened == 1


async def test_deadline(held):
    """A question that is not answered in time costs the session, at once, and says so; the next one opens another."""
    pid = await value(held, "select pg_backend_pid()")
    began = time.monotonic()
    with pytest.raises(Turned) as caught:
        await held.ask("select pg_sleep(1.5)", timeout=0.1)
    assert 0.1 <= time.monotonic() - began < 0.8
    assert caught.value.params == {"limit": "client", "limit_ms": 100, "object": "?"}
    assert not held.alive
    assert await value(held, "select pg_backend_pid()") != pid
    assert held.ended_by == set()


async def test_cannot_open(vacant):
    """Without a session the question's error says how opening one ended."""
    session = Session(Target.of(address(vacant)), "test", 1)
    with pytest.raises(Unavailable) as caught:
        await session.ask("select 1", timeout=1)
    assert caught.value.opening == Opening("refused")
    assert (session.alive, session.busy, session.opened) == (False, False, 0)


async def test_ended_in_a_question(platform, held):
    """When an administrator ends a session amid its question, his SQLSTATE is kept until somebody takes it."""
    asking = asyncio.get_running_loop().create_task(held.ask("select pg_sleep(1.5)", timeout=5))
    await asleep(platform)
    await end(platform)
    with pytest.raises(Unavailable) as caught:
        await asking
    assert caught.value.opening is None
    assert held.ended_by == {"57P01"}
    assert not held.alive
    assert await value(held, "select 1") == 1
    assert held.ended_by == {"57P01"}


async def test_ended_between_questions(platform, held):
    """A session that was ended while idle is known to be gone, and the next question opens another."""
    await held.ask("select 1", timeout=5)
    await end(platform)

    async def gone():
        return not held.alive

    await until(gone)
    assert await value(held, "select 1") == 1
    assert held.opened == 2


async def test_drop(platform, held):
    """Dropping ends the session at once, with whatever was under way, and that is nobody's SQLSTATE."""
    asking = asyncio.get_running_loop().create_task(held.ask("select pg_sleep(0.5)", timeout=5))
    await asleep(platform)
    held.drop()
    with pytest.raises(Unavailable):
        await asking
    assert (held.alive, held.busy, held.ended_by) == (False, False, set())
    held.drop()

    async def none():
        return not await backends(platform)

    await until(none)


async def test_cancelled(platform, held):
    """Whoever gives up waiting leaves the session fit for the next question."""
    asking = asyncio.get_running_loop().create_task(held.ask("select pg_sleep(1.5)", timeout=5))
    await asleep(platform)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await value(held, "select 1", within=1) == 1


# How a question is turned away


TURNED = [
    ("select body from messages", "permission", {"object": "messages", "right": "SELECT"}),
    ("select * from audit_log", "permission", {"object": "audit_log", "right": "SELECT"}),
    ("select * from public.nope", "schema", {"object": "public.nope"}),
    ("select * from nope", "schema", {"object": "nope"}),
    ("select nope from messages", "schema", {"object": "nope"}),
    ("select m.nope from messages m", "schema", {"object": "m.nope"}),
    ("select m.sender from messages m", "schema", {"object": "m.sender"}),
    ("select nope(1, now())", "schema", {"object": "nope(integer, timestamp with time zone)"}),
    ("select 1 / 0", "error", {"where": "?", "code": "22012"}),
    ("selec", "error", {"where": "?", "code": "42601"}),
]


async def test_turned(held):
    """Why a question is turned away is named with the object that it is about; the session lives on."""
    for sql, kind, params in TURNED:
        away = await turned_away(held, sql)
        assert (away.kind, away.params) == (kind, params), sql
    assert (held.opened, held.ended_by) == (1, set())


async def test_statement_timeout(held):
    """A question that the database gives up is a timeout of the statement."""
    assert await value(held, "select set_config('statement_timeout', '50ms', false)") == "50ms"
    away = await turned_away(held, "select pg_sleep(1.5)")
    assert (away.kind, away.params) == ("timeout", {"limit": "statement", "limit_ms": 2000, "object": "?"})


async def test_lock_timeout(platform, held):
    """Behind a migration a question gives up within a fifth of a second, and does not queue the platform behind it."""
    await held.ask("select 1", timeout=5)
    async with platform.connection.transaction():
        await platform.connection.execute("lock table messages in access exclusive mode")
        began = time.monotonic()
        away = await turned_away(held, "select count(id) from messages")
        assert 0.19 <= time.monotonic() - began < 1
    assert (away.kind, away.params["limit"], away.params["limit_ms"]) == ("timeout", "lock", 200)
    assert await value(held, "select count(id) from messages") == 0


def test_no_text():
    """No text of an error is kept where it names no object."""
    error = asyncpg.DivisionByZeroError(f"division by zero near {WORD}")
    assert WORD not in str(turned(error).params)


async def test_refused_again_and_again():
    """Whoever asks all the time of a server that lets nobody in knocks at its door but a few times a second."""
    knocks = 0

    async def slam(_, writer):
        nonlocal knocks
        knocks += 1
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    session = Session(Target.of(address(server.sockets[0].getsockname()[1])), "test", 1)
    until = asyncio.get_running_loop().time() + 1
    asked = 0
    while asyncio.get_running_loop().time() < until:
        with pytest.raises(Unavailable):
            await session.ask("select 1")
        asked += 1
        await asyncio.sleep(0.005)
    server.close()
    await server.wait_closed()
    assert asked > 50
    assert 2 <= knocks <= 12
