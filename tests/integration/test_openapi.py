"""The OpenAPI document against what is really served: schemathesis asks every address, rightly and wrongly."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from monitor.client import Fold
from tests.daemon import ALONE
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
EXAMPLES = 30
WITHIN_S = 60
# The short answer says 503 on purpose; everywhere else it would be a mistake of ours.
CONFIG = """
[[operations]]
include-operation-id = "health"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
"""


async def fuzz(address: str, document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let schemathesis ask all that the document describes, with every check that it knows; give its report.

    The document comes as a file: of an address, schemathesis would leave out that very address.
    """
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    split = urlsplit(address)
    schemathesis = Path(sys.executable).with_name("schemathesis")
    asking = await asyncio.create_subprocess_exec(
        *(schemathesis, "--config-file", "schemathesis.toml", "run", "openapi.json"),
        *("--origin", f"{split.scheme}://{split.netloc}", "--checks", "all", "--max-examples", str(EXAMPLES)),
        *("--seed", "1", "--no-color", "--report", "json", "--report-json-path", "report.json"),
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


def described(document: dict[str, Any]) -> set[str]:
    return {f"GET {path}" for path in document["paths"]}


def findings(report: dict[str, Any]) -> list[Any]:
    """Give what was found, warnings too; not to have asked everything is a finding."""
    warnings = [(kind, one) for kind, found in report["warnings"].items() for one in found]
    asked = report["operations"]
    unasked = [] if asked["tested"] == asked["total"] else [asked]
    return [*report["failures"], *report["errors"], *warnings, *unasked]


async def test_everything(tmp_path):
    """Where everything that can be watched is watched, each address does what the document says, and no more."""
    async with AsyncExitStack() as stack:
        window = Window(None, "/hm/", whole.DOCUMENT)
        await window.open(stack)
        _, document = await window.get("api/v1/openapi.json")
        report = await fuzz(window.url, document, tmp_path)
    assert findings(report) == []
    assert accepted(report) == described(document)
    assert report["test_cases"]["generated"] > 200


@pytest.mark.prove
async def test_daemon(platform, start_daemon, tmp_path):
    """The running daemon keeps its word: the document is valid, every address is as it says, and so is every key."""
    for sender in ("user", "bot"):
        await platform.write(sender)
    await platform.connection.execute(RUNS)
    address = urlsplit(platform.monitor_dsn).netloc.rpartition("@")[2]
    one = f'database = {{ kind = "tcp", address = "{address}" }}'
    services = f"{ALONE.rstrip().removesuffix('}')}, {one} }}"
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/", services=services)
    follower = await daemon.settled()
    await follower.until(lambda d: "observed_at" in d["cron"] and "observed_at" in d["services"]["database"], 35)
    _, document = await daemon.get("api/v1/openapi.json")
    assert list(OPENAPI_31_VALIDATOR.iter_errors(document)) == []
    report = await fuzz(daemon.address, document, tmp_path)
    assert findings(report) == []
    assert accepted(report) == described(document)
    form = Form(document)
    told = {"health/full": "Document", "cron/follow_up/runs": "Runs", "series/messages": "Messages"}
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
    async with reader.connect() as socket:
        while not reader.heard["bookmark"]:
            await reader.hear(socket, fold)
    assert [one["type"] for one in (reader.heard["hello"] + reader.heard["snapshot"])] == ["hello", "snapshot"]
