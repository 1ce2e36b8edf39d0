"""The OpenAPI document: every address and none other, valid, and true of what is really answered."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from monitor import __version__
from monitor.domain.document import ORDER
from monitor.outputs import forms
from monitor.outputs.operation import ALLOWED, REFUSALS
from monitor.outputs.routes.health import FAIL_ON
from monitor.outputs.routes.series import NAMES
from monitor.outputs.schema import HEAD
from monitor.runbook import LANGUAGES
from monitor.settings.edit import Conflict, Refusal
from tests.doors import EDITING
from tests.outputs import whole
from tests.outputs.form import Form, references
from tests.outputs.weather import weather

Json = dict[str, Any]


async def described(port: Any) -> Json:
    status, document = await port.get("api/v1/openapi.json")
    assert status == 200
    return document


def operations(document: Json, *, method: str = "get") -> Iterator[tuple[str, Json]]:
    for path, item in document["paths"].items():
        [only] = item
        if only == method:
            yield path, item[only]


# The document itself.


async def test_valid(show):
    """It keeps to the rules of OpenAPI 3.1, and each form to those of JSON Schema."""
    document = await described(await show())
    assert list(OPENAPI_31_VALIDATOR.iter_errors(document)) == []
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert document["info"]["version"] == __version__


async def test_references(show):
    """Each reference leads somewhere, and each component is referred to."""
    document = await described(await show())
    wanted = set(references(document))
    schemes = document["components"].pop("securitySchemes")
    assert {name for one in document["security"] for name in one} == schemes.keys()
    there = {f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts}
    assert wanted == there


@pytest.mark.parametrize(("base", "url"), [("/", "/"), ("/hm/", "/hm"), ("/a/b-c/", "/a/b-c")])
async def test_servers(show, base, url):
    """Paths are told relative to the base path, and each of them is answered there."""
    window = await show(base_path=base)
    document = await described(window)
    assert document["servers"] == [{"url": url}]
    root = window.url.removesuffix(base)
    async with window.http.get(f"{root}{url.rstrip('/')}/livez") as response:
        assert response.status == 200


@pytest.mark.parametrize("base", ["/", "/hm/"])
async def test_routes(show, base):
    """Every address is described, and nothing else is; page, assets and stream are no REST."""
    window = await show(base_path=base)
    document = await described(window)
    served = {
        f"/{resource.canonical.removeprefix(base)}" if resource.canonical.startswith(base) else resource.canonical
        for resource in window.server._runner.app.router.resources()
    }
    not_rest = {"/", "/{path}", "/api/v1/stream", "/api/v1/events"} | ({base.rstrip("/")} - {""})
    assert not_rest <= served
    assert set(document["paths"]) == served - not_rest
    found = [one for method in ("get", "patch", "post") for _, one in operations(document, method=method)]
    assert len({operation["operationId"] for operation in found}) == len(found) == len(document["paths"])


async def test_names(show, stage):
    """Where an address takes a name, all names that it takes are listed, each in its own profile."""
    described_ones = operations(await described(await show()))
    names = {path: one["parameters"] for path, one in described_ones if "parameters" in one and "full" not in path}
    listed = {path: [one["schema"]["enum"] for one in found if one["in"] != "header"] for path, found in names.items()}
    assert listed == {
        "/api/v1/health": [list(FAIL_ON)],
        "/api/v1/checks/{name}": [list(ORDER)],
        "/api/v1/series/{name}": [list(NAMES)],
        "/api/v1/cron/{job}/runs": [list(whole.JOBS)],
        "/api/v1/runbook/{language}": [list(LANGUAGES)],
        "/api/v1/settings/{key}/history": [list(whole.SETTINGS)],
    }
    without = dict(operations(await described(await show(cron=None))))
    assert "enum" not in without["/api/v1/cron/{job}/runs"]["parameters"][0]["schema"]
    own = dict(operations(await described(stage)))["/api/v1/checks/{name}"]["parameters"][0]
    assert own["schema"]["enum"] == list(stage.board.document["checks"])


def test_nothing_is_left_out():
    """Each check of the brief and each series has a form."""
    assert tuple(forms.CHECKS) == ORDER
    assert tuple(forms.SERIES) == NAMES


# What is answered.


async def test_answers(show):
    """Everything that the document can hold is described, and what is described can be held."""
    window = await show()
    document = await described(window)
    form = Form(document)
    for path, operation in operations(document):
        parameters = [one for one in operation.get("parameters", ()) if one["in"] == "path"]
        names = parameters[0]["schema"]["enum"] if parameters else [""]
        for name in names:
            address = re.sub(r"\{\w+\}", name, path).removeprefix("/")
            if path == "/metrics":
                continue
            status, said = await window.get(address)
            schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
            assert form.problems(schema, said) == []
    # What all entries have in common comes in some of them.
    head = {"type": "object", "properties": HEAD}
    entries = [*whole.CHECKS.values(), *whole.SERVICES.values(), whole.MONITOR, whole.DOCUMENT["cron"]]
    assert form.unused(head, *entries) == []
    own = [key for key in form.unused(forms.DOCUMENT, whole.DOCUMENT) if not HEAD.keys() & set(key.split("/"))]
    assert own == []
    for name, series in forms.SERIES.items():
        assert form.unused(series, whole.SERIES[name]) == []
    _, runbook = await window.get("api/v1/runbook/en")
    assert form.unused(forms.RUNBOOK, runbook) == []
    assert form.unused(forms.SECTIONS["Runs"], whole.SERIES["cron_runs:follow_up"]) == []


@pytest.mark.parametrize("seed", range(2))
async def test_weather(stage, seed):
    """Whatever happens to the platform, the document keeps its form."""
    chance = random.Random(seed)
    form = Form(await described(stage))
    for _ in range(100):
        stage.clock.advance(chance.choice([0, 0.2, 5, 40]))
        stage.tell(weather(stage.clock.now(), chance))
        assert form.problems({"$ref": "#/components/schemas/Document"}, stage.hub.document) == []


def test_form_sees():
    """The judge of forms sees a key that nobody described, a wrong type, a null, and a key that never comes."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "object", "properties": {"c": {}}}},
    }
    form = Form({"components": {"schemas": {}, "responses": {}}})
    for good in ({}, {"a": 1}, {"b": {"c": 1}}):
        assert form.problems(schema, good) == []
    for bad in ({"x": 1}, {"a": "1"}, {"a": None}, {"b": {"x": 1}}, []):
        assert form.problems(schema, bad) != []
    assert form.unused(schema, {"a": 1, "b": {}}) == ["/b/c"]
    assert form.unused(schema, {"a": 1, "b": {"c": 1}}) == []


def tries(document: Json) -> Iterator[tuple[str, str, str, Json]]:
    """Give what goes wrong: method, path, the described path, and what is sent."""
    for path, described_as in [
        ("api/v1/health?fail_on=x", "/api/v1/health"),
        ("api/v1/checks/x", "/api/v1/checks/{name}"),
        ("api/v1/series/x", "/api/v1/series/{name}"),
        ("api/v1/series/messages", "/api/v1/series/{name}"),
        ("api/v1/cron/x/runs", "/api/v1/cron/{job}/runs"),
        ("api/v1/cron/follow_up/runs", "/api/v1/cron/{job}/runs"),
        ("api/v1/settings/x/history", "/api/v1/settings/{key}/history"),
    ]:
        yield "GET", path, described_as, {}
    for path in document["paths"]:
        named = path.removeprefix("/").replace("{name}", "db").replace("{job}", "x").replace("{key}", "x")
        yield "PUT", named, path, {}
        yield "GET", named, path, {"headers": {"Host": "evil.example"}}
        yield "GET", named, path, {"headers": {"Authorization": "Bearer wrong", "X-Forwarded-For": "10.0.0.1"}}
    one, key = "/api/v1/settings/{key}", next(iter(whole.SETTINGS))
    body = json.dumps({"value": "new", "reason": "r"})
    known = {**EDITING, "If-Match": '"3"'}
    for path, sent in [
        (f"api/v1/settings/{key}", {"headers": known, "data": "{"}),
        (f"api/v1/settings/{key}", {"headers": {**known, "Authorization": "Bearer stream"}, "data": body}),
        (f"api/v1/settings/{key}", {"headers": {**known, "Content-Type": "text/plain"}, "data": body}),
        (f"api/v1/settings/{key}", {"headers": {**known, "If-Match": "*"}, "data": body}),
        (f"api/v1/settings/{key}", {"headers": known, "data": json.dumps({"value": "x" * (64 << 10)})}),
        ("api/v1/settings/x", {"headers": known, "data": body}),
        *(
            (f"api/v1/settings/{key}", {"headers": known, "data": json.dumps({"value": value})})
            for value in ("invalid", "busy", "unconfirmed", "ten", "eleven", "twelve", "thirteen")
        ),
    ]:
        yield "PATCH", path, one, sent


async def test_refusals(show):
    """Every status that an address can answer is described, with the form that its errors have."""
    window = await show()
    document = await described(window)
    form = Form(document)
    window.series.clear()
    window.desk.ends = {
        "invalid": Refusal("invalid_value", "pattern"),
        "busy": Refusal("busy"),
        "unconfirmed": Refusal("unconfirmed"),
    }
    met = set()
    for method, path, described_as, sent in tries(document):
        async with window.http.request(method, window.url + path, **sent) as response:
            if response.status < 400:
                continue
            said = await response.json()
            [operation] = document["paths"][described_as].values()
            answer = operation["responses"][str(response.status)]
            refusal = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            assert form.problems(refusal["content"]["application/json"]["schema"], said) == []
            if response.status == 405:
                assert response.headers["Allow"] in ALLOWED
            met.add((response.status, said["error"]["code"]))
            assert response.headers["Cache-Control"] == "no-store"
    statuses = {status for status, _ in met}
    assert statuses == REFUSALS.keys() - {500}
    assert {(status, code) for status, (_, code, _) in REFUSALS.items() if status != 500} <= met


async def test_edits(show):
    """An edit is answered in the form that is described, however it ends, and so is the history."""
    window = await show()
    document = await described(window)
    form, [key, *_] = Form(document), whole.SETTINGS
    responses = document["paths"]["/api/v1/settings/{key}"]["patch"]["responses"]
    conflict = Conflict(4, 1_780_000_000.0, "Sari", "theirs", None)
    secret = Conflict(4, 1_780_000_000.0, "Sari", None, configured=True)
    window.desk.ends = {"conflict": conflict, "secret": secret}
    answers = []
    for value, status in (("new", 200), ("conflict", 409), ("secret", 409)):
        sent = {"headers": {**EDITING, "If-Match": '"3"'}, "data": json.dumps({"value": value, "reason": "why"})}
        async with window.http.patch(f"{window.url}api/v1/settings/{key}", **sent) as response:
            said = await response.json()
            assert (response.status, response.headers.get("ETag")) == (status, '"4"' if status == 200 else None)
            assert form.problems(responses[str(status)]["content"]["application/json"]["schema"], said) == []
            answers.append(said)
    assert answers[1]["error"]["current"]["value"] == "theirs"
    assert answers[2]["error"]["current"].keys() == {"configured", "version", "changed_at", "changed_by"}
    assert form.unused({"$ref": "#/components/schemas/SettingConflict"}, *answers[1:]) == []
    [edit, *_] = window.desk.edits_seen
    assert (edit.key, edit.version, edit.reason, edit.address) == (key, 3, "why", "127.0.0.1")
    assert (edit.value.reveal(), edit.caller.name) == ("new", "edit")
    _, past = await window.get(f"api/v1/settings/{key}/history")
    assert form.unused({"$ref": "#/components/schemas/SettingHistory"}, past) == []
    wish = {"origin": "https://admin.example", "agent": "browser"}
    async with window.http.post(f"{window.url}api/v1/stream-ticket", headers=EDITING, json=wish) as response:
        assert response.status == 201
        assert form.problems({"$ref": "#/components/schemas/Ticket"}, await response.json()) == []


async def test_session_form(show):
    """Who asks is told in the form that is described."""
    document = await described(await show())
    form = Form(document)
    told = {"kind": "user", "name": "Sari", "role": "super_admin", "level": "edit", "edits": True}
    told["expires_at"] = "2026-01-01T00:00:00.000Z"
    assert form.problems({"$ref": "#/components/schemas/Session"}, told) == []
    assert form.unused({"$ref": "#/components/schemas/Session"}, told) == []


def test_examples():
    """The example of each refusal has the form of an error, and is a sentence."""
    for status, (_, code, words) in REFUSALS.items():
        assert 400 <= status < 600
        assert code.replace("_", "").isalpha()
        assert words.endswith(".")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"value": "new", "old": null}', "bad_request"),
        ('{"value": "new", "reason": null}', "bad_request"),
        ('{"value": null}', "bad_request"),
        ('{"value": "new", "raeson": "why"}', "bad_request"),
        ('{"old": "new"}', "bad_request"),
        ('{"value": "new", "old": "é"}', None),
        ('{"value": "new"}'.encode("utf-16"), "bad_request"),
    ],
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=no-such"])
async def test_bodies(show, body, code, charset):
    """A body is a JSON object of texts in UTF-8 (RFC 8259, 8.1), with known keys alone, whatever is said beside it."""
    window = await show()
    headers = {**EDITING, "If-Match": '"3"', "Content-Type": f"application/json{charset}"}
    sent = body if isinstance(body, bytes) else body.encode()
    address = f"{window.url}api/v1/settings/{next(iter(whole.SETTINGS))}"
    async with window.http.patch(address, headers=headers, data=sent) as response:
        said = await response.json()
    assert (response.status, said.get("error", {}).get("code")) == ((400, code) if code else (200, None))
    address = f"{window.url}api/v1/stream-ticket"
    async with window.http.post(address, headers={**headers, "If-Match": ""}, data=sent) as response:
        assert response.status == (400 if isinstance(body, bytes) else 201)
