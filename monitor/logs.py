"""Structured logs on standard error: one event, one line of JSON; or, on a terminal, coloured text."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "\u0085\u2028\u2029\x7f"}
"""Characters that JSON leaves raw and that some readers take for the end of a line."""


def _json(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    try:
        line = _dump(event)
    except TypeError:
        # Half a surrogate pair, or a number beyond 64 bits: a line about it is worth more than an exception.
        line = _dump({key: _sayable(value) for key, value in event.items()})
    return line.decode().translate(UNSAFE)


def _dump(value: object) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _sayable(value: object) -> object:
    try:
        _dump(value)
    except TypeError:
        return ascii(value)
    return value


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what asyncpg leaves behind of a connection that we gave up before its TLS was agreed on."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, ConnectionError) and str(error) == "unexpected connection_lost() call")


def configure(*, as_json: bool | None = None, level: str = "info") -> None:
    """Set the logs up; `as_json` None means: JSON unless standard error is a terminal."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    # With `repr_native_str` a value cannot speak to the terminal: its control characters are written as escapes.
    renderer: Any = _json if as_json else structlog.dev.ConsoleRenderer(repr_native_str=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            # Never the local variables of a traceback: they may hold secrets.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
            if as_json
            else structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # One write with its end: lines of the daemon and of its demo, on one pipe, never run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # aiohttp and asyncio speak through the standard library; only their warnings matter here.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("asyncio").addFilter(_is_news)
    # aiohttp quotes the beginning of over-long headers, cookies among them, in this logger.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
