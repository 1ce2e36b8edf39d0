"""Two hours at speed: the end of the night on the healthy demo, as the board sees it (the long form: tests/prove)."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.answers import Platform
from tests.replay import Replay
from tests.test_config import GOOD, read

BEGIN = datetime.fromisoformat("2026-11-25T05:40:00+07:00").timestamp()
HOURS = 1
BROKER = '[broker]\nurl = "http://127.0.0.1:3001"\nsecret = "of-the-test"\n'


@pytest.mark.prove
def test_an_hour_of_the_healthy_demo(tmp_path):
    """Over the end of the quiet hours nothing is ever warn or fail, and all is known at once."""
    platform = Platform(5, BEGIN, HOURS * 3600, past=2)
    replay = Replay(read(tmp_path, GOOD + BROKER), platform, 5, BEGIN, tmp_path)
    replay.run(HOURS)
    assert not replay.seen.troubles
    assert max(replay.seen.unknown_until.values()) <= 60, replay.seen.unknown_until
    assert sum(replay.seen.patches.values()) > 0
