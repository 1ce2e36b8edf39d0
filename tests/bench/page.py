"""How much JavaScript and CSS the page is, as sent: for the first paint, and in all."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.bench.figures import Figure

BUILT = Path(__file__).resolve().parents[2] / "monitor" / "_web"
FIRST = re.compile(r"assets/[^\"]+")
"""What the page's own HTML names; the rest comes when it is wanted, or when the browser is idle."""


async def run() -> list[Figure]:
    first = {BUILT / name for name in FIRST.findall((BUILT / "index.html").read_text(encoding="utf-8"))}

    def packed(kind: str, *, early: bool) -> float:
        files = [path for path in BUILT.rglob(f"*.{kind}") if path in first or not early]
        return sum(len(gzip.compress(path.read_bytes())) for path in files) / 1000

    return [
        Figure("JavaScript of the first paint, gzipped", packed("js", early=True), "kB", goal=60),
        Figure("JavaScript in all, both languages, gzipped", packed("js", early=False), "kB"),
        Figure("CSS of the first paint, gzipped", packed("css", early=True), "kB"),
    ]
