"""The page: what is sent, how soon it shows data, from a commit to the pixel, under many patches, after a day."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.bench import screen
from tests.bench.figures import Figure

BUILT = Path(__file__).resolve().parents[2] / "monitor" / "_web"
FIRST = re.compile(r"assets/[^\"]+")
"""What the page's own HTML names; the rest comes when it is wanted, or when the browser is idle."""


def _bytes() -> list[Figure]:
    first = {BUILT / name for name in FIRST.findall((BUILT / "index.html").read_text(encoding="utf-8"))}

    def packed(pattern: str, *, early: bool = False) -> float:
        files = [path for path in BUILT.rglob(pattern) if path in first or not early]
        assert files, pattern
        return sum(len(gzip.compress(path.read_bytes())) for path in files) / 1000

    return [
        Figure("JavaScript of the first paint, gzipped", packed("*.js", early=True), "kB", goal=60),
        Figure("JavaScript in all, gzipped", packed("*.js"), "kB", goal=60),
        Figure("the words of one language for the first paint, gzipped", packed("id-board*.json"), "kB"),
        Figure("the words of one language behind the board, gzipped", packed("id-pages*.json"), "kB"),
        Figure("CSS of the first paint, gzipped", packed("*.css", early=True), "kB"),
    ]


async def run() -> list[Figure]:
    return [*_bytes(), *await screen.run()]
