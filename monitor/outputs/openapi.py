"""The addresses of this port as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor import __version__
from monitor.outputs import forms
from monitor.outputs.operation import body, header, operation, path_name, refusals
from monitor.outputs.schema import FLAG, TEXT, form, one_of, ref
from monitor.runbook import LANGUAGES

DESCRIPTION = """\
The health of one platform, at the instant it changes. Everything is read with GET; HEAD answers as GET would, without
the body. A method that is not described is refused with 405 and the methods that are allowed. Nothing may be cached.
Unknown query parameters are left aside. Whoever asks by a name that the monitor is not known by gets 421.
Who asks is known by the session cookie of the platform's NextAuth, or by a service token as a Bearer (RFC 6750);
whoever edits shows in addition that no page of another site asks, by the header X-Huph-Monitor.
Changes themselves come over the WebSocket `api/v1/stream` (subprotocol `health.v1.json`), or as server-sent events from
`api/v1/events`; both are described by `api/v1/asyncapi.json`.
What is not known is absent: null is never a value. New keys may come with any version.
"""
SECURITY: Mapping[str, Mapping[str, str]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A service token of huph-monitor."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "authjs.session-token",
        "description": "The session of the platform's NextAuth, of either version; over TLS its name is prefixed.",
    },
}


def describe(
    base_path: str, *, checks: Iterable[str], series: Iterable[str], jobs: Iterable[str], settings: Iterable[str]
) -> dict[str, object]:
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
        "security": [{name: []} for name in SECURITY],
        "tags": [
            {"name": "health", "description": "The live document and its parts."},
            {"name": "access", "description": "Who asks, and what he may change."},
            {"name": "series", "description": "What the document does not carry."},
            {"name": "operation", "description": "For those who run the monitor."},
        ],
        "paths": {**_health(checks), **_series(series, jobs), **_access(settings), **_operation()},
        "components": {"schemas": forms.SCHEMAS, "responses": refusals(), "securitySchemes": SECURITY},
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
        "/api/v1/health": operation(
            "health",
            "health",
            "The short answer, for load balancers",
            {
                200: body(short, "The database answers, and nothing of `fail_on` is so."),
                503: body(short, "The database fails, nothing has been observed yet, or something of `fail_on` is so."),
            },
            parameters=[fail_on],
            refusals=[400],
        ),
        "/api/v1/health/full": operation(
            "document",
            "health",
            "The live document",
            {
                200: body(ref("Document"), "The document at its position, which is its ETag."),
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
        "/api/v1/checks/{name}": operation(
            "check",
            "health",
            "One check",
            {200: body({"anyOf": forms.entries()}, "The entry of the check in the document.")},
            parameters=[path_name("name", "The name of a check.", checks)],
            refusals=[404],
        ),
        "/api/v1/cron": operation(
            "cron",
            "health",
            "The scheduled jobs",
            {200: body(ref("Cron"), "The jobs by name.")},
            refusals=[404],
        ),
        "/api/v1/services": operation(
            "services", "health", "The services around the platform", {200: body(ref("Services"), "By name.")}
        ),
        "/api/v1/runbook/{language}": operation(
            "runbook",
            "health",
            "What to do about each reason",
            {
                200: body(ref("Runbook"), "The entries by the code of their reason; none without a runbook."),
                304: {"description": "It is known already."},
            },
            parameters=[
                path_name("language", "The language.", LANGUAGES),
                header("If-None-Match", "The ETag of the runbook that is known."),
            ],
            refusals=[404],
        ),
        "/api/v1/settings": operation(
            "settings",
            "health",
            "The settings of the platform, secrets without their values",
            {200: body(ref("Settings"), "By key.")},
        ),
    }


def _series(series: Iterable[str], jobs: Iterable[str]) -> dict[str, object]:
    return {
        "/api/v1/series/{name}": operation(
            "series",
            "series",
            "One long series",
            {200: body({"anyOf": forms.series()}, "The series.")},
            parameters=[path_name("name", "The name of a series.", series)],
            refusals=[404, 503],
        ),
        "/api/v1/cron/{job}/runs": operation(
            "runs",
            "series",
            "The runs of one job in the last 24 hours",
            {200: body(ref("Runs"), "The runs, newest first.")},
            parameters=[path_name("job", "The name of a job.", jobs)],
            refusals=[404, 503],
        ),
    }


def _access(settings: Iterable[str]) -> dict[str, object]:
    own = header("X-Huph-Monitor", "Shows that no page of another site asks.", {"const": "1"}, required=True)
    key = path_name("key", "The key of a setting.", settings)
    return {
        "/api/v1/session": operation(
            "session", "access", "Who asks, and what he may do", {200: body(ref("Session"), "The caller.")}
        ),
        "/api/v1/stream-ticket": operation(
            "ticket",
            "access",
            "A ticket for a browser that can send no header",
            {201: body(ref("Ticket"), "Good once, as ?ticket= of the stream or the events.")},
            method="post",
            parameters=[own],
            sent=body(ref("TicketWish"), "The browser's Origin and User-Agent, where another program asks for it."),
        ),
        "/api/v1/settings/{key}": operation(
            "edit",
            "access",
            "Give a setting another value",
            {
                200: body(ref("SettingDone"), "It is written, and recorded; the ETag is its new version."),
                409: body(ref("SettingConflict"), "Somebody was faster, and nothing was written."),
            },
            method="patch",
            parameters=[key, own, header("If-Match", "The version that you have seen, in quotes.")],
            refusals=[404, 422, 428, 429, 503, 504],
            sent=body(ref("SettingEdit"), "The new value."),
        ),
        "/api/v1/settings/{key}/history": operation(
            "history",
            "access",
            "The edits of a setting, newest first",
            {200: body(ref("SettingHistory"), "At most 50; of a secret never what it was.")},
            parameters=[key],
            refusals=[404, 429, 503],
        ),
    }


def _operation() -> dict[str, object]:
    text = {"schema": TEXT}
    return {
        "/api/v1/openapi.json": operation(
            "openapi", "operation", "This document", {200: body({"type": "object"}, "OpenAPI 3.1.")}
        ),
        "/api/v1/asyncapi.json": operation(
            "asyncapi", "operation", "The live stream", {200: body({"type": "object"}, "AsyncAPI 3.0.")}
        ),
        "/livez": operation(
            "live",
            "operation",
            "Whether the monitor runs",
            {200: body(form("live", live=FLAG), "It does.")},
            public=True,
        ),
        "/readyz": operation(
            "ready",
            "operation",
            "Whether the database has been looked at",
            {
                200: body(form("ready", ready=FLAG), "It has, whatever was seen."),
                503: body(form("ready", ready=FLAG), "Not yet."),
            },
            public=True,
        ),
        "/metrics": operation(
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
