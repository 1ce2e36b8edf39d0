"""A strict judge of forms: what is not described must not be there, and what is described must come somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

Json = dict[str, Any]


def closed(schema: Any) -> Any:
    """Forbid every key that an object's form does not name. Readers must not be as strict: new keys may come."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def references(value: Any) -> Iterator[str]:
    """Give what is pointed to, anywhere within."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


class Form:
    """Judges by the components of one OpenAPI document."""

    def __init__(self, document: Json) -> None:
        self._components = document["components"]

    def problems(self, schema: Json, value: Any) -> list[str]:
        """Say where a value is not of this form."""
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self._components, **schema}
        judge = jsonschema_rs.Draft202012Validator(closed(whole), validate_formats=True)
        return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in judge.iter_errors(value)]

    def unused(self, schema: Json, *values: Any, path: str = "") -> list[str]:
        """Name the keys that are described and that none of these values has."""
        if "$ref" in schema:
            schema = self._components["schemas"][schema["$ref"].rpartition("/")[2]]
        missing = []
        objects = [value for value in values if isinstance(value, dict)]
        described = schema.get("properties", {})
        for key, inner in described.items():
            found = [one[key] for one in objects if key in one]
            missing += self.unused(inner, *found, path=f"{path}/{key}") if found else [f"{path}/{key}"]
        if isinstance(inner := schema.get("additionalProperties"), dict):
            others = [value for one in objects for key, value in one.items() if key not in described]
            missing += self.unused(inner, *others, path=f"{path}/*")
        if isinstance(inner := schema.get("items"), dict):
            items = [item for value in values if isinstance(value, list) for item in value]
            missing += self.unused(inner, *items, path=f"{path}/-")
        return missing
