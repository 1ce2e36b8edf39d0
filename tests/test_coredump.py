"""Our memory stays ours: no core file, and no look at it for anybody but root; the daemon itself sees what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these")
PROGRAM = """
import ctypes, resource, sys
from monitor import coredump
coredump.forbid()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
open("/proc/self/statm").read()
sys.stdin.read()
"""


def test_forbidden():
    """The limit is nothing, also for what it starts; the memory and the first environment are root's alone."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "CANARY": "1"}, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    try:
        assert process.stdout.readline().strip() == "(0, 0) 0"
        place = Path(f"/proc/{process.pid}")
        assert {place.joinpath(name).stat().st_uid for name in ("environ", "mem", "maps")} == {0}
    finally:
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_neighbour(tmp_path):
    """Another program of the same user can read neither what it was started with nor its memory."""

    def become() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    source = Path(__file__).parents[1] / "monitor" / "coredump.py"
    program = source.read_text(encoding="utf-8") + (
        "\nif sys.argv[1] == 'sealed':\n    forbid()\nprint('ready', flush=True)\n"
        "open('/proc/self/statm').read()\nsys.stdin.read()\n"
    )
    spy = "import sys; print(b'CANARY=hunter2' in open(f'/proc/{sys.argv[1]}/environ', 'rb').read())"
    seen = {}
    for how in ("sealed", "open"):
        process = subprocess.Popen(
            ["/usr/bin/env", "python3", "-c", program, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": os.defpath, "CANARY": "hunter2"}, cwd="/", preexec_fn=become,  # noqa: PLW1509
        )  # fmt: skip
        try:
            assert process.stdout.readline().strip() == "ready"
            looked = subprocess.run(
                ["/usr/bin/env", "python3", "-c", spy, str(process.pid)], capture_output=True, text=True, check=False,
                env={"PATH": os.defpath}, cwd="/", preexec_fn=become,
            )  # fmt: skip
            seen[how] = looked.stdout.strip() or looked.stderr.strip().splitlines()[-1].split(":")[0]
        finally:
            process.stdin.close()
            assert process.wait(10) == 0
    assert seen == {"sealed": "PermissionError", "open": "True"}
