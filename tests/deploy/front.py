"""The reverse proxies that deploy/ describes, for real: nginx or Caddy on loopback, before an admin and a daemon."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import shutil
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.deploy.unit import ROOT

HOST = "admin.example"
ORIGIN = f"https://{HOST}"
NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/huph.conf;
}}
"""
START_S = 10.0


@dataclass
class StandIn:
    """What stands in the admin's place; it keeps the headers that it was asked with."""

    port: int = 0
    heard: list[Mapping[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(request.headers)
        answer = web.Response(text="the admin")
        # As large as NextAuth's own, in several cookies.
        for place in range(3):
            answer.set_cookie(f"session.{place}", "x" * 3900)
        return answer

    @classmethod
    @asynccontextmanager
    async def standing(cls) -> AsyncIterator[StandIn]:
        """Answer on a free port of loopback."""
        admin = cls()
        application = web.Application()
        application.router.add_get("/{path:.*}", admin.answer)
        runner = web.AppRunner(application, access_log=None, max_field_size=65_536, max_line_size=65_536)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        admin.port = listening.getsockname()[1]
        await web.SockSite(runner, listening).start()
        try:
            yield admin
        finally:
            await runner.cleanup()


@dataclass(frozen=True)
class Front:
    """A proxy that runs: its ports, and how its certificate is believed."""

    port: int
    plain_port: int
    trust: ssl.SSLContext

    @property
    def address(self) -> str:
        return f"https://{HOST}:{self.port}"


def program(kind: str) -> str | None:
    """Find nginx on the machine, or Caddy, which the development packages bring as well."""
    here = str(Path(sys.executable).parent)
    return shutil.which(kind, path=os.pathsep.join([here, os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def certify(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the host, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def changed(text: str, changes: Mapping[str, str]) -> str:
    """Change each of these; what is not there would leave the proxy on somebody else's port."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def nginx_conf(folder: Path, *, admin: int, monitor: int, port: int, plain: int) -> Path:
    """Write nginx.conf around the example, with the example's places exchanged for those of this test."""
    chain, private = certify(folder)
    example = changed(
        (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8"),
        {
            "127.0.0.1:3000": f"127.0.0.1:{admin}",
            "127.0.0.1:8787": f"127.0.0.1:{monitor}",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "listen 80": f"listen 127.0.0.1:{plain}",
            "/etc/ssl/admin.example/fullchain.pem": str(chain),
            "/etc/ssl/admin.example/privkey.pem": str(private),
        },
    )
    (folder / "huph.conf").write_text(example)
    whole = folder / "nginx.conf"
    whole.write_text(NGINX.format(folder=folder, user="user root;" if os.getuid() == 0 else ""))
    return whole


def caddyfile(folder: Path, *, port: int, plain: int) -> Path:
    """Write the example with a certificate and ports of this test; its upstreams come from the environment."""
    chain, private = certify(folder)
    options = f"admin off\ndefault_bind 127.0.0.1\nhttp_port {plain}\nhttps_port {port}\nstorage file_system {folder}\n"
    text = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    text = changed(
        text,
        {
            "\n{\n\tservers {": f"\n{{\n{options}\tservers {{",
            "{$HUPH_HOST:admin.example} {\n": f"{{$HUPH_HOST:admin.example}} {{\n\ttls {chain} {private}\n",
        },
    )
    assert not re.search(r":(80|443)\b", text)
    path = folder / "Caddyfile"
    path.write_text(text)
    return path


@asynccontextmanager
async def fronted(kind: str, folder: Path, *, admin: int, monitor: int) -> AsyncIterator[Front]:
    """Run the proxy `kind` before an admin and a daemon on these ports."""
    port, plain = free_ports(2)
    environment = dict(os.environ)
    found = program(kind)
    assert found is not None
    if kind == "nginx":
        path = nginx_conf(folder, admin=admin, monitor=monitor, port=port, plain=plain)
        command = [found, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(path)]
    else:
        environment |= {"HUPH_ADMIN": f"127.0.0.1:{admin}", "HUPH_MONITOR": f"127.0.0.1:{monitor}"}
        path = caddyfile(folder, port=port, plain=plain)
        command = [found, "run", "--adapter", "caddyfile", "--config", str(path)]
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)
    try:
        async with asyncio.timeout(START_S):
            while not await answers(port):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        trust = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
        yield Front(port, plain, trust)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
