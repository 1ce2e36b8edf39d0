"""Puts this process into the unit's sandbox, as far as that goes without systemd, and becomes `python -m WORDS`.

What is the same as under systemd: the filter of system calls, the families of sockets, no memory that is both writable
and executable, no capabilities and no way to new ones, a root that cannot be written, the limits. What is not: another
user, the namespaces of users and devices, the filter of addresses.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import subprocess
import sys

from tests.deploy.unit import allowed, settings

PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MDWE = 38, 24, 65
CLONE_NEWNS = 0x20000
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL = 4
LAST_CAPABILITY = 63
WRITABLE = "SANDBOX_WRITABLE"
"""The variable that names the one folder that stays writable."""


class Comparison(ctypes.Structure):
    """A condition on one argument of a system call (seccomp_rule_add_array(3))."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno() or -result, "the sandbox cannot be made")


def filter_calls(names: set[str], families: list[int]) -> None:
    """Leave only these system calls, and only sockets of these families; all others fail as they do under systemd."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(lib.seccomp_init(ERRNO | errno.EPERM))
    for name in sorted(names - {"socket"}):
        if (number := lib.seccomp_syscall_resolve_name(name.encode())) >= 0:
            checked(lib.seccomp_rule_add_array(rules, ALLOW, number, 0, None))
    number = lib.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        checked(lib.seccomp_rule_add_array(rules, ALLOW, number, 1, ctypes.byref(Comparison(0, EQUAL, family, 0))))
    checked(lib.seccomp_load(rules))


def main(words: list[str]) -> None:
    told = settings()
    libc = ctypes.CDLL(None, use_errno=True)
    checked(libc.unshare(CLONE_NEWNS))
    for mount in (["--make-rprivate", "/"], ["--bind", *[os.environ[WRITABLE]] * 2], ["-o", "remount,bind,ro", "/"]):
        subprocess.run(["mount", *mount], check=True)
    os.umask(int(told["UMask"][-1], 8))
    resource.setrlimit(resource.RLIMIT_CORE, (int(told["LimitCORE"][-1]),) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(told["LimitNOFILE"][-1]),) * 2)
    assert told["CapabilityBoundingSet"] == [""]
    for capability in range(LAST_CAPABILITY):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    assert told["NoNewPrivileges"] == told["MemoryDenyWriteExecute"] == ["yes"]
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    checked(libc.prctl(PR_SET_MDWE, 1, 0, 0, 0))
    assert told["RestrictNamespaces"] == ["yes"]
    families = [getattr(socket, name) for name in told["RestrictAddressFamilies"][-1].split()]
    filter_calls(allowed() - {"unshare", "setns"}, families)
    os.execv(sys.executable, [sys.executable, "-m", *words])


if __name__ == "__main__":
    main(sys.argv[1:])
