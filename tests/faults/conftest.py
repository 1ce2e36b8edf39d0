"""The scene of a fault: a platform, shared or its own, and a daemon behind networks that can be broken."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.bench.stage import stage
from tests.faults.invariants import Harmless
from tests.faults.suite import Scene
from tests.proxy import proxied


@pytest.fixture
async def scene(request, form, tmp_path, platform):
    """What the row of this test needs; its daemon must end well when the test is over."""
    row = request.function.row
    async with AsyncExitStack() as stack:
        if row.own:
            platform, _ = await stack.enter_async_context(stage())
        network = await stack.enter_async_context(proxied(platform.postgres.port))
        listening = await stack.enter_async_context(proxied(platform.postgres.port))
        harmless = Harmless(platform.dsn)
        stack.push_async_callback(harmless.leave)
        scene = Scene(row, form, platform, tmp_path, network, listening, harmless)
        yield scene
        await scene.leave()
        if hasattr(scene, "daemon"):
            await scene.daemon.stop()
