"""Structured logs: lines of JSON, or coloured text on a terminal; always one event, one line, on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from monitor.secret import Secret

UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "\u0085\u2028\u2029\x7f"}
"""Characters that JSON leaves raw and that some readers take for the end of a line."""


def _hide(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: "***" if isinstance(value, Secret) else value for key, value in event.items()}


def _json(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode().translate(UNSAFE)


def configure(*, as_json: bool | None = None, level: str = "info") -> None:
    """Set the logs up; `as_json` None means: JSON unless standard error is a terminal."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    renderer: Any = _json if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            # Never the local variables of a traceback: they may hold secrets.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
            if as_json
            else structlog.processors.format_exc_info,
            _hide,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # aiohttp and asyncio speak through the standard library; only their warnings matter here.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    # aiohttp quotes the beginning of over-long headers, cookies among them, in this logger.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
