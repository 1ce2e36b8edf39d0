"""What to do about each reason: read from a profile's runbooks, every mistake noted with file, key and mend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from monitor.domain.document import ORDER
from monitor.domain.reasons import REASONS
from monitor.toml import Reader

LANGUAGES = ("id", "en")
DERIVED: Mapping[str, frozenset[str]] = {"elapsed_s": frozenset(), "host": frozenset({"target"})}
"""What the page tells from other parameters: how long it has been, and the host within an address."""
WORDS = frozenset({"host", "path", "target"})
"""Parameters of the monitor's own configuration, which may be any text: in a command each is a word, quoted as it must.

All the others stand in a command only where they are plain names or whole numbers, see `web/src/i18n/command.ts`.
"""
SEEN = (*ORDER, "cron", "services", "settings", "monitor")
PARENT = "{parent}"
HOLE = re.compile(r"\{(\w+)\}")
KEYS = "means, causes, first, command, verify, link, see"


@dataclass(frozen=True, slots=True)
class Entry:
    """What to do about one reason; `{name}` in a text stands for that parameter of it.

    `command` is one line for a shell (POSIX sh). `link` names a page of the platform's admin, and `see` what of the
    watched is to be looked at: a check or section by its name, or whatever `{parent}` is.
    """

    means: str
    causes: tuple[str, ...]
    first: str
    verify: str
    command: str
    link: str
    see: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """The entries of one language by the code of their reason, and how the links are called in it."""

    links: Mapping[str, str]
    entries: Mapping[str, Entry]


def links(reader: Reader) -> dict[str, str]:
    """Read where the pages of the platform's admin are: a path on the admin's host, or a whole address."""
    found = {}
    for name in reader.names():
        path = reader.text(name)
        if path and not re.fullmatch(r"(/(?!/)|https?://[^/\s]+)[^\s\\]*", path):
            reader.wrong(name, path, 'give a path on the admin\'s host, such as "/settings/users", or "" for none.')
        elif path:
            found[name] = path
    return found


def read(folder: Traversable, linked: Collection[str], mistakes: list[str]) -> dict[str, Runbook]:
    """Read the runbook of each language, or nothing of a platform without; `linked` are the names of its links."""
    files = {language: folder / f"runbook.{language}.toml" for language in LANGUAGES}
    there = [language for language, file in files.items() if file.is_file()]
    if not there:
        return {}
    missing = [files[language].name for language in LANGUAGES if language not in there]
    mistakes += [f"{name}: is missing; write it, or take {files[there[0]].name} away." for name in missing]
    books = {language: _book(files[language], linked, mistakes) for language in there}
    if not missing:
        mistakes += sorted(_differences(books))
    return books


def _book(file: Traversable, linked: Collection[str], mistakes: list[str]) -> Runbook:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(f"{file.name}: is not TOML: {error}; mend it there.")
        return Runbook({}, {})
    reader = Reader(table, f"{file.name}: ", mistakes)
    part = reader.part("links")
    titles = {name: part.text(name, needed=True) for name in part.names()}
    entries = {}
    for code in reader.names():
        if code not in REASONS:
            reader.wrong(code, None, "is no reason that can be given; take it away, or write its code as it is.")
            reader.table(code)
            continue
        entries[code] = _entry(reader.part(code), REASONS[code], titles)
    for name in linked:
        if name not in titles:
            part.wrong(name, None, "is missing; say how this link of the profile is called.")
    return Runbook(titles, entries)


def _entry(part: Reader, params: Collection[str], titles: Collection[str]) -> Entry:
    entry = Entry(
        means=part.text("means", needed=True),
        causes=part.texts("causes"),
        first=part.text("first", needed=True),
        verify=part.text("verify", needed=True),
        command=part.text("command"),
        link=part.text("link"),
        see=part.text("see"),
    )
    part.done(KEYS)
    if not entry.causes:
        part.wrong("causes", None, "is empty; give at least one likely cause, the likeliest first.")
    known = {*params, *(name for name, needed in DERIVED.items() if needed <= set(params))}
    told = {"means": entry.means, "first": entry.first, "verify": entry.verify, "command": entry.command}
    told |= {f"causes[{number}]": cause for number, cause in enumerate(entry.causes)}
    for key, text in told.items():
        for name in HOLE.findall(text):
            if name not in known:
                there = ", ".join(sorted(known)) or "nothing"
                part.wrong(key, None, f"names {{{name}}}, which this reason does not bring along; it brings {there}.")
    if not entry.command.isprintable():
        part.wrong("command", None, "must be one line of printable characters: it is copied into a shell.")
    for hole in HOLE.finditer(entry.command):
        if hole[1] in WORDS and not _is_word(entry.command, hole):
            part.wrong("command", None, f"put {{{hole[1]}}} between blanks, outside of quotes; it is quoted then.")
    if entry.link and entry.link not in titles:
        part.wrong("link", entry.link, f"give one of the links: {', '.join(titles) or 'there are none'}.")
    if entry.see and entry.see not in SEEN and not (entry.see == PARENT and "parent" in params):
        part.wrong("see", entry.see, f"give one of {', '.join(SEEN)}, or {PARENT} where the reason brings one.")
    return entry


def _is_word(command: str, hole: re.Match[str]) -> bool:
    """Say whether a hole is a whole word of a shell's line, outside of all quotes (POSIX.1-2024, XCU 2.2)."""
    before, after = command[: hole.start()], command[hole.end() :]
    quote = ""
    for letter in before:
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"`":
            quote = letter
    apart = (not before or before[-1] == " ") and (not after or after[0] in " ;")
    return apart and not quote and not before.endswith("\\ ")


def _differences(books: Mapping[str, Runbook]) -> Iterator[str]:
    """Hold the languages against each other: what is told in one is told in the other, with the same command."""
    for one, two in (LANGUAGES, LANGUAGES[::-1]):
        missing = [code for code in books[one].entries if code not in books[two].entries]
        missing += [f"links.{name}" for name in books[one].links if name not in books[two].links]
        yield from (f"runbook.{two}.toml: {key}: is missing; runbook.{one}.toml has it." for key in missing)
    first, other = LANGUAGES
    for code in books[first].entries.keys() & books[other].entries.keys():
        entry, twin = books[first].entries[code], books[other].entries[code]
        for key in ("command", "link", "see"):
            if getattr(entry, key) != getattr(twin, key):
                yield f"runbook.{other}.toml: {code}.{key}: differs from runbook.{first}.toml; make them equal."
