"""Clients that are not ours follow the running daemon: of Python, of Node, a browser's, and curl."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from monitor.client.document import canonical
from tests import npm
from tests.e2e.conftest import browser  # noqa: F401 - the fixture
from tests.integration import foreign
from tests.integration.foreign import Heard

pytestmark = pytest.mark.e2e
WITHIN_S = 10.0
FLAG = "RAG_ENABLED=true\n"


def ageless(value: Any) -> Any:
    """Leave out what only bookmarks tell; a number is the same however it is written (RFC 8785, 3.2.2.3)."""
    if isinstance(value, dict):
        return {key: ageless(one) for key, one in value.items() if key not in {"as_of", "observed_at", "source"}}
    if isinstance(value, list):
        return [ageless(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def until(promise: Callable[[], bool], what: str) -> None:
    """Wait, turn by turn of the loop, until this is so."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while not promise():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {WITHIN_S} s: {what}") from None


def verdicts(one: Heard) -> list[str]:
    """Give what one was told of the flags, without repeats."""
    said = [document["checks"]["feature_flags"]["verdict"] for document in one.documents.values()]
    return [verdict for at, verdict in enumerate(said) if at == 0 or said[at - 1] != verdict]


async def test_foreign(platform, start_daemon, browser, tmp_path):  # noqa: F811
    """Each follows a break and its mend, plain or compressed, and ends with the document that the server has."""
    npm.install(foreign.NODE)
    assert shutil.which("curl"), "curl is not on this machine"
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/")
    await daemon.settled()
    flags = tmp_path / "flags.env"
    whole = flags.read_text()
    async with AsyncExitStack() as stack:
        everybody = [Heard(name) for name in foreign.ALL]
        for one in everybody:
            await foreign.ALL[one.name](stack, daemon.address, one)
        for kind in foreign.BROWSER:
            one = Heard(f"{kind} of Chromium")
            tab = await browser.new_page()
            stack.push_async_callback(tab.close)
            await foreign.with_browser(stack, daemon.address, one, tab, kind)
            everybody.append(one)
        await until(lambda: all(one.document for one in everybody), "a document for each")
        begun = {one.name: verdicts(one) for one in everybody}
        assert all(said == ["ok"] for said in begun.values()), begun
        flags.write_text(whole.replace(FLAG, ""))
        await until(lambda: all(len(verdicts(one)) == 2 for one in everybody), "a break for each")
        flags.write_text(whole)
        await until(lambda: all(len(verdicts(one)) == 3 for one in everybody), "a mend for each")
        served, place = {}, (0, 0)

        async def same_place() -> None:
            nonlocal served, place
            while True:
                served = (await daemon.get("api/v1/health/full"))[1]
                place = served["position"]["epoch"], served["position"]["seq"]
                await asyncio.sleep(0.1)
                if all(place in one.documents for one in everybody):
                    return

        await asyncio.wait_for(same_place(), WITHIN_S)
        expected = canonical(ageless(served))
        for one in everybody:
            assert canonical(ageless(one.documents[place])) == expected, one.name
            assert verdicts(one)[0] == verdicts(one)[2] == "ok", one.name
    packed = {one.name: "permessage-deflate" in one.extensions for one in everybody if one.extensions is not None}
    assert packed == {
        **{name: "packed" in name for name in foreign.ALL if name != "curl"},
        "WebSocket of Chromium": True,
    }
