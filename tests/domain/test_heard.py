"""The keys of the last signals: found however many came, bounded, and honest about what was let go."""

from __future__ import annotations

import math

from monitor.domain.heard import BLOCK, BLOCKS, Heard


def hear(heard, *keys, mono=1.0):
    for key in keys:
        heard = heard.add(key, mono)
    return heard


def test_found():
    """Every key that was heard is found, and no other, wherever it stands."""
    keys = [str(number) for number in range(3 * BLOCK + 5)]
    heard = hear(Heard(), *keys)
    assert heard.among([*keys, "strange"]) == set(keys)
    assert heard.among([]) == heard.among(["strange"]) == set()
    assert Heard().among(["0"]) == set()
    assert (heard.forgotten, heard.keyless) == (-math.inf, -math.inf)


def test_bounded():
    """The oldest keys go first, together, and it is known how young the youngest of them was."""
    heard = Heard()
    for number in range(BLOCK * (BLOCKS + 1)):
        heard = heard.add(str(number), float(number))
    assert heard.among(str(number) for number in range(BLOCK)) == set()
    assert len(heard.among(str(number) for number in range(BLOCK * (BLOCKS + 1)))) == BLOCK * BLOCKS
    assert heard.forgotten == BLOCK - 1
    assert hear(heard, "more").forgotten == BLOCK - 1


def test_nameless():
    """A signal that names no row is remembered by its instant alone."""
    heard = hear(Heard(), "1").add(None, 7.0)
    assert heard.keyless == 7
    assert heard.among(["1", "None"]) == {"1"}
