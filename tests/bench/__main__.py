"""The one door: `./dev bench NAME [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from tests.bench import idle, latency, listen, page, reconnect, stream, sweep
from tests.bench.figures import Figure, machine

BENCHES = {
    "latency": latency,
    "listen": listen,
    "reconnect": reconnect,
    "stream": stream,
    "idle": idle,
    "page": page,
    "sweep": sweep,
}


def main() -> None:
    about = "\n".join(f"  {name:<10}{module.__doc__.splitlines()[0]}" for name, module in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="./dev bench", epilog=f"benchmarks:\n{about}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=BENCHES, metavar="NAME", help="which benchmark")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    if len(sys.argv) == 1:
        parser.print_help()
        return
    arguments = parser.parse_args()
    figures: list[Figure] = asyncio.run(BENCHES[arguments.name].run())
    if arguments.json:
        print(json.dumps({"bench": arguments.name, "machine": machine(), "figures": [one.entry() for one in figures]}))
        return
    print(f"{arguments.name}: {machine()}")
    width = max(len(one.name) for one in figures)
    for one in figures:
        print(one.line(width))


main()
