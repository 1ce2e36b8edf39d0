"""Nobody can send the monitor where no service lives: to a cloud's credentials, a whole network, or this very host."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import config
from monitor.addresses import closed, literal
from monitor.clock import SystemClock
from monitor.demo.broker import DemoBroker
from monitor.domain.brokering import Broker, BrokerSettings
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.domain.probing import Probe, ServiceTarget
from monitor.errors import ConfigError
from monitor.secret import Secret
from monitor.sources.broker import BrokerClient
from monitor.sources.flags import FlagsSource
from monitor.sources.probes import http, tcp, valkey
from monitor.sources.probes.names import Names
from monitor.sources.services import Services
from tests.fakes import Recorder
from tests.sources.probes.servers import answer, says, serving

ASKS = {"http": http.ask, "tcp": tcp.ask, "valkey": valkey.ask}
CLOSED = [
    # The credentials of the machine, in every spelling that a C library takes for an address.
    "169.254.169.254", "169.254.0.0", "169.254.255.255", "169.254.43518", "169.16689662", "2852039166", "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "0xA9FEA9FE", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe", "::169.254.169.254", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:a9fe:a9fe:1:2:3:4:5", "fd00:ec2::254", "fd20:ce::254",
    "100.100.100.200", "168.63.129.16", "::ffff:100.100.100.200",
    # NAT64 of a network's own: where the address stands in it cannot be known.
    "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    # Link-local, with and without a zone.
    "fe80::1", "fe80::1%eth0", "fe80::1%1", "FE80::A", "febf:ffff::1",
    # Unspecified: Linux connects to itself.
    "0.0.0.0", "0", "0x0", "00", "0.1", "0.255.255.255", "::", "0::0", "::ffff:0.0.0.0", "64:ff9b::", "2002::",
    # Multicast, reserved, broadcast.
    "224.0.0.0", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "4294967295", "ff02::1", "ff00::",
    "ff0e::1%eth0", "::ffff:224.0.0.1", "::ffff:255.255.255.255", "64:ff9b::255.255.255.255", "2002:e000:1::",
]  # fmt: skip
OPEN = [
    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "127.255.255.255", "::1", "::ffff:127.0.0.1", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "1.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "100.100.100.199",
    "100.64.0.1", "168.63.129.17", "8.8.8.8", "fd00::1", "fd00:ec1::254", "fd20:ce::253", "fe7f::1", "fec0::1",
    "feff::1", "2001:db8::1", "64:ff9b::10.0.0.1", "64:ff9b:0:1::1", "64:ff9b:2::1", "2002:a00:1::", "::ffff:10.0.0.1",
    "::2.0.0.1",
]  # fmt: skip
NAMES = ["", "localhost", "dify", "169.254.169.254.example", "169.254.169.256", "1.2.3.4.5", " 127.0.0.1", "x::1", "é"]
SHORT_S = 0.4


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address):
    """An address at which no service lives is closed, in whatever spelling, and in whatever it is wrapped."""
    assert literal(address) is not None
    assert closed(address)


@pytest.mark.parametrize("address", OPEN)
def test_open(address):
    """Loopback, private and public addresses are open, up to the very neighbours of those that are not."""
    assert literal(address) is not None
    assert not closed(address)


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    """What is no address is looked up, and connected to by nobody before."""
    assert literal(name) is None
    assert closed(name)


@given(st.ip_addresses(v=4))
def test_wrapped(address: ipaddress.IPv4Address):
    """An address of IPv4 is judged alike, however one of IPv6 carries it."""
    number = int(address)
    carried = [f"::ffff:{address}", f"::ffff:0:{address}", f"64:ff9b::{address}", str(number), hex(number)]
    carried += [str(ipaddress.IPv6Address(0x2002 << 112 | number << 80 | 1))]
    assert {closed(one) for one in carried} == {closed(str(address))}
    private = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    assert closed(str(address)) or not private


def target(kind: str, host: str, port: int) -> ServiceTarget:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ServiceTarget("dify", kind, f"http://{place}/", place)  # type: ignore[arg-type]


async def probed(aim: ServiceTarget, look_up) -> Probe:
    """Let the rounds ask this one once; give what they say."""
    said = Recorder()
    services = Services(
        [aim], sweep_s=30, timeout_s=SHORT_S, clock=SystemClock(), emit=said, names=Names(said, look_up=look_up)
    )
    task = asyncio.get_running_loop().create_task(services.run())
    try:
        async with asyncio.timeout(5):
            await said.until(1)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return next(sample.facts for sample in said.seen if isinstance(sample.facts, Probe))


@pytest.mark.parametrize("kind", ASKS)
@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%lo", "0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1"])
async def test_name(kind, address):
    """A name that leads there is an unexpected answer of its service, and nobody is connected to."""
    async with serving(says(answer(b"{}"))) as served:
        probe = await probed(target(kind, "dify.example", served.port), lambda _: [address])
        assert (probe.outcome, probe.answer) == ("bad_answer", "address not allowed")
        assert address not in repr(probe)
        assert served.came == 0


@pytest.mark.parametrize("kind", ASKS)
@pytest.mark.parametrize("host", ["0x0", "0.0.0.0", "::ffff:0.0.0.0", "::"])
async def test_address(kind, host):
    """An address that reached the probe nevertheless is looked at once more before it connects: the last word."""
    async with serving(says(answer(b"{}"))) as served:
        probe = await ASKS[kind](target(kind, host, served.port), (host,), SHORT_S)
        assert (probe.outcome, probe.answer) == ("bad_answer", "address not allowed")
        assert served.came == 0


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_among_others(kind):
    """Of a name with several addresses only the open ones are tried."""
    async with serving(says(answer(b"{}"))) as served:
        aim = target(kind, "dify.example", served.port)
        probe = await probed(aim, lambda _: ["169.254.169.254", "127.0.0.1", "0.0.0.0"])
        assert probe.outcome == "answered"
        assert served.came == 1


async def test_turns():
    """A name that turns between two looks (DNS rebinding) gains nothing: what was looked at is what is connected to."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    async with serving(says(answer(b"{}"))) as served:
        names = Names(Recorder(), look_up=lambda _: next(answers))
        found = await names.find("dify.example")
        probe = await http.ask(target("http", "dify.example", served.port), found.addresses, SHORT_S)
        assert (probe.outcome, served.came) == ("answered", 1)
        assert (await names.find("dify.example")).outcome == "closed"


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest/", "http://127.0.0.1:{port}/", "//0.0.0.0:{port}/"])
async def test_redirect(place):
    """A redirect is no way to go anywhere, not even to an open address."""
    async with serving(says(answer(b"{}"))) as other:
        location = f"Location: {place.format(port=other.port)}"
        async with serving(says(answer(b"", "302 Found", location))) as served:
            probe = await http.ask(target("http", "127.0.0.1", served.port), ("127.0.0.1",), SHORT_S)
            assert (probe.outcome, probe.answer) == ("bad_answer", "302 (redirect)")
        assert other.came == 0


async def test_surroundings(monkeypatch):
    """What the surroundings say of proxies and logins is not for the probes: they go straight, and show nothing."""
    heads: list[bytes] = []
    async with serving(says(answer(b"proxied"))) as proxy, serving(says(answer(b"{}"), log=heads)) as served:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://u:p@127.0.0.1:{proxy.port}")
        home = Path(os.environ["HOME"]) / ".netrc-of-nobody"
        monkeypatch.setenv("NETRC", str(home))
        assert await http.fetch(f"http://127.0.0.1:{served.port}/", Names(Recorder()), SHORT_S) == b"{}"
        assert proxy.came == 0
    assert b"authorization" not in heads[0].lower()
    assert b"cookie" not in heads[0].lower()


@pytest.mark.parametrize("host", ["flags.example", "169.254.169.254", "0.0.0.0", "0"])
async def test_flags(host):
    """The flags are fetched from nowhere else either."""
    async with serving(says(answer(b'{"A": true}'))) as served:
        names = Names(Recorder(), look_up=lambda _: ["0.0.0.0"])
        assert await http.fetch(f"http://{host}:{served.port}/flags", names, SHORT_S) is None
        assert served.came == 0


async def brokered(url: str, look_up) -> Broker:
    """Let the broker's client try once; give what it says."""
    said = Recorder()
    settings = BrokerSettings(url, "socket.io", "/", "", "", "", {}, {}, Secret("x" * 32))
    client = BrokerClient(
        settings, SystemClock(), said, sample_s=1, sweep_s=1, connect_timeout_s=1, look_up=look_up
    )  # fmt: skip
    task = asyncio.get_running_loop().create_task(client.run())
    try:
        async with asyncio.timeout(5):
            await said.until(1)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return said.seen[0].facts


async def test_broker():
    """The broker's client goes where its name leads, unless nobody may go there; and it is looked up only once."""
    broker, looked_up = DemoBroker("postgresql://nobody@127.0.0.1:1/none", "x" * 32), []
    await broker.start()
    try:
        url = f"http://broker.example:{broker.port}"
        said = await brokered(url, lambda host: looked_up.append(host) or ["127.0.0.1"])
        assert said.error not in {"dns", "forbidden", "timeout"}
        assert looked_up == ["broker.example"]
        assert (await brokered(url, lambda _: ["169.254.169.254"])).error == "forbidden"
        assert (await brokered(f"http://0.0.0.0:{broker.port}", lambda _: ["127.0.0.1"])).error == "forbidden"
    finally:
        await broker.stop()


async def test_broker_redirect():
    """A broker that sends its clients elsewhere sends us nowhere."""
    async with serving(says(answer(b"{}"))) as other:
        location = f"Location: http://127.0.0.1:{other.port}/"
        async with serving(says(answer(b"", "302 Found", location))) as served:
            said = await brokered(f"http://127.0.0.1:{served.port}", lambda _: ["127.0.0.1"])
        assert said.error == "http_302"
        assert other.came == 0


BASE = '[access]\nopen = true\n[database]\ndsn = "postgresql://u@127.0.0.1/huph"\n'
SLOTS = {
    "services.dify.url": '[services.dify]\nurl = "http://{}/health"\n',
    "services.valkey.address": '[services.valkey]\naddress = "{}:6379"\n',
    "flags.url": '[flags]\nsource = "http"\nurl = "http://{}/flags"\n',
    "broker.url": '[broker]\nsecret = "0123456789abcdef0123456789abcdef"\nurl = "http://{}:3001"\n',
}


def loaded(tmp_path: Path, slot: str, host: str) -> list[str]:
    """Read a configuration with this host; give its mistakes."""
    file = tmp_path / "monitor.toml"
    file.write_text(BASE + SLOTS[slot].format(f"[{host}]" if ":" in host else host), encoding="utf-8")
    try:
        config.load(file, {}, {})
    except ConfigError as error:
        return error.mistakes
    return []


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "::ffff:169.254.169.254", "::", "fe80::1", "ff02::1"]
)
def test_configured(tmp_path, slot, host):
    """An address of this kind in the configuration is told at the start, with its key and the mend."""
    [mistake] = loaded(tmp_path, slot, host)
    assert mistake.startswith(f"{slot}: no service lives at a link-local")
    assert mistake.endswith("give the service's own.")


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "dify.example", "localhost"])
def test_well_configured(tmp_path, slot, host):
    """Names, loopback and private addresses are taken."""
    assert loaded(tmp_path, slot, host) == []


async def test_hung_names(tmp_path):
    """Names that hang in the threads that everybody shares hold up neither another name nor the file of the flags."""
    free = threading.Event()
    loop = asyncio.get_running_loop()
    hanging = [loop.run_in_executor(None, free.wait) for _ in range(64)]
    file = tmp_path / "flags.env"
    file.write_text("A=true\n")
    said = Recorder()

    def look_up(host: str) -> list[str]:
        if host == "hung.example":
            free.wait()
        return ["127.0.0.1"]

    try:
        names = Names(Recorder(), look_up=look_up, deadline_s=0.2)
        hung = loop.create_task(names.find("hung.example"))
        started = time.monotonic()
        assert (await names.find("dify.example")).addresses == ("127.0.0.1",)
        flags = FlagsSource(
            FlagSettings("file", str(file), "", {"A": "bool"}, ""), SystemClock(), said, sweep_s=30, deadline_s=5.0
        )
        await flags.step()
        assert time.monotonic() - started < 5
        assert said.seen[0].facts.values == {"A": "true"}
        assert (await hung).outcome == "unresolved"
    finally:
        free.set()
        with contextlib.suppress(Exception):
            await asyncio.wait(hanging)
