"""The wheel: it holds the page, and serves it from a fresh environment on a machine without Node."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import aiohttp
import pytest

from tests.deploy.unit import ROOT

PARTS = ("monitor", "web", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
START_S = 30.0


def build(folder: Path, *, page: bool) -> Path:
    """Build the wheel from a copy of the tree; `page` takes the built one, where it still is web/'s."""
    tree = folder / "tree"
    tree.mkdir()
    left_out = shutil.ignore_patterns("__pycache__", "node_modules", *(() if page else ("_web",)))
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=left_out)
        else:
            shutil.copy(ROOT / part, tree)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, "."], cwd=tree, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install it into an environment of its own, beside the packages that it needs; give the programme."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    # A folder named in a .pth file gives its packages, but not the editable project that its own .pth files name.
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "huph-monitor"


@pytest.mark.timeout(400)
@pytest.mark.prove
@pytest.mark.parametrize("page", [True, False], ids=["built", "from scratch"])
async def test_wheel(platform, tmp_path, page):
    """Everything that is needed is inside, nothing else is, and the page comes up where no Node is."""
    wheel = await asyncio.to_thread(build, tmp_path, page=page)
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"monitor/_web/index.html", "monitor/_texts/reasons.json", "monitor/profiles/huph/profile.toml"} <= names
    assert {f"monitor/profiles/huph/sql/{one}.sql" for one in ("monitor_role", "edit_setting")} <= names
    assert {f"monitor/profiles/huph/runbook.{one}.toml" for one in ("id", "en")} <= names
    assert all(name.startswith(("monitor/", "huph_monitor-")) for name in names)
    assert not any("node_modules" in name or name.endswith((".pyc", ".ts", ".svelte")) for name in names)
    program = await asyncio.to_thread(install, wheel, tmp_path / "venv")
    where = [program.with_name("python"), "-c", "import monitor; print(monitor.__file__)"]
    assert subprocess.check_output(where, cwd=tmp_path, text=True).startswith(str(tmp_path)), "that is not the wheel's"
    config, log = tmp_path / "config.toml", tmp_path / "log"
    config.write_text(
        f'services = {{}}\n[database]\ndsn = "{platform.monitor_dsn}"\n[http]\nport = 0\n[access]\nopen = true\n'
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HUPH_MONITOR_", "PYTHON"))}
    environment = {**inherited, "PATH": str(tmp_path / "venv" / "bin")}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, "serve", "--config", config, cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(START_S):
            while "daemon.started" not in log.read_text():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        started = next(line for line in log.read_text().splitlines() if "daemon.started" in line)
        address = json.loads(started)["address"]
        async with aiohttp.ClientSession() as session:
            async with session.get(address) as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")
                files = re.findall(r'(?:src|href)="(?:\./)?(assets/[^"]+)"', await answer.text())
            assert files
            for file in files:
                async with session.get(address + file) as answer:
                    assert answer.status == 200, file
    finally:
        process.terminate()
        assert await process.wait() == 0
