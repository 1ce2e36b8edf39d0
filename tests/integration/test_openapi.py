"""The OpenAPI document against what is really served: schemathesis asks every address, rightly and wrongly."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from monitor.access.tokens import TokenStore
from monitor.client import Fold
from monitor.domain.signal import At
from tests.daemon import ALONE, Daemon
from tests.doors import EDITING, shut_gate
from tests.fakes import FakeClock
from tests.outputs import whole
from tests.outputs.conftest import Window
from tests.outputs.form import Form
from tests.outputs.reader import Reader

RUNS = """
insert into cron_runs (job, started_at, finished_at, status, error_message)
select 'follow_up', now() - n * interval '20 minutes', now() - n * interval '20 minutes' + interval '2 s',
       case n when 2 then 'failed' else 'success' end, case n when 2 then 'rate limit 429' end
from generate_series(1, 3) n
"""
KEY = "system.anthropic_model"
EXAMPLES = 5
LONG_EXAMPLES = 30
WITHIN_S = 150
# The short answer says 503 on purpose; everywhere else it would be a mistake of ours. What is well written can be
# refused for what it says (422, 428) or for coming too soon (429).
CONFIG = """
[[operations]]
include-operation-id = "health"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]

[[operations]]
include-operation-id = "edit"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "428", "429"]
"""


class Hasty(FakeClock):
    """A clock that goes on whenever it is looked at: nobody is too many for it."""

    def now(self) -> At:
        self.advance(7)
        return super().now()


async def fuzz(address: str, document: dict[str, Any], folder: Path, token: str, examples: int) -> dict[str, Any]:
    """Let schemathesis ask all that the document describes, with every check that it knows; give its report.

    The document comes as a file: of an address, schemathesis would leave out that very address.
    """
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    split = urlsplit(address)
    schemathesis = Path(sys.executable).with_name("schemathesis")
    asking = await asyncio.create_subprocess_exec(
        *(schemathesis, "--config-file", "schemathesis.toml", "run", "openapi.json"),
        *("--origin", f"{split.scheme}://{split.netloc}", "--checks", "all", "--max-examples", str(examples)),
        *("--seed", "1", "--no-color", "--report", "json", "--report-json-path", "report.json"),
        *("--header", f"Authorization: Bearer {token}"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        said, _ = await asking.communicate()
    assert asking.returncode == 0, said.decode()
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def accepted(report: dict[str, Any]) -> set[str]:
    """Name the operations that have answered well at least once: refusing everything would be green as well."""
    rates = report["valid_rates"]
    return {name for name, phases in rates.items() if sum(phase["accepted"] for phase in phases.values())}


def described(document: dict[str, Any], *, public: bool | None = None) -> set[str]:
    """Name all operations; or those that ask nobody who they are; or all others."""
    return {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, one in operations.items()
        if public is None or (one.get("security") == []) == public
    }


def findings(report: dict[str, Any]) -> list[Any]:
    """Give what was found, warnings too, but that of no way in; not to have asked everything is a finding."""
    warnings = [(kind, one) for kind, found in report["warnings"].items() if kind != "missing_auth" for one in found]
    asked = report["operations"]
    unasked = [] if asked["tested"] == asked["total"] else [asked]
    return [*report["failures"], *report["errors"], *warnings, *unasked]


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("token", "examples"), [("edit", EXAMPLES), pytest.param("wrong", 3, marks=pytest.mark.prove)])
async def test_everything(tmp_path, token, examples):
    """Each address does what the document says, and no more; by a wrong token only what is everybody's is had."""
    async with AsyncExitStack() as stack:
        window = Window(None, "/hm/", whole.DOCUMENT, gate=shut_gate(), clock=Hasty())
        await window.open(stack)
        _, document = await window.get("api/v1/openapi.json", headers=EDITING)
        report = await fuzz(window.url, document, tmp_path, token, examples)
    assert findings(report) == []
    assert report["test_cases"]["generated"] > 200
    # Those of which nothing but 401 and 403 was heard.
    shut = set(report["warnings"]["missing_auth"])
    assert accepted(report) == described(document, public=None if token == "edit" else True)
    assert shut == (set() if token == "edit" else described(document, public=False))


async def edit(daemon: Daemon, seen: int, value: str) -> tuple[int, Any]:
    """Edit a setting as an ordinary client would."""
    own = {**daemon.shown, "X-Huph-Monitor": "1", "If-Match": f'"{seen}"'}
    address = f"{daemon.address}api/v1/settings/{KEY}"
    async with aiohttp.ClientSession() as http, http.patch(address, json={"value": value}, headers=own) as response:
        return response.status, await response.json()


@pytest.mark.prove
async def test_daemon(platform, start_daemon, tmp_path):
    """The running daemon keeps its word: the document is valid, every address is as it says, and so is every key."""
    for sender in ("user", "bot"):
        await platform.write(sender)
    await platform.connection.execute(RUNS)
    address = urlsplit(platform.monitor_dsn).netloc.rpartition("@")[2]
    one = f'database = {{ kind = "tcp", address = "{address}" }}'
    services = f"{ALONE.rstrip().removesuffix('}')}, {one} }}"
    store = tmp_path / "access" / "tokens.db"
    daemon = await start_daemon(
        platform.monitor_dsn,
        edit_dsn=platform.editor_dsn,
        base_path="/hm/",
        services=services,
        access=f'tokens = "{store}"',
        token=TokenStore(store).add("tester", "admin", 1, time.time()),
    )
    follower = await daemon.settled()
    await follower.until(lambda d: "observed_at" in d["cron"] and "observed_at" in d["services"]["database"], 35)
    await follower.until(lambda d: d["settings"][KEY]["version"], 35)
    _, document = await daemon.get("api/v1/openapi.json")
    assert list(OPENAPI_31_VALIDATOR.iter_errors(document)) == []
    form = Form(document)
    seen = follower.document["settings"][KEY]["version"]
    for status, name in ((200, "SettingDone"), (409, "SettingConflict")):
        told, said = await edit(daemon, seen, "claude-next")
        assert told == status
        assert form.problems({"$ref": f"#/components/schemas/{name}"}, said) == [], name
    other = TokenStore(store).add("other", "admin", 1, time.time())
    report = await fuzz(daemon.address, document, tmp_path, other, LONG_EXAMPLES)
    # Ten edits a minute are soon tried, most of them of no use.
    writing = "PATCH /api/v1/settings/{key}"
    assert set(findings(report)) <= {(kind, writing) for kind in ("rate_limited", "validation_mismatch")}
    assert accepted(report) | {writing} == described(document)
    told = {"health/full": "Document", "cron/follow_up/runs": "Runs", "series/messages": "Messages"}
    told |= {"session": "Session", f"settings/{KEY}/history": "SettingHistory", "settings": "Settings"}
    for path, name in {**told, "series/message_rates": "MessageRates", "series/db_latency": "DbLatency"}.items():
        status, said = await daemon.get(f"api/v1/{path}")
        assert status == 200
        assert form.problems({"$ref": f"#/components/schemas/{name}"}, said) == [], path
    assert {run["status"] for run in (await daemon.get("api/v1/cron/follow_up/runs"))[1]["runs"]} == {
        "failed",
        "success",
    }
    # The stream, as its own document tells it; a bookmark comes every 3 s.
    reader, fold = await Reader.of(daemon), Fold()
    async with reader.connect(additional_headers=daemon.shown) as socket:
        while not reader.heard["bookmark"]:
            await reader.hear(socket, fold)
    assert [one["type"] for one in (reader.heard["hello"] + reader.heard["snapshot"])] == ["hello", "snapshot"]
