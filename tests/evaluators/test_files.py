"""Files written whole or not at all, whoever else writes in the same folder."""

from __future__ import annotations

import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.errors import InputError
from evaluators.files import check_writable, unfinished_name, write_atomically


def test_a_file_is_written_where_no_folder_was(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.csv"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in path.parent.iterdir()] == ["file.csv"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "written", b"")
    modes = [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("plain", "written")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "a*b?[c].csv"])
def test_any_name_that_a_file_can_have_is_written(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"content")
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 256, "File name too long"),
        ("new/" + "é" * 128, "File name too long"),
        ("file/below", "Not a directory"),
        ("file/deep/below", "Not a directory"),
        ("folder", "Is a directory"),
        ("a\0b", "embedded null"),
    ],
)
def test_what_cannot_be_written_is_told_before_and_makes_nothing(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for refused in (check_writable, lambda path: write_atomically(path, b"content")):
        with pytest.raises(InputError, match=f"cannot write .*: {reason}.*; name a place that can"):
            refused(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_place_that_can_be_written_is_not_made_yet(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b" / "file.csv")
    assert list(tmp_path.iterdir()) == []


PLANT = """
import os, sys
from pathlib import Path
from evaluators.files import write_atomically

folder, victim = map(Path, sys.argv[1:])
for pid in range(os.getpid() - 50, os.getpid() + 50):
    (folder / f".entry.json.{pid}").symlink_to(victim)
write_atomically(folder / "entry.json", b"own")
"""


def test_a_link_of_the_processs_number_is_not_followed(tmp_path: Path) -> None:
    folder, victim = tmp_path / "folder", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"another user's")
    subprocess.run([sys.executable, "-c", PLANT, folder, victim], check=True)
    assert victim.read_bytes() == b"another user's"
    assert (folder / "entry.json").read_bytes() == b"own"
    assert not (folder / "entry.json").is_symlink()


CONTAINER = """
import os, sys
from pathlib import Path
from evaluators.files import write_atomically

os.getpid = lambda: 7  # as in every container
for _ in range(300):
    write_atomically(Path(sys.argv[1]), sys.argv[2].encode() * 100_000)
"""


def test_processes_of_one_number_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CONTAINER, path, letter], stderr=subprocess.PIPE, text=True
        )
        for letter in "ab"
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    assert path.read_bytes() in (b"a" * 100_000, b"b" * 100_000)
    assert [each.name for each in tmp_path.iterdir()] == ["entry.json"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"before")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=f"cannot write {path}: File too large; name a place"):
            write_atomically(path, b"after" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_amid_a_write_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from evaluators import files\n"
        "files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGINT)\n"
        "files.write_atomically(Path(sys.argv[1]), b'content')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "file"], capture_output=True, text=True, check=False
    )
    assert "KeyboardInterrupt" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_pattern_finds_what_a_kill_left(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from evaluators import files\n"
        "files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_atomically(Path(sys.argv[1]), b'content')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "file"], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert list(tmp_path.glob(unfinished_name("file"))) == [left]
