"""The services over HTTP: well, slow, gone, and back on the same port."""

import asyncio
from datetime import datetime

import aiohttp
import pytest

from monitor.clock import SystemClock
from monitor.demo.port import free_port
from monitor.demo.services import API, NAMES, Service
from monitor.errors import MonitorError


@pytest.fixture
async def start():
    """Start a service by its name; it is stopped at the end."""
    started = []

    async def begin(name="dify"):
        service = Service(name, free_port(), SystemClock())
        started.append(service)
        await service.start()
        return service

    yield begin
    for service in started:
        await service.stop()


async def ask(service):
    async with aiohttp.ClientSession() as session, session.get(service.url) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("name", NAMES)
async def test_it_says_that_it_is_well(start, name):
    """Each answers 200; huph-api alone also says since when it runs."""
    before = SystemClock().now().wall
    service = await start(name)
    status, said = await ask(service)
    assert (status, said.pop("status")) == (200, "ok")
    if name == API:
        since = datetime.fromisoformat(said.pop("started_at")).timestamp()
        assert before <= since <= SystemClock().now().wall + 0.001
    assert said == {}


async def test_it_stops_and_starts_on_its_port(start):
    """Stopped it refuses connections, whatever was open before; started again it answers there, since later."""
    service = await start(API)
    async with aiohttp.ClientSession() as session:
        async with session.get(service.url) as answer:
            first = (await answer.json())["started_at"]
        for _ in range(2):
            await service.stop()
        assert not service.running
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(service.url)
    for _ in range(2):
        await service.start()
    assert (await ask(service))[1]["started_at"] > first


async def test_to_stop_it_waits_for_nobody(start):
    """An answer that takes its time is broken off."""
    service = await start()
    service.delay = 30
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(2):
        asking = tasks.create_task(_broken_off(service))
        await asyncio.sleep(0.05)
        await service.stop()
        await asking


async def _broken_off(service):
    with pytest.raises(aiohttp.ClientError):
        await ask(service)


async def test_a_port_that_is_taken_is_said(start):
    """One sentence for who pressed the button; nothing counts as running."""
    service = await start()
    other = Service("other", service.port, SystemClock())
    with pytest.raises(MonitorError, match=str(service.port)):
        await other.start()
    assert not other.running
