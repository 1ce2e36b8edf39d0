"""One operation of the OpenAPI document, and the refusals that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitor.outputs.schema import TEXT, Schema, one_of, ref

REFUSALS: Mapping[int, tuple[str, str, str]] = {
    400: (
        "BadRequest",
        "bad_fail_on",
        "A parameter has a value that is not known, or the body is not what it must be.",
    ),
    401: ("Unknown", "sign_in", "Sign in first, or show a token (Authorization: Bearer)."),
    403: ("Forbidden", "scope", "You are known, and may not do this; or the page that asks is another one's."),
    404: ("NotFound", "no_such_check", "There is no such thing; the sentence names those that are."),
    405: ("MethodNotAllowed", "method_not_allowed", "Only the methods of Allow are allowed."),
    413: ("TooLarge", "request_entity_too_large", "The body is longer than 64 KiB."),
    415: ("NotJson", "unsupported_media_type", "Send JSON, with Content-Type: application/json."),
    421: ("Misdirected", "misdirected_request", "The monitor is not known by the name in Host."),
    422: ("Invalid", "invalid_value", "The value is not one that this setting may have; `problem` says why."),
    428: ("Unseen", "precondition_required", "Say what you have seen: If-Match with the version, or `old`."),
    429: ("TooMany", "too_many", "At most 10 edits and 30 looks at the past in 60 s; Retry-After says when (s)."),
    500: ("Internal", "internal", "The monitor made a mistake; its log says which."),
    503: ("NotYet", "not_counted_yet", "Nothing has been counted yet, or nothing was written; ask again in a moment."),
    504: ("Unconfirmed", "unconfirmed", "The database has not said whether it was written; look again."),
}
ALWAYS = (405, 421, 500)
GUARDED = (401, 403)
WRITING = (400, 413, 415)
ALLOWED = ("GET,HEAD", "PATCH", "POST")


def refusals() -> dict[str, object]:
    """Give the component of each refusal."""
    allow = {"Allow": {"required": True, "schema": one_of(*ALLOWED)}}
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


def body(schema: Schema, words: str) -> dict[str, object]:
    """Describe an answer, or what is sent, in JSON."""
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def operation(
    name: str,
    tag: str,
    summary: str,
    answers: Mapping[int, object],
    *,
    method: str = "get",
    parameters: Sequence[Schema] = (),
    refusals: Sequence[int] = (),
    sent: Mapping[str, object] | None = None,
    public: bool = False,
) -> dict[str, object]:
    """Describe one operation; a `public` one asks nobody who they are."""
    statuses = {*refusals, *ALWAYS, *(() if public else GUARDED), *(WRITING if sent is not None else ())}
    refused = {status: {"$ref": f"#/components/responses/{REFUSALS[status][0]}"} for status in sorted(statuses)}
    nobody: dict[str, object] = {"security": []}
    responses = {str(status): answer for status, answer in sorted({**refused, **answers}.items())}
    return {
        method: {
            "operationId": name,
            "tags": [tag],
            "summary": summary,
            **(nobody if public else {}),
            **({"parameters": list(parameters)} if parameters else {}),
            **({"requestBody": {"required": True, **sent}} if sent is not None else {}),
            "responses": responses,
        }
    }


def path_name(name: str, words: str, known: Iterable[str]) -> dict[str, object]:
    """Describe a name in the path; the known ones are all that there are."""
    names = list(known)
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": one_of(*names) if names else {**TEXT, "minLength": 1},
    }


def header(name: str, words: str, schema: Schema = TEXT, *, required: bool = False) -> dict[str, object]:
    """Describe a header."""
    return {"name": name, "in": "header", "required": required, "description": words, "schema": schema}
