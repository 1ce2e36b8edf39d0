"""The documents say what the code does: log events against every log call, and what is defended against its tests."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
NAME = re.compile(r"[a-z]+\.[a-z_]+")


@dataclass
class Said:
    """One event: its levels and its fields, with "…" for those that only the moment knows."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def levels_of(node: ast.AST) -> set[str]:
    """Give the levels of a log's methods that are named within this expression."""
    return {
        LEVELS[one.attr]
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and one.attr in LEVELS
        and isinstance(one.value, ast.Name)
        and one.value.id in {"log", "_log"}
    }


def in_code(files: list[Path]) -> dict[str, Said]:
    """Collect every call of a log, or of a name that stands for one of its methods."""
    events: dict[str, Said] = {}
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        stand_ins = {
            target.id: levels
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and not isinstance(node.value, ast.Call)
            and (levels := levels_of(node.value))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            levels = stand_ins.get(name) or (levels_of(node.func) if isinstance(node.func, ast.Attribute) else set())
            if not levels:
                continue
            event = node.args[0]
            assert isinstance(event, ast.Constant), f"{file}:{node.lineno}: the event's name is not written out"
            said = events.setdefault(str(event.value), Said())
            said.levels |= levels
            said.fields |= {keyword.arg or "…" for keyword in node.keywords}
    return events


def in_table(text: str) -> dict[str, Said]:
    """Read the rows of the document's tables."""
    rows = re.findall(r"^\| `([^`]+)` \|([^|]*)\|([^|]*)\|([^|]+)\|$", text, re.MULTILINE)
    assert all(when.strip().endswith(".") for *_, when in rows)
    assert len(rows) == len({name for name, *_ in rows}), "an event stands there twice"
    return {
        name: Said({level.strip() for level in levels.split(",")}, set(re.findall(r"`([^`]+)`", fields)))
        for name, levels, fields, _ in rows
    }


@cache
def code() -> dict[str, Said]:
    return in_code(sorted((ROOT / "monitor").rglob("*.py")))


TABLE = in_table((ROOT / "docs" / "log-events.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_log_events(name):
    """Each row of the table is really logged, with its levels and fields."""
    assert name in code(), "it is documented and nowhere logged"
    assert TABLE[name] == code()[name]


def test_all_log_events():
    """Each event that is logged stands in the table."""
    assert code().keys() - TABLE.keys() == set()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_names(name):
    """An event's name is a noun, a dot, and a verb in the past."""
    assert NAME.fullmatch(name)
    assert not name.endswith("ing")


def test_nothing_is_overlooked():
    """As many events are found as the files write out: a log under another name would show here."""
    written = set()
    for file in (ROOT / "monitor").rglob("*.py"):
        written |= set(re.findall(r'\b(?:_?log\.\w+|tell)\(\s*"([a-z]+\.[a-z_]+)"', file.read_text(encoding="utf-8")))
    assert written == set(code())
    assert len(code()) > 20


# What is defended


def defended() -> list[tuple[str, list[str], list[str]]]:
    """Read the rows of what is defended: against what, in which modules, and by which tests."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition("| against | by | module | test |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return [
        (against, *(re.findall(r"`([^`]+)`", cell) for cell in (modules, tests))) for against, _, modules, tests in rows
    ]


@pytest.mark.parametrize(("against", "modules", "tests"), defended())
def test_defended(against, modules, tests):
    """Each row names modules that are there, and files with tests."""
    assert modules
    assert tests
    sql = ROOT / "monitor" / "profiles" / "huph" / "sql"
    for name in modules:
        places = (ROOT / "monitor" / f"{name}.py", sql / name, ROOT / name)
        assert any(place.exists() for place in places), f"{against}: there is no {name}"
    for name in tests:
        assert (ROOT / name).is_file(), f"{against}: there is no {name}"
        assert re.search(r"^(async )?def test_", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), name


def test_each_security_test_defends():
    """No file of tests/security, nor of tests/access, is missing from the table."""
    named = {name for *_, tests in defended() for name in tests}
    files = [file for folder in ("security", "access") for file in (ROOT / "tests" / folder).rglob("test_*.py")]
    missing = {str(file.relative_to(ROOT)) for file in files} - named
    assert missing == {"tests/access/test_caller.py"}
    assert len(files) > 15
