"""A flag file: listed names and nothing else, whatever lies at the path and whatever stands in it."""

from __future__ import annotations

import errno
import os
import random
import socket
import time
from pathlib import Path

import pytest

from monitor.domain.checks.feature_flags import Flags
from monitor.sources.flag_file import MOST_BYTES, FlagFile, parse

NAMES = ("FLAG", "TURNS", "LANGUAGE")


def read(path, **options):
    return FlagFile(str(path), NAMES, **options).read()


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# What stands in it


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("FLAG=true", {"FLAG": "true"}),
        ("FLAG=true\nTURNS=8\n", {"FLAG": "true", "TURNS": "8"}),
        ("FLAG=true\r\nTURNS=8\r\n", {"FLAG": "true", "TURNS": "8"}),
        ("export FLAG = true  # on for all\n", {"FLAG": "true"}),
        ("FLAG='true' # on\n", {"FLAG": "true"}),
        ('LANGUAGE="two\\nlines # and no comment"\n', {"LANGUAGE": "two\nlines # and no comment"}),
        ("LANGUAGE=\n", {"LANGUAGE": ""}),
        ("LANGUAGE=${SECRET}\nSECRET=s\n", {"LANGUAGE": "${SECRET}"}),
        ("# FLAG=true\n", {}),
        ("flag=true\nFLAGS=true\nMY_FLAG=true\n", {}),
        ("SECRET='FLAG=true\nTURNS=9'\nTURNS=8\n", {"TURNS": "8"}),
        ("", {}),
        ("\n \n\t\n", {}),
    ],
)
def test_values(text, values):
    """Listed names are read as a shell would, without putting one variable into another; of the rest nothing is."""
    assert parse(text, NAMES)[::2] == (values, ())


def test_mark_of_order(tmp_path):
    """A byte order mark, which some editors write, is not part of the first name."""
    assert read(written(tmp_path, "\ufeffFLAG=on\n"))[1].values == {"FLAG": "on"}


def test_lines():
    """A line is counted as an editor counts it, empty lines and values of several lines before it as well."""
    text = "\n\nFLAG=true\n\r\n# a word\n\nSECRET='a\nb\nc'\nTURNS=8\n  \nLANGUAGE=id"
    assert parse(text, NAMES)[1] == {"FLAG": 3, "TURNS": 10, "LANGUAGE": 12}


@pytest.mark.parametrize(
    ("text", "values", "broken"),
    [
        ("FLAG=true\nTURNS='8\nLANGUAGE=id\n", {"FLAG": "true", "LANGUAGE": "id"}, (("TURNS", 2),)),
        ('\n\nexport TURNS="8\n', {}, (("TURNS", 3),)),
        ("FLAG=true\n\nSECRET='s\n", {"FLAG": "true"}, (("?", 3),)),
        ("A='s\nB=\"s\nFLAG=on\n", {"FLAG": "on"}, (("?", 1),)),
        ("FLAG\nTURNS=8\n", {"TURNS": "8"}, (("FLAG", 1),)),
        ("FLAG=true\nTURNS=8\nFLAG=true\n", {"TURNS": "8"}, (("FLAG", 3),)),
        ("FLAG\nFLAG=true\n", {}, (("FLAG", 1),)),
        ("FLAG=true\nFLAG=true\nFLAG=true\n", {}, (("FLAG", 2),)),
        ("A=1\nA=2\nB\n", {}, ()),
        ("=8\n", {}, (("?", 1),)),
    ],
)
def test_broken(text, values, broken):
    """A line that does not parse is told by number, a listed one by name as well; and a name that stands twice."""
    found = parse(text, NAMES)
    assert (found[0], found[2]) == (values, broken)
    assert found[1].keys() == values.keys()


def test_nothing_else():
    """Of what is not listed neither value nor name nor number is told."""
    lines = [f"SECRET_{n}=canary-{n}" for n in range(50)]
    lines[20:20] = ["FLAG=true", 'CANARY_KEY="canary', "CANARY_BARE"]
    assert parse("\n".join(lines), NAMES) == ({"FLAG": "true"}, {"FLAG": 21}, (("?", 22),))


def test_long_value():
    """Of a listed value no more is kept than anybody would read."""
    assert len(parse("LANGUAGE=" + "x" * 100_000, NAMES)[0]["LANGUAGE"]) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "SECRET=x" + " " * 1_000_000 + "y\nFLAG=on\n",
        "SECRET='" + "x" * 1_000_000 + "\nFLAG=on\n",
        "SECRET='" + "\\'" * 400_000 + "\nFLAG=on\n",
        "\n" * 1_000_000 + "FLAG=on\n",
        (" " * 60 + "x") * 15_000 + "\nFLAG=on\n",
    ],
    ids=["blanks", "open quote", "escapes", "empty lines", "many blanks"],
)
def test_spiteful(text):
    """No text, however long, takes long to read."""
    started = time.perf_counter()
    assert parse(text, NAMES)[0] == {"FLAG": "on"}
    assert time.perf_counter() - started < 5


# What is at the path


def test_read(tmp_path):
    """A file is read with its place and its time."""
    path = written(tmp_path, "FLAG=true\n")
    os.utime(path, (1_700_000_000, 1_700_000_000.5))
    state, flags = read(path)
    assert flags == Flags("file", str(path), "read", {"FLAG": "true"}, {"FLAG": 1}, (), 1_700_000_000.5)
    assert state == FlagFile(str(path), NAMES).state()


def nothing(path):
    pass


def dangling(path):
    path.symlink_to(path.with_name("nowhere"))


def circle(path):
    path.symlink_to(path)


def bound(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [nothing, dangling, circle, Path.mkdir, os.mkfifo, bound])
def test_no_file(tmp_path, make):
    """What is no file is absent, a folder as Docker makes it or a pipe as well; none of them is waited for."""
    path = tmp_path / ".env"
    make(path)
    assert FlagFile(str(path), NAMES).state() == "absent"
    assert read(path) == ("absent", Flags("file", str(path), "absent"))


def test_below_a_file(tmp_path):
    """A path that leads through a file leads nowhere."""
    assert read(written(tmp_path, "") / ".env")[0] == "absent"


def test_behind_a_link(tmp_path):
    """A link to a file is that file."""
    (tmp_path / "link").symlink_to(written(tmp_path, "FLAG=on\n"))
    assert read(tmp_path / "link")[1].values == {"FLAG": "on"}


def refusing(number):
    def opener(path, flags):
        raise OSError(number, os.strerror(number), path)

    return opener


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_unreadable(tmp_path, number):
    """A file that we have no right to is unreadable."""
    path = written(tmp_path, "FLAG=on\n")
    assert read(path, opener=refusing(number)) == ("unreadable", Flags("file", str(path), "unreadable"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_rights(tmp_path):
    """Without the right to read a file it is unreadable, and without the right to search its folder as well."""
    path = written(tmp_path, "FLAG=on\n")
    path.chmod(0)
    assert read(path)[0] == "unreadable"
    tmp_path.chmod(0)
    assert FlagFile(str(path), NAMES).state() == "unreadable"
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_other_errors(tmp_path, number):
    """Any other error is told by its name."""
    assert read(written(tmp_path, "FLAG=on\n"), opener=refusing(number)) == (errno.errorcode[number], None)


def test_huge(tmp_path):
    """A file of more than 256 KiB is no flag file: it is not read to its end, and told by its error's name."""
    text = b"FLAG=on\n".ljust(MOST_BYTES, b"#")
    assert read(written(tmp_path, text))[1].values == {"FLAG": "on"}
    assert read(written(tmp_path, text + b"#")) == ("EFBIG", None)
    with written(tmp_path, "").open("r+b") as file:
        file.truncate(1 << 40)
    assert read(tmp_path / ".env") == ("EFBIG", None)


def test_binary(tmp_path):
    """A file of anything but text is read as well as it can be, and holds no flag."""
    _, flags = read(written(tmp_path, random.Random(7).randbytes(200_000)))
    assert flags.state == "read"
    assert flags.values == {}
    assert {name for name, _ in flags.broken} <= {"?"}
    assert read(written(tmp_path, "FLAG=on\n".encode("utf-16")))[1].values == {}
    assert read(written(tmp_path, "# \xe9t\xe9\nFLAG=on\n".encode("latin-1")))[1].values == {"FLAG": "on"}


def rewrite(path):
    stamp = path.stat().st_mtime_ns
    path.write_text("FLAG=no\n")
    os.utime(path, ns=(stamp, stamp))


def swap(path):
    other = path.with_name("other")
    other.write_text("FLAG=on\n")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, swap, lambda path: path.chmod(0o600), Path.unlink])
def test_change(tmp_path, change):
    """Another text of the same length, another file of the same time, other rights: each is seen without reading."""
    file = FlagFile(str(written(tmp_path, "FLAG=on\n")), NAMES)
    before = file.state()
    assert file.state() == before
    time.sleep(0.02)  # the kernel stamps changes by its own tick of some milliseconds
    change(tmp_path / ".env")
    assert file.state() != before


def test_no_descriptor_is_left(tmp_path):
    """Whatever is at the path, nothing stays open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for text in (b"FLAG=on\n", b"#" * (MOST_BYTES + 1)):
        read(written(tmp_path, text))
    for make in (Path.mkdir, os.mkfifo):
        make(tmp_path / "other")
        read(tmp_path / "other")
        (tmp_path / "other").rmdir() if (tmp_path / "other").is_dir() else (tmp_path / "other").unlink()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
