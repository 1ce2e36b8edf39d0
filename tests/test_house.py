"""The house rules that a machine can hold: openings, names, sizes, the direction of imports, locks, sentences."""

from __future__ import annotations

import ast
import functools
import json
import re
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor import runbook
from monitor.domain.document import ORDER
from monitor.domain.reasons import REASONS
from monitor.domain.signal import Trouble

ROOT = Path(__file__).resolve().parents[1]
MONITOR = ROOT / "monitor"
FILES = sorted(MONITOR.rglob("*.py"))
WORDS = {"util", "utils", "helper", "helpers", "common", "core", "manager", "misc", "base"}
LINES = 330


def path_of(file: Path) -> str:
    return file.relative_to(MONITOR).as_posix()


# Files.


@pytest.mark.parametrize("file", FILES, ids=path_of)
def test_opening(file):
    """A file opens with one sentence that says what it is."""
    opening = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")), clean=False)
    assert opening is not None
    first = opening.split("\n\n")[0]
    assert first.endswith("."), first
    assert "\n" not in first
    assert not re.search(r"[.!?] [A-Z]", first), "more than one sentence"


@pytest.mark.parametrize("file", FILES, ids=path_of)
def test_length(file):
    """A file is short enough to be read in one go."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LINES


def stray(root: Path) -> list[Path]:
    """Find what is named for no thing."""
    return [path for path in root.rglob("*") if path.stem.lower() in WORDS and path.suffix in {"", ".py"}]


def test_names():
    """No file or folder is a drawer for this and that."""
    assert stray(MONITOR) == []


# The direction of imports.


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([command, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


def test_imports():
    """Imports point downward only, and each foreign library enters by its own doors."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree of the code, to be spoiled."""
    shutil.copytree(MONITOR, tmp_path / "monitor", ignore=shutil.ignore_patterns("__pycache__", "_web"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("domain/window.py", "import time", "The domain knows no clock, no chance, no wire"),
        ("sources/payload.py", "from monitor.outputs import wire", "Imports only point downward"),
        ("outputs/hub.py", "from monitor.domain import board", "Only the engine holds the board"),
        ("utils.py", "", "Imports only point downward"),
    ],
)
def test_planted(copy, file, line, contract):
    """A forbidden import is found, and so is a file that has no place in the layers."""
    planted = copy / "monitor" / file
    before = planted.read_text(encoding="utf-8") if planted.exists() else '"""A drawer."""\n'
    planted.write_text(f"{before}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout or "utils" in done.stdout
    assert file != "utils.py" or stray(copy / "monitor")


# Locks.


@pytest.mark.parametrize("name", ["serve", "run", "dev"])
def test_requirements(name):
    """Every package is pinned with its hashes, and no host is named, so that any registry serves."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|index-url|find-links|trusted-host|@ ", text)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 10
    for entry in entries:
        pinned, *hashes = [line.strip().removesuffix("\\").strip() for line in entry.split("\n")]
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+( ; .+)?", pinned), pinned
        assert hashes, pinned
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), pinned


def locks() -> list[Path]:
    return [
        file
        for folder in ("web", "tests/asyncapi", "tests/browser", "tests/nextauth", "tests/node")
        if (file := ROOT / folder / "package-lock.json").is_file()
    ]


@pytest.mark.parametrize("file", locks(), ids=lambda file: file.parent.name)
def test_package_lock(file):
    """The page's lock names no host either, pins each package by its hash, and lacks none that another one names."""
    text = file.read_text(encoding="utf-8")
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    for path, entry in packages.items():
        assert path == "" or entry.get("integrity", "").startswith("sha512-"), path
        kinds = ("dependencies", "optionalDependencies", *(("devDependencies",) if path == "" else ()))
        for name in (name for kind in kinds for name in entry.get(kind, {})):
            # As Node looks for it: in its own node_modules, then in each one above.
            places = [path]
            while places[-1]:
                places.append(places[-1].rpartition("node_modules/")[0].rstrip("/"))
            found = [f"{place}/node_modules/{name}".lstrip("/") for place in places]
            assert any(one in packages for one in found), f"{path or 'the root'} needs {name}"


# Sentences: each reason that can be given has one, and it names only what the reason brings along.

CODE = re.compile(rf"({'|'.join(ORDER)}|unknown)\.[a-z_]+")
CATALOGUE = ROOT / "web" / "src" / "i18n" / "reasons.json"
DERIVED = {"elapsed_s"}


class Reasons(ast.NodeVisitor):
    """Collects, per code, the parameters with which `Reason(code, verdict, params)` is made."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: dict[str, set[str]] = {}
        self._tree = tree
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for function in self._functions.values():
            self._function = function
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                    self._take(node)

    @classmethod
    def within(cls, function: ast.FunctionDef) -> Reasons:
        """Look at one function's own names."""
        reasons = cls(ast.Module(body=[function], type_ignores=[]))
        reasons._function = function
        return reasons

    def _take(self, call: ast.Call) -> None:
        params = self._keys(call.args[2], call.lineno) if len(call.args) > 2 else set()
        for code in self._codes(call.args[0]):
            self.found[code] = self.found.get(code, set()) | params

    def _codes(self, node: ast.expr) -> set[str]:
        if isinstance(node, ast.Constant):
            return {node.value}
        if isinstance(node, ast.JoinedStr):
            return set(trouble_params())
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            table = next(one for one in self._tree.body if _names(one) == [node.value.id])
            return {one.value for one in ast.walk(table) if isinstance(one, ast.Constant) and CODE.fullmatch(one.value)}
        assert isinstance(node, ast.Name), ast.dump(node)
        constants = {one.value for one in ast.walk(self._function) if isinstance(one, ast.Constant)}
        return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}

    def _keys(self, node: ast.expr, line: int) -> set[str]:
        """Give the keys of a dictionary that is written here, or was given this name above, or is what a call gives."""
        match node:
            case ast.Dict():
                written = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                spread = [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
                return written.union(*(self._keys(one, line) for one in spread))
            case ast.IfExp():
                return self._keys(node.body, line) | self._keys(node.orelse, line)
            case ast.Name():
                return self._assigned(node.id, line)
            case ast.Call(func=ast.Attribute(attr=name)):
                function = self._functions.get(name) or domain_functions()[name]
                inside = Reasons.within(function)
                returns = [one for one in ast.walk(function) if isinstance(one, ast.Return) and one.value is not None]
                return set().union(*(inside._keys(one.value, one.lineno) for one in returns))
            case ast.Attribute(attr="params"):
                return set().union(*trouble_params().values())
        raise AssertionError(ast.dump(node))

    def _assigned(self, name: str, line: int) -> set[str]:
        keys: set[str] = set()
        for node in sorted(ast.walk(self._function), key=lambda one: getattr(one, "lineno", 0)):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.lineno > line or value is None:
                continue
            for target in targets:
                if isinstance(target, ast.Name) and target.id == name:
                    keys = self._keys(value, node.lineno)
                elif (
                    isinstance(target, ast.Subscript)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == name
                    and isinstance(target.slice, ast.Constant)
                ):
                    keys = keys | {target.slice.value}
        return keys


def _names(statement: ast.stmt) -> list[str]:
    """Give the names that a statement of a module assigns."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


@functools.cache
def domain_functions() -> dict[str, ast.FunctionDef]:
    """Give every function of the domain by its name, for what one module has another one say."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((MONITOR / "domain").rglob("*.py"))]
    return {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def trouble_params() -> dict[str, set[str]]:
    """Give the parameters of each `unknown.<kind>` by which a question can be turned away."""
    kinds = typing.get_args(typing.get_type_hints(Trouble)["kind"])
    found: dict[str, set[str]] = {f"unknown.{kind}": set() for kind in kinds}
    for node in ast.walk(ast.parse((MONITOR / "refusals.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Turned":
            kind = node.args[0]
            assert isinstance(kind, ast.Constant)
            keys = {keyword.arg for keyword in node.keywords if keyword.arg}
            before = found[f"unknown.{kind.value}"]
            found[f"unknown.{kind.value}"] = before & keys if before else keys
    return found


def producible() -> Iterator[tuple[str, set[str]]]:
    for file in sorted((MONITOR / "domain").rglob("*.py")):
        yield from Reasons(ast.parse(file.read_text(encoding="utf-8"))).found.items()


@pytest.fixture(scope="module")
def reasons() -> dict[str, set[str]]:
    """Every code that the monitor can give, with its parameters."""
    found: dict[str, set[str]] = {}
    for code, params in producible():
        found[code] = found.get(code, set()) | params
    return {**found, **{code: params for code, params in trouble_params().items() if code in found}}


@pytest.fixture(scope="module")
def sentences() -> dict[str, Any]:
    if not CATALOGUE.is_file():
        pytest.skip("the page's sentences are not there")
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def test_every_code_is_found(reasons):
    """No code is written in the domain that is not seen as a reason here."""
    written = set()
    for file in (MONITOR / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                written.add(node.value)
    assert written <= reasons.keys()
    assert len(reasons) > 25


def test_reasons(reasons):
    """The table that texts are held to has each reason that can be given, with all of its parameters."""
    assert reasons == REASONS


def test_runbooks():
    """Each reason that can be given has its entry in both languages: means, causes, first step, verification."""
    mistakes: list[str] = []
    books = runbook.read(MONITOR / "profiles" / "huph", (), mistakes)
    assert mistakes == []
    for language in runbook.LANGUAGES:
        assert sorted(REASONS.keys() - books[language].entries.keys()) == []


def test_sentences(reasons, sentences):
    """The catalogue of sentences has each reason that the monitor can give, and no other."""
    assert sorted(reasons.keys() - sentences.keys()) == []
    assert sorted(sentences.keys() - reasons.keys()) == []


def test_placeholders(reasons, sentences):
    """A sentence names, in both languages, only what the reason brings along."""
    for code, texts in sentences.items():
        named = {language: set(re.findall(r"\{(\w+)\}", text)) for language, text in texts.items()}
        assert set(named) >= {"id", "en"}, code
        assert named["id"] == named["en"], code
        assert named["en"] - DERIVED <= reasons.get(code, set()), code
