"""For each mutant the shortest history found that shows what it breaks."""

from __future__ import annotations

from tests.promises.histories import History

DEEDS: dict[str, History] = {
    "ring: leaves out the first": History(
        0.0, uvloop=False, acts=[("drop", 0, 1), ("change", 0, 0), ("time", 0, 0), ("change", 0, 0)]
    ),
    "ring: one more": History(
        0.0, uvloop=False, acts=[("change", 0, 0), ("time", 0, 0), ("vanish", 0, 1), ("change", 0, 0)]
    ),
    "ring: one too old": History(
        0.0,
        uvloop=False,
        acts=[("time", 0, 5), ("again", 0, 0), ("change", 0, 0), ("lose", 3, 0), ("change", 0, 0), ("read", 3, 0)],
    ),
    "ring: one too small": History(
        0.0, uvloop=False, acts=[("read", 0, 0), ("change", 0, 0), ("change", 0, 0), ("change", 0, 0), ("ask", 0, 0)]
    ),
    "ring: backward": History(
        0.0, uvloop=False, acts=[("drop", 0, 1), ("change", 0, 0), ("time", 0, 0), ("change", 0, 0)]
    ),
    "crowd: compressed too soon": History(0.0, uvloop=False, acts=[("restart", 0, 0), ("read", 2, 0)]),
    "crowd: served twice": History(0.025, uvloop=False, acts=[("sleep", 0, 0), ("bookmark", 0, 0), ("change", 0, 0)]),
    "snapshot: without position": History(0.0, uvloop=False, acts=[]),
    "snapshot: wrong position": History(0.0, uvloop=False, acts=[("change", 0, 0)]),
    "snapshot: of the future": History(
        0.025, uvloop=False, acts=[("bookmark", 0, 0), ("drop", 1, 0), ("change", 0, 0), ("read", 1, 0)]
    ),
    "snapshot: of the past": History(0.0, uvloop=False, acts=[("change", 0, 0)]),
    "bookmark: before what waits": History(
        0.025, uvloop=False, acts=[("change", 0, 0), ("time", 0, 0), ("change", 0, 0), ("bookmark", 0, 0)]
    ),
    "bookmark: of the newest": History(
        0.025, uvloop=False, acts=[("change", 0, 0), ("time", 0, 0), ("change", 0, 0), ("bookmark", 0, 0)]
    ),
    "merge: patches laid together": History(0.025, uvloop=False, acts=[("again", 0, 0)]),
    "merge: prev not said": History(0.025, uvloop=False, acts=[("change", 0, 0), ("change", 0, 0)]),
    "merge: changes forgotten": History(
        0.025, uvloop=False, acts=[("change", 0, 0), ("change", 0, 0), ("change", 0, 0)]
    ),
    "resume: across an epoch": History(0.0, uvloop=False, acts=[("restart", 0, 0)]),
    "resume: never": History(0.0, uvloop=False, acts=[("drop", 0, 1), ("change", 0, 0)]),
    "resume: announced only": History(
        0.025,
        uvloop=False,
        acts=[("time", 0, 6), ("vanish", 2, 1), ("change", 0, 0), ("bookmark", 0, 0), ("change", 0, 0), ("read", 2, 0)],
    ),
    "slow: goes on too far": History(0.0, uvloop=False, acts=[("sleep", 0, 0), ("change", 0, 0), ("change", 0, 0)]),
    "follower: applies again": History(
        0.0, uvloop=False, acts=[("time", 0, 6), ("change", 0, 0), ("repeat", 1, 0), ("bookmark", 0, 0), ("read", 1, 0)]
    ),
    "follower: ignores prev": History(
        0.0, uvloop=False, acts=[("time", 0, 5), ("change", 0, 0), ("lose", 3, 0), ("change", 0, 0), ("read", 3, 0)]
    ),
    "follower: ignores bookmarks": History(0.0, uvloop=False, acts=[]),
    "follower: keeps what goes": History(0.0, uvloop=False, acts=[("change", 1, 2), ("time", 0, 0), ("change", 1, 0)]),
    "follower: knows better": History(
        0.0,
        uvloop=False,
        acts=[("time", 0, 5), ("again", 0, 0), ("change", 0, 0), ("lose", 3, 0), ("change", 0, 0), ("read", 3, 0)],
    ),
}
