"""How much JavaScript and CSS the page is, as sent."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.bench.figures import Figure

BUILT = Path(__file__).resolve().parents[2] / "monitor" / "_web"


async def run() -> list[Figure]:
    def packed(kind: str) -> float:
        return sum(len(gzip.compress(path.read_bytes())) for path in BUILT.rglob(f"*.{kind}")) / 1000

    return [Figure("JavaScript, gzipped", packed("js"), "kB", goal=60), Figure("CSS, gzipped", packed("css"), "kB")]
