"""The AsyncAPI document: valid by its own parser, whole, and of one mind with the client and the limits."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from monitor import __version__
from monitor.client import Fold, Step, link
from monitor.outputs import messages
from monitor.outputs.asyncapi import AGAIN, CLOSES, NEVER, NEW_TOKEN, REFUSALS, describe
from monitor.outputs.messages import EXAMPLES, HEARD, SAID, WORDS
from monitor.outputs.stream import INBOUND_BYTES, INBOUND_MESSAGES, INBOUND_PER_S
from tests import npm
from tests.outputs.form import Form, references

HERE = Path(__file__).resolve().parents[1] / "asyncapi"
Json = dict[str, Any]


@pytest.fixture
def document() -> Json:
    return json.loads(json.dumps(describe("/hm/", host="127.0.0.1:8787")))


@pytest.mark.timeout(180)
def test_valid(document):
    """It keeps to AsyncAPI's own schema of its version 3.0."""
    npm.install(HERE, dev=False)
    schemas = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas"
    schema = json.loads((schemas / "3.0.0.json").read_text(encoding="utf-8"))
    judge = jsonschema_rs.validator_for(schema)
    assert [error.message for error in judge.iter_errors(document)] == []
    document["operations"]["ping"]["action"] = "shout"
    assert not judge.is_valid(document), "it does look"


@pytest.mark.prove
def test_parser(document):
    """AsyncAPI's own parser reads all of it and has nothing against it, but that a later AsyncAPI is out."""
    npm.install(HERE)

    def judged(described: Json) -> Json:
        told = json.dumps(described)
        done = subprocess.run([npm.NODE, "judge.js"], cwd=HERE, input=told, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    said = judged(document)
    assert {one["code"] for one in said["found"]} <= {"asyncapi-latest-version"}
    count = sum(len(channel["messages"]) for channel in document["channels"].values())
    assert said["read"] == {"messages": count, "operations": len(document["operations"])}
    document["operations"]["ping"]["messages"] = [{"$ref": "#/components/messages/ping"}]
    assert 0 in {one["severity"] for one in judged(document)["found"]}, "it does look"


def test_forms(document):
    """Each form keeps to JSON Schema, in the draft that AsyncAPI is made of too; each reference leads somewhere."""
    for schema in document["components"]["schemas"].values():
        for draft in ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"):
            jsonschema_rs.meta.validate({"$schema": draft, **schema})
    wanted = set(references(document))
    for pointer in wanted:
        place: Any = document
        for step in pointer.removeprefix("#/").split("/"):
            place = place[step]
    there = {f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts}
    assert there <= wanted


@pytest.mark.parametrize("base", ["/", "/hm/", "/a/b-c/"])
async def test_served(show, base):
    """It is served below the base path, and names the very addresses at which the stream is found."""
    window = await show(base_path=base)
    status, described = await window.get("api/v1/asyncapi.json")
    assert status == 200
    assert described["asyncapi"] == "3.0.0"
    assert described["info"]["version"] == __version__
    web = described["servers"]["web"]
    root = f"{web['protocol']}://{web['host']}{web.get('pathname', '')}"
    async with window.http.get(root + described["channels"]["events"]["address"]) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
    socket = described["servers"]["socket"]
    root = f"{socket['protocol']}://{socket['host']}{socket.get('pathname', '')}"
    async with window.http.ws_connect(root + described["channels"]["stream"]["address"]) as opened:
        assert (await opened.receive_json())["type"] == "hello"


def test_secure():
    """Over TLS the addresses are those of TLS."""
    servers: Any = describe("/", host="h", secure=True)["servers"]
    assert {name: server["protocol"] for name, server in servers.items()} == {"socket": "wss", "web": "https"}


@pytest.mark.parametrize("name", [*SAID, *HEARD])
def test_examples(document, name):
    """Each message has a title, and examples that have its form, in which each of its fields comes."""
    form = Form(document)
    for example in EXAMPLES[name].values():
        assert form.problems({"$ref": f"#/components/schemas/{name}"}, example) == []
    described = {**SAID, **HEARD}[name]["properties"]
    assert set().union(*EXAMPLES[name].values()) == described.keys()
    title, text = WORDS[name]
    assert not title.endswith(".")
    assert text.endswith(".")


def test_line(document):
    """The examples are one line that a client can follow, and each document on it has the document's form."""
    fold, form = Fold(), Form(document)
    told = [EXAMPLES["Hello"]["afresh"], *EXAMPLES["Snapshot"].values(), *EXAMPLES["Bookmark"].values()]
    for message in [*told, *EXAMPLES["Diff"].values()]:
        assert fold.receive(message) is not Step.ASK
        if fold.document is not None:
            plain = json.loads(json.dumps(fold.document.plain))
            assert form.problems({"$ref": "#/components/schemas/Document"}, plain) == []
    assert fold.position is not None
    assert fold.position.seq == 48


def test_half_a_place(document):
    """Half a place is none, in the description as on the wire."""
    form = Form(document)
    for half in ({"epoch": 7}, {"seq": 7}):
        assert form.problems({"$ref": "#/components/schemas/Subscribe"}, {"type": "subscribe", **half}) != []


def test_closed():
    """Nothing is described that is no message, nor left out: the forms are those of the messages and what they hold."""
    named = messages.schemas()
    assert {"Document", "Verdict", "Job", *SAID, *HEARD} <= named.keys()
    assert not {"Short", "Runs", "Error", "DbLatency"} & named.keys()


def test_endings():
    """Where the description says that coming back is of no use, our own client does not, and the other way round."""
    final = {code for code, (then, _) in CLOSES.items() if then != AGAIN}
    assert final == link._CLOSES.keys()
    final = {status for status, (then, _) in REFUSALS.items() if then != AGAIN}
    assert final == link._REFUSALS.keys() - {404}, "at another address there is no stream to be described"
    for told, endings in ((link._CLOSES, CLOSES), (link._REFUSALS, REFUSALS)):
        for code, (error, _) in told.items():
            if code in endings:
                assert (endings[code][0] == NEW_TOKEN) == (error.__name__ == "Unauthorized")
    assert {then for then, _ in [*CLOSES.values(), *REFUSALS.values()]} == {AGAIN, NEVER, NEW_TOKEN}
    assert all(text.endswith(".") for _, text in [*CLOSES.values(), *REFUSALS.values()])


def test_limits(document):
    """The limits that are told are those that are kept."""
    text = json.dumps(document)
    assert f"{INBOUND_MESSAGES} messages in {INBOUND_PER_S:g} s, of at most {INBOUND_BYTES} bytes each" in text
    assert CLOSES[1009][1] == f"A message was longer than {INBOUND_BYTES} bytes."
    assert CLOSES[4429][1] == f"More than {INBOUND_MESSAGES} messages came in {INBOUND_PER_S:g} s."
