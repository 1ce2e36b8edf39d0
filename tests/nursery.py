"""Processes of the program that are forked from one that has imported it: imports cost each a second of a core.

`python -m tests.nursery SOCKET` is the one that forks; it ends, and its children with it, when its standard input does.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

LONGEST = 1 << 20
"""Bytes of what is asked for: arguments, environment, folder."""
READY_S = 30.0
STARTING = {signal.SIGINT: signal.default_int_handler, signal.SIGCHLD: signal.SIG_DFL, signal.SIGPIPE: signal.SIG_IGN}
"""The signals as Python finds them when it starts."""


class Child:
    """As much of `asyncio.subprocess.Process` as the tests use."""

    def __init__(self, pid: int, told: socket.socket, stdout: asyncio.StreamReader | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self._ending = asyncio.create_task(self._wait(told), name=f"forked {pid}")

    async def _wait(self, told: socket.socket) -> int:
        told.setblocking(False)
        with told:
            answer = await asyncio.get_running_loop().sock_recv(told, 4)
        # Where the nursery itself is gone, so are its children.
        self.returncode = struct.unpack("!i", answer)[0] if answer else -signal.SIGKILL
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    async def communicate(self) -> tuple[bytes, None]:
        assert self.stdout is not None
        output = await self.stdout.read()
        await self.wait()
        return output, None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Forks processes, from the first one on until `close`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="huph-monitor-nursery-")
        self._path = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen([sys.executable, "-m", "tests.nursery", self._path], stdin=subprocess.PIPE)

    def close(self) -> None:
        """End it, and whatever it has forked."""
        self._process.communicate()
        self._folder.cleanup()

    async def fork(
        self,
        *words: str | Path,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Run `python -m WORDS`; `stdout` is None, `subprocess.PIPE` or a file's number, `stderr` None or a number."""
        reader = None
        read = write = -1
        if stdout == subprocess.PIPE:
            read, write = os.pipe()
            reader = asyncio.StreamReader()
            loop = asyncio.get_running_loop()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", 0))
        asked = {
            "words": list(map(str, words)),
            "env": dict(os.environ if env is None else env),
            "cwd": str(Path.cwd()),
        }
        nothing = os.open(os.devnull, os.O_WRONLY)
        meant = {None: -1, subprocess.PIPE: write, subprocess.DEVNULL: nothing}
        out, err = meant.get(stdout, stdout), meant.get(stderr, stderr)
        outputs = [1 if out == -1 else out, 2 if err == -1 else err]
        told = await asyncio.to_thread(self._reach)
        socket.send_fds(told, [json.dumps(asked).encode()], outputs)
        for ours in (nothing, write):
            if ours >= 0:
                os.close(ours)
        pid = struct.unpack("!i", await asyncio.to_thread(told.recv, 4))[0]
        return Child(pid, told, reader)

    def _reach(self) -> socket.socket:
        """Connect; at first it may still import."""
        until = time.monotonic() + READY_S
        while True:
            told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                told.connect(self._path)
            except (FileNotFoundError, ConnectionRefusedError):
                told.close()
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return told


_nursery: Nursery | None = None
_forks = False


@contextmanager
def forking() -> Iterator[None]:
    """Have `start` fork what it starts, until this ends."""
    global _forks, _nursery  # noqa: PLW0603 - one for all tests of a process
    _forks = True
    yield
    _forks = False
    if _nursery is not None:
        _nursery.close()
        _nursery = None


async def start(
    *words: str | Path,
    stdout: int | None = None,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
    forked: bool = True,
) -> asyncio.subprocess.Process | Child:
    """Run `python -m WORDS`; not `forked` is one that has its own command line, environment and imports."""
    global _nursery  # noqa: PLW0603
    if not forked or not _forks:
        return await asyncio.create_subprocess_exec(sys.executable, "-m", *words, stdout=stdout, stderr=stderr, env=env)
    if _nursery is None:
        _nursery = Nursery()
    return await _nursery.fork(*words, stdout=stdout, stderr=stderr, env=env)


class Forking:
    """The one that forks."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._children: dict[int, socket.socket] = {}

    def run(self) -> None:
        """Fork what is asked for, and tell how each ended, until our own standard input ends."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        os.set_blocking(read, False)
        signal.set_wakeup_fd(write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            for source in (0, read, self._listening):
                selector.register(source, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if read in ready:
                    os.read(read, 4096)
                    self._bury()
                if self._listening in ready:
                    self._fork()
                if 0 in ready and not os.read(0, 1):
                    break
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _bury(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._children.pop(pid) as told, suppress(OSError):
                told.send(struct.pack("!i", os.waitstatus_to_exitcode(status)))

    def _fork(self) -> None:
        told, _ = self._listening.accept()
        data, outputs, _, _ = socket.recv_fds(told, LONGEST, 2)
        asked = json.loads(data)
        pid = os.fork()
        if not pid:
            self._become(asked, outputs)
        self._children[pid] = told
        for number in outputs:
            os.close(number)
        told.send(struct.pack("!i", pid))

    def _become(self, asked: dict[str, Any], outputs: list[int]) -> NoReturn:
        """Be what `python -m WORDS` would be."""
        code: Any = 1
        try:
            signal.set_wakeup_fd(-1)
            for number, handler in STARTING.items():
                signal.signal(number, handler)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for number, wanted in zip((nothing, *outputs), (0, 1, 2), strict=True):
                os.dup2(number, wanted)
            # Whatever else is open belongs to the one that forks.
            os.closerange(3, 1024)
            os.environ.clear()
            os.environ.update(asked["env"])
            os.chdir(asked["cwd"])
            module, *words = asked["words"]
            sys.argv = [module, *words]
            gc.unfreeze()
            gc.enable()
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
            if isinstance(code, str):
                print(code, file=sys.stderr)
                code = 1
        except BaseException:  # noqa: BLE001 - as the interpreter itself does at its end
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def main(path: str) -> None:
    import monitor.cli.demo
    import monitor.cli.serve
    import monitor.demo.platform  # noqa: F401

    with suppress(ImportError):
        import uvloop  # noqa: F401
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(path)
    listening.listen(64)
    gc.collect()
    gc.disable()
    gc.freeze()
    Forking(listening).run()


if __name__ == "__main__":
    main(sys.argv[1])
