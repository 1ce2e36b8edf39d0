"""The OpenAPI document: every address and none other, valid, and true of what is really answered."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from monitor import __version__
from monitor.domain.document import ORDER
from monitor.outputs import forms
from monitor.outputs.openapi import REFUSALS
from monitor.outputs.routes.health import FAIL_ON
from monitor.outputs.routes.series import NAMES
from monitor.outputs.schema import HEAD
from tests.outputs import whole
from tests.outputs.form import Form, references
from tests.outputs.weather import weather

Json = dict[str, Any]


async def described(port: Any) -> Json:
    status, document = await port.get("api/v1/openapi.json")
    assert status == 200
    return document


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, item in document["paths"].items():
        assert list(item) == ["get"]
        yield path, item["get"]


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
    assert len({operation["operationId"] for _, operation in operations(document)}) == len(document["paths"])


async def test_names(show, stage):
    """Where an address takes a name, all names that it takes are listed, each in its own profile."""
    described_ones = operations(await described(await show()))
    names = {path: one["parameters"] for path, one in described_ones if "parameters" in one and "full" not in path}
    listed = {path: [parameter["schema"]["enum"] for parameter in found] for path, found in names.items()}
    assert listed == {
        "/api/v1/health": [list(FAIL_ON)],
        "/api/v1/checks/{name}": [list(ORDER)],
        "/api/v1/series/{name}": [list(NAMES)],
        "/api/v1/cron/{job}/runs": [list(whole.JOBS)],
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
            address = path.replace("{name}", name).replace("{job}", name).removeprefix("/")
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


async def test_refusals(show):
    """Every status that an address can answer is described, with the form that its errors have."""
    window = await show()
    document = await described(window)
    form = Form(document)
    window.series.clear()
    met = set()
    for method, path, described_as in [
        ("GET", "api/v1/health?fail_on=x", "/api/v1/health"),
        ("GET", "api/v1/checks/x", "/api/v1/checks/{name}"),
        ("GET", "api/v1/series/x", "/api/v1/series/{name}"),
        ("GET", "api/v1/series/messages", "/api/v1/series/{name}"),
        ("GET", "api/v1/cron/x/runs", "/api/v1/cron/{job}/runs"),
        ("GET", "api/v1/cron/follow_up/runs", "/api/v1/cron/{job}/runs"),
        *(
            ("POST", path.removeprefix("/").replace("{name}", "db").replace("{job}", "x"), path)
            for path in document["paths"]
        ),
        *(("GET", path.removeprefix("/"), path) for path in document["paths"]),
    ]:
        foreign = method == "GET" and path == described_as.removeprefix("/")
        headers = {"Host": "evil.example"} if foreign else {}
        async with window.http.request(method, window.url + path, headers=headers) as response:
            said = await response.json()
            answer = document["paths"][described_as]["get"]["responses"][str(response.status)]
            refusal = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            assert form.problems(refusal["content"]["application/json"]["schema"], said) == []
            for name, header in refusal.get("headers", {}).items():
                assert response.headers[name] == header["schema"]["const"]
            met.add((response.status, said["error"]["code"]))
            assert response.headers["Cache-Control"] == "no-store"
    statuses = {status for status, _ in met}
    assert statuses == REFUSALS.keys() - {500}
    assert {(status, code) for status, (_, code, _) in REFUSALS.items() if status != 500} <= met


def test_examples():
    """The example of each refusal has the form of an error, and is a sentence."""
    for status, (_, code, words) in REFUSALS.items():
        assert 400 <= status < 600
        assert code.replace("_", "").isalpha()
        assert words.endswith(".")
