"""JSON Schema (2020-12) in few words, and what all entries of the live document have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def ref(name: str) -> Schema:
    """Point to the form of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def form(required: str = "", **properties: Schema) -> dict[str, Any]:
    """Describe an object with these keys; those named in `required` are always there."""
    described: dict[str, Any] = {"type": "object", "properties": properties}
    return {**described, "required": required.split()} if required else described


def by_name(schema: Schema) -> dict[str, Any]:
    """Describe a collection: an object keyed by name."""
    return {"type": "object", "additionalProperties": schema}


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def said(schema: Schema, words: str) -> Schema:
    """Add a description."""
    return {**schema, "description": words}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
AMOUNT: Schema = {"type": "number", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 0}
TRUE: Schema = {"const": True}
TIME, CODE, PARAMS, VERDICT = ref("Time"), ref("Code"), ref("Params"), ref("Verdict")
REASON: Mapping[str, Schema] = {
    "verdict": VERDICT,
    "reason": said(CODE, "Absent for a plain ok."),
    "params": said(PARAMS, "The values of the reason's sentence."),
}
HEAD: Mapping[str, Schema] = {
    **REASON,
    "also": said(by_name(form("verdict params", verdict=VERDICT, params=PARAMS)), "Other true reasons, by code."),
    "flapping": said(TRUE, "The verdict changed four times in ten minutes."),
    "pending": said(form("to n need", to=VERDICT, n=COUNT, need=COUNT), "Seen n of the times that are needed."),
    "explained_by": said(CODE, "The reason elsewhere that this one follows from."),
    "since": TIME,
    "observed_at": said(TIME, "The age of the evidence; absent before the first."),
    "ttl_s": said(AMOUNT, "Evidence older than this makes the verdict unknown."),
    "source": one_of("event", "sample"),
    "headline": form("value", value=NUMBER, of=NUMBER, unit=TEXT),
    "limits": said(PARAMS, "The thresholds that are judged by."),
}


def entry(detail: Schema) -> Schema:
    """Describe a check or service: what all have in common, and its own detail."""
    return form("verdict since ttl_s limits detail", **HEAD, detail=detail)


def section(required: str = "", **detail: Schema) -> Schema:
    """Describe a section that is one entry, with its detail laid flat beside what all entries have in common."""
    return form(required, **HEAD, **detail)


GROUND: Mapping[str, Schema] = {
    "Verdict": one_of("ok", "warn", "fail", "unknown"),
    "Status": one_of("healthy", "degraded", "unknown"),
    "Time": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        "description": "RFC 3339 in UTC with milliseconds.",
    },
    "Code": {"type": "string", "pattern": r"^[a-z_]+\.[a-z_]+$", "description": "A stable code, as in db.refused."},
    "Scalar": {"type": ["string", "number", "boolean"]},
    "Params": by_name(ref("Scalar")),
    "Error": form(
        "error",
        error=form(
            "code message",
            code=said({"type": "string", "pattern": "^[a-z_]+$"}, "Stable."),
            message=said(TEXT, "A sentence that names the mend."),
            sign_in_url=said(TEXT, "Where one signs in."),
            problem=one_of("type", "pattern", "choice", "bounds", "empty"),
        ),
    ),
    "Counts": said(form("ok warn fail unknown", ok=COUNT, warn=COUNT, fail=COUNT, unknown=COUNT), "Of the checks."),
    "Transition": form(
        "at check from to", **{"at": TIME, "check": TEXT, "from": VERDICT, "to": VERDICT, "reason": CODE}, params=PARAMS
    ),
}
