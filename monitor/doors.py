"""The sections [http] and [access] of the configuration: where we are found, and by whom."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from monitor.access.rules import ORIGIN, SECRET_BYTES, Network, Rules
from monitor.secret import Secret
from monitor.toml import Reader

NOBODY = (
    "nobody could be let in; give nextauth_secret_file or tokens, or open = true, with which everybody on this machine "
    "may read."
)


@dataclass(frozen=True, slots=True)
class Http:
    """Where to serve; `base_path` begins and ends with a slash, `hosts` are further names that visitors may use.

    `frame_ancestors` are the origins whose pages may show ours in a frame.
    """

    host: str
    port: int
    base_path: str
    hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()


def http(reader: Reader) -> Http:
    """Read the section [http]."""
    host = reader.text("host", "127.0.0.1")
    port = int(reader.number("port", 8787, 0, 65_535, whole=True))
    base = reader.text("base_path", "/")
    hosts, ancestors = reader.texts("hosts"), _origins(reader, "frame_ancestors")
    reader.done("host, port, base_path, hosts, frame_ancestors")
    if not _address(host):
        reader.wrong(
            "host", host, "give an address to listen at: 127.0.0.1, 0.0.0.0 for all, or one of this machine's."
        )
    plain = re.fullmatch(r"/([A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*", base)
    # A browser takes segments of dots away before it asks (RFC 3986, 5.2.4).
    if not plain or {".", ".."} & set(base.split("/")):
        reader.wrong("base_path", base, 'give a path such as "/hm/".')
    return Http(host, port, base if base.endswith("/") else f"{base}/", hosts, ancestors)


def access(reader: Reader, roles: tuple[str, ...], served: Http) -> Rules:
    """Read the section [access]; `roles` are those of the profile that may come in."""
    rules = Rules(
        open=reader.flag("open", default=False),
        nextauth=_secrets(reader),
        roles=roles,
        max_age_s=3600 * reader.number("max_age_h", 8, 0.01, 24 * 30),
        origins=_origins(reader, "origins"),
        sign_in_url=_sign_in(reader),
        tokens=_path(reader, "tokens"),
        break_glass=_path(reader, "break_glass_file"),
        trusted_proxies=_networks(reader),
    )
    reader.done(
        "open, nextauth_secret, nextauth_secret_file, max_age_h, origins, sign_in_url, tokens, break_glass_file, "
        "trusted_proxies"
    )
    if not (rules.open or rules.nextauth or rules.tokens or rules.break_glass):
        reader.wrong("open", None, NOBODY)
    if rules.nextauth and not roles:
        reader.wrong("nextauth_secret", None, "lets nobody in: the profile names no roles ([access] roles).")
    near = loopback(served.host)
    if rules.open and not near:
        reader.wrong("open", True, f"only a loopback address may be open to everybody; http.host is {served.host!r}.")
    visited = not near or served.hosts or rules.trusted_proxies
    if rules.nextauth and visited and not rules.origins:
        reader.wrong("origins", [], 'give the addresses of the page, such as "https://admin.example".')
    return rules


def _address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def loopback(host: str) -> bool:
    """Say whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secrets(reader: Reader) -> tuple[Secret, ...]:
    key, texts = "nextauth_secret", []
    if text := reader.secret(key):
        texts.append(text)
    if name := reader.text("nextauth_secret_file"):
        key = "nextauth_secret_file"
        try:
            lines = [line.strip() for line in Path(name).read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError):
            reader.wrong(
                key, name, "cannot be read as text in UTF-8; name a file with one secret to a line, newest first."
            )
            return ()
        if not any(lines):
            reader.wrong(key, name, "is empty; write the platform's NEXTAUTH_SECRET into it.")
        texts += [line for line in lines if line]
    if not all(_long_enough(text) for text in texts):
        reader.wrong(
            key,
            None,
            f"has a secret of fewer than {SECRET_BYTES} bytes, or not UTF-8; make one with openssl rand -base64 32.",
        )
        return ()
    return tuple(Secret(text) for text in texts)


def _origins(reader: Reader, key: str) -> tuple[str, ...]:
    told = reader.texts(key)
    for origin in told:
        usual = ":443" if origin.startswith("https:") else ":80"
        try:
            # A browser leaves out the usual port.
            good = ORIGIN.fullmatch(origin) and urlsplit(origin).port != 0 and not origin.endswith(usual)
        except ValueError:
            good = False
        if not good:
            reader.wrong(
                key, origin, 'write it as a browser does: "https://admin.example", with a port only if unusual.'
            )
    return told


def _sign_in(reader: Reader) -> str:
    url = reader.text("sign_in_url")
    try:
        good = not url or url.startswith("/") or (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname)
    except ValueError:
        good = False
    if not good or url.startswith("//"):
        reader.wrong("sign_in_url", url, 'give the address where one signs in: "/login", or with https:// before it.')
        return ""
    return url


def _long_enough(text: str) -> bool:
    try:
        return len(text.encode()) >= SECRET_BYTES
    except UnicodeEncodeError:  # bytes of the environment that are no text
        return False


def _path(reader: Reader, key: str) -> Path | None:
    name = reader.text(key)
    return Path(name) if name else None


def _networks(reader: Reader) -> tuple[Network, ...]:
    networks = []
    for text in reader.texts("trusted_proxies"):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            reader.wrong("trusted_proxies", text, 'give addresses or networks, such as "10.0.0.0/8".')
    return tuple(networks)
