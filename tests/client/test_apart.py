"""The client stands alone: whoever takes it out of here needs two packages and one file more."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "monitor" / "client"


def test_imports():
    """It imports websockets, orjson, the patch, itself and the standard library; nothing else."""
    found = set()
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= set(names) if node.module == "monitor.domain" else {str(node.module)}
    foreign = {
        name
        for name in found
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("monitor.client")
    }
    assert {name.split(".")[0] for name in foreign - {"monitor.domain.patch"}} == {"websockets", "orjson"}
    assert "monitor.domain.patch" in foreign
