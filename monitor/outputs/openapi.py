"""The addresses of this port as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitor import __version__
from monitor.outputs import forms
from monitor.outputs.schema import FLAG, TEXT, Schema, form, one_of, ref

DESCRIPTION = """\
The health of one platform, at the instant it changes. Everything is read with GET; HEAD answers as GET would, without
the body. Any other method, OPTIONS too, is refused with 405 and the methods that are allowed. Nothing may be cached.
Unknown query parameters are left aside. Whoever asks by a name that the monitor is not known by gets 421.
Changes themselves come over the WebSocket `api/v1/stream` (subprotocol `health.v1.json`), or as server-sent events from
`api/v1/events`; both are described by `api/v1/asyncapi.json`.
What is not known is absent: null is never a value. New keys may come with any version.
"""
REFUSALS: Mapping[int, tuple[str, str, str]] = {
    400: ("BadRequest", "bad_fail_on", "A parameter has a value that is not known."),
    404: ("NotFound", "no_such_check", "There is no such thing; the sentence names those that are."),
    405: ("MethodNotAllowed", "method_not_allowed", "Only GET and HEAD are allowed."),
    421: ("Misdirected", "misdirected_request", "The monitor is not known by the name in Host."),
    500: ("Internal", "internal", "The monitor made a mistake; its log says which."),
    503: ("NotYet", "not_counted_yet", "Nothing has been counted yet; ask again in a moment."),
}
ALWAYS = (405, 421, 500)


def describe(base_path: str, *, checks: Iterable[str], series: Iterable[str], jobs: Iterable[str]) -> dict[str, object]:
    """Give the whole document; the names are those that can be asked for."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "huph-monitor",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_path.rstrip("/") or "/"}],
        "tags": [
            {"name": "health", "description": "The live document and its parts."},
            {"name": "series", "description": "What the document does not carry."},
            {"name": "operation", "description": "For those who run the monitor."},
        ],
        "paths": {**_health(checks), **_series(series, jobs), **_operation()},
        "components": {"schemas": forms.SCHEMAS, "responses": _refusals()},
    }


def _refusals() -> dict[str, object]:
    allow = {"Allow": {"required": True, "schema": {"const": "GET,HEAD"}}}
    return {
        name: {
            "description": words,
            **({"headers": allow} if status == 405 else {}),
            "content": {
                "application/json": {
                    "schema": ref("Error"),
                    "example": {"error": {"code": code, "message": words}},
                }
            },
        }
        for status, (name, code, words) in REFUSALS.items()
    }


def _json(schema: Schema, words: str) -> dict[str, object]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _get(
    name: str,
    tag: str,
    summary: str,
    answers: Mapping[int, object],
    *,
    parameters: Sequence[Schema] = (),
    refusals: Sequence[int] = (),
) -> dict[str, object]:
    refused = {
        status: {"$ref": f"#/components/responses/{REFUSALS[status][0]}"} for status in sorted({*refusals, *ALWAYS})
    }
    responses = {str(status): answer for status, answer in sorted({**answers, **refused}.items())}
    return {
        "get": {
            "operationId": name,
            "tags": [tag],
            "summary": summary,
            **({"parameters": list(parameters)} if parameters else {}),
            "responses": responses,
        }
    }


def _name(name: str, words: str, known: Iterable[str]) -> dict[str, object]:
    """Describe a name in the path; the known ones are all that there are."""
    names = list(known)
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": one_of(*names) if names else {**TEXT, "minLength": 1},
    }


def _health(checks: Iterable[str]) -> dict[str, object]:
    fail_on = {
        "name": "fail_on",
        "in": "query",
        "description": "Answer 503 also when the platform is degraded, or is degraded or unknown.",
        "schema": one_of("degraded", "unknown"),
    }
    short = ref("Short")
    return {
        "/api/v1/health": _get(
            "health",
            "health",
            "The short answer, for load balancers",
            {
                200: _json(short, "The database answers, and nothing of `fail_on` is so."),
                503: _json(
                    short, "The database fails, nothing has been observed yet, or something of `fail_on` is so."
                ),
            },
            parameters=[fail_on],
            refusals=[400],
        ),
        "/api/v1/health/full": _get(
            "document",
            "health",
            "The live document",
            {
                200: _json(ref("Document"), "The document at its position, which is its ETag."),
                304: {"description": "The document of this position is known already."},
            },
            parameters=[
                {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": 'The ETag of the document that is known: "EPOCH:SEQ".',
                    "schema": TEXT,
                }
            ],
        ),
        "/api/v1/checks/{name}": _get(
            "check",
            "health",
            "One check",
            {200: _json({"anyOf": forms.entries()}, "The entry of the check in the document.")},
            parameters=[_name("name", "The name of a check.", checks)],
            refusals=[404],
        ),
        "/api/v1/cron": _get(
            "cron",
            "health",
            "The scheduled jobs",
            {200: _json(ref("Cron"), "The jobs by name.")},
            refusals=[404],
        ),
        "/api/v1/services": _get(
            "services", "health", "The services around the platform", {200: _json(ref("Services"), "By name.")}
        ),
        "/api/v1/settings": _get(
            "settings",
            "health",
            "The settings of the platform, secrets without their values",
            {200: _json(ref("Settings"), "By key.")},
        ),
    }


def _series(series: Iterable[str], jobs: Iterable[str]) -> dict[str, object]:
    return {
        "/api/v1/series/{name}": _get(
            "series",
            "series",
            "One long series",
            {200: _json({"anyOf": forms.series()}, "The series.")},
            parameters=[_name("name", "The name of a series.", series)],
            refusals=[404, 503],
        ),
        "/api/v1/cron/{job}/runs": _get(
            "runs",
            "series",
            "The runs of one job in the last 24 hours",
            {200: _json(ref("Runs"), "The runs, newest first.")},
            parameters=[_name("job", "The name of a job.", jobs)],
            refusals=[404, 503],
        ),
    }


def _operation() -> dict[str, object]:
    text = {"schema": TEXT}
    return {
        "/api/v1/openapi.json": _get(
            "openapi", "operation", "This document", {200: _json({"type": "object"}, "OpenAPI 3.1.")}
        ),
        "/api/v1/asyncapi.json": _get(
            "asyncapi", "operation", "The live stream", {200: _json({"type": "object"}, "AsyncAPI 3.0.")}
        ),
        "/livez": _get(
            "live", "operation", "Whether the monitor runs", {200: _json(form("live", live=FLAG), "It does.")}
        ),
        "/readyz": _get(
            "ready",
            "operation",
            "Whether the database has been looked at",
            {
                200: _json(form("ready", ready=FLAG), "It has, whatever was seen."),
                503: _json(form("ready", ready=FLAG), "Not yet."),
            },
        ),
        "/metrics": _get(
            "metrics",
            "operation",
            "The figures for Prometheus",
            {
                200: {
                    "description": "In the format that Accept asks for: text, or OpenMetrics.",
                    "content": {"text/plain": text, "application/openmetrics-text": text},
                }
            },
        ),
    }
