"""The keyboard: single keys from a terminal that is given back as it was."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

ESCAPE_S = 0.05
"""So long after a lone escape nothing more of a sequence comes: it was the key."""
_KEYS = {
    "\r": "open",
    "\n": "open",
    "l": "open",
    "k": "up",
    "j": "down",
    "h": "back",
    "\x7f": "back",
    "q": "quit",
    "\x04": "quit",
    " ": "page_down",
    "g": "home",
    "G": "end",
}
_SEQUENCES = {
    "A": "up",
    "B": "down",
    "C": "open",
    "D": "back",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "5~": "page_up",
    "6~": "page_down",
    "M": "open",
}
"""What follows ESC [ or ESC O (ECMA-48, 5.4)."""


class Keys:
    """Turns what a terminal sends into words; a sequence may come in pieces."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def pending(self) -> bool:
        """Whether a sequence has begun that may go on; call `flush` if it does not within ESCAPE_S."""
        return self._rest != ""

    def feed(self, data: bytes) -> list[str]:
        """Take some bytes; give the keys that they complete. What means nothing gives nothing."""
        text, self._rest = self._rest + data.decode("ascii", "replace"), ""
        keys = []
        while text:
            if text[0] != "\x1b":
                key, text = _KEYS.get(text[0]), text[1:]
            elif len(text) == 1:
                self._rest = text
                break
            elif text[1] not in "[O":
                key, text = "back", text[1:]
            else:
                end = next((at for at, letter in enumerate(text[2:], 2) if "@" <= letter <= "~"), None)
                if end is None:
                    # No sequence is as long as this: it is noise.
                    self._rest = text if len(text) < 16 else ""
                    break
                key, text = _SEQUENCES.get(text[2 : end + 1]), text[end + 1 :]
            if key is not None:
                keys.append(key)
        return keys

    def flush(self) -> list[str]:
        """Give what a begun sequence was after all."""
        rest, self._rest = self._rest, ""
        return ["back"] if rest == "\x1b" else []


@contextmanager
def single_keys(descriptor: int) -> Iterator[None]:
    """Let keys come one by one and unseen; Ctrl-C still interrupts. In the end the terminal is as it was."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        now = termios.tcgetattr(descriptor)
        # Ctrl-Z would leave the shell on our screen.
        now[6][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes(1, "big")
        termios.tcsetattr(descriptor, termios.TCSANOW, now)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
