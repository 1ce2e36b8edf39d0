"""Tries what the unit forbids, and prints each that was refused."""

from __future__ import annotations

import ctypes
import mmap
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def sockets(family: int) -> None:
    socket.socket(family, socket.SOCK_RAW).close()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write": lambda: Path("/etc/huph-monitor-was-here").write_text(""),
    "write-and-execute": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "netlink": lambda: sockets(socket.AF_NETLINK),
    "packet": lambda: sockets(socket.AF_PACKET),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "namespace": lambda: call("unshare", 0x10000000),
    "trace": lambda: call("ptrace", 0, 0, 0, 0),
    "root": lambda: call("chroot", b"/tmp"),
    "kernel": lambda: call("klogctl", 3, None, 0),
    "raise-limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    "capability": lambda: subprocess.run(["mount", "-o", "remount,rw", "/"], check=True, capture_output=True),
}

for name, attempt in ATTEMPTS.items():
    try:
        attempt()
    except (OSError, ValueError, subprocess.CalledProcessError):
        sys.stdout.write(f"{name}\n")
