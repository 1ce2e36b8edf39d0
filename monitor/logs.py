"""Structured logs on standard error: one event, one line of JSON; or, on a terminal, coloured text."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

import orjson
import structlog

from monitor.redactor import RAW, redactor
from monitor.secret import Secret

COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal may obey, but for the ends of the lines of a traceback; and what cannot be written."""
WITHIN_A_LINE = re.compile(rf"{COMMANDS.pattern}|[\t\n]")
DEEP = 6
"""So far down a value is looked for the part that cannot be said: an exception's words are within three."""
Event = MutableMapping[str, Any]


def _json(_: object, __: str, event: Event) -> str:
    try:
        line = _dump(event)
    except TypeError:
        # Half a surrogate pair, or a number beyond 64 bits: a line about it is worth more than an exception.
        line = _dump({_name(key): _sayable(value) for key, value in event.items()})
    return line.decode().translate(RAW)


def _dump(value: object) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _name(key: object) -> str:
    return str(key).encode("utf-8", "backslashreplace").decode()


def _sayable(value: object, deep: int = DEEP) -> object:
    try:
        _dump(value)
    except TypeError:
        if deep and isinstance(value, Mapping):
            return {_name(key): _sayable(inner, deep - 1) for key, inner in value.items()}
        if deep and isinstance(value, list | tuple):
            return [_sayable(inner, deep - 1) for inner in value]
        return ascii(value)
    return value


def _obeyed_by_none(_: object, __: str, event: Event) -> Event:
    """Write as escapes what a terminal would obey, where the renderer does not: in names and in tracebacks."""

    def plain(text: object, found: re.Pattern[str]) -> str:
        return found.sub(lambda one: one[0].encode("unicode_escape").decode(), str(text))

    way = event.pop("exception", None)
    told = {plain(key, WITHIN_A_LINE): value for key, value in event.items()}
    told["event"] = plain(event.get("event", ""), WITHIN_A_LINE)
    return {**told, "exception": plain(way, COMMANDS)} if way is not None else told


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what asyncpg leaves behind of a connection that we gave up before its TLS was agreed on."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, ConnectionError) and str(error) == "unexpected connection_lost() call")


class Foreign(logging.Handler):
    """Takes what libraries say through Python's own logging, and says it as an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        if record.exc_info:
            log = log.bind(exc_info=record.exc_info)
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - its own words do not fit together; that is no reason to lose them
            message = str(record.msg)
        tell("library.warned", library=record.name, message=message)


def _last_words(kind: type[BaseException], error: BaseException, way: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, way)
        return
    log = structlog.get_logger().bind(exc_info=(kind, error, way))
    log.error("program.failed")


def configure(*, as_json: bool | None = None, level: str = "info", secrets: Iterable[Secret] = ()) -> None:
    """Set the logs up; `as_json` None means: JSON unless standard error is a terminal.

    No line holds one of `secrets`, wherever it came from.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    way: list[Any] = (
        # Never the local variables of a traceback: they may hold secrets.
        [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            _json,
        ]
        if as_json
        # With `repr_native_str` a value cannot speak to the terminal: its control characters are written as escapes.
        else [
            structlog.processors.format_exc_info,
            _obeyed_by_none,
            structlog.dev.ConsoleRenderer(repr_native_str=True),
        ]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            *way,
            _last_look(redactor(secrets)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # One write with its end: lines of the daemon and of its demo, on one pipe, never run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # aiohttp and asyncio speak through the standard library; only their warnings matter here.
    logging.basicConfig(level=logging.WARNING, handlers=[Foreign()])
    logging.getLogger("asyncio").addFilter(_is_news)
    # aiohttp quotes the beginning of over-long headers, cookies among them, in this logger.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # What ends the program is told in the same way: Python itself would write it as it is.
    sys.excepthook = _last_words


def _last_look(without_secrets: Callable[[str], str]) -> structlog.typing.Processor:
    return lambda _, __, line: without_secrets(str(line))
