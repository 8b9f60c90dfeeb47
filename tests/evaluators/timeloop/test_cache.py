"""The cache of results: whole entries or none, whoever writes them."""

import multiprocessing
import os

import pytest

from evaluators.errors import InputError
from evaluators.protocol import Runs
from evaluators.timeloop.cache import FOLDER_VARIABLE, Cache, default_folder

INPUTS = {"input.yaml": "architecture: 1\n"}
RESULT = {"stats.txt": "Cycles : 1\nµ\r\n"}


class Program:
    """Counts how often it runs."""

    def __init__(self, result=RESULT):
        self.runs = 0
        self.result = result

    def __call__(self):
        self.runs += 1
        return self.result


def only_entry(cache):
    (entry,) = (file for file in cache.folder.rglob("*") if file.is_file())
    return entry


def test_a_result_is_made_once_and_found_by_every_other_cache(tmp_path):
    program, first, second = Program(), Cache(tmp_path), Cache(tmp_path)
    assert first.get("model 1", INPUTS, program) == RESULT
    assert first.get("model 1", dict(reversed(INPUTS.items())), program) == RESULT
    assert second.get("model 1", INPUTS, program) == RESULT
    assert program.runs == 1
    assert first.runs == Runs(made=1, cached=1)
    assert second.runs == Runs(made=0, cached=1)


def test_another_input_or_another_version_is_another_result(tmp_path):
    cache, program = Cache(tmp_path), Program()
    cache.get("model 1", INPUTS, program)
    cache.get("model 2", INPUTS, program)
    cache.get("model 1", {"input.yaml": "architecture: 2\n"}, program)
    cache.get("model 1", {"other.yaml": INPUTS["input.yaml"]}, program)
    assert program.runs == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content.replace(b"Cycles", b"Cycled"),
        lambda content: content[:64],
        lambda content: b"\xff" + content,
    ],
)
def test_a_corrupted_entry_is_made_again(tmp_path, damage):
    cache, program = Cache(tmp_path), Program()
    cache.get("model", INPUTS, program)
    entry = only_entry(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert cache.get("model", INPUTS, program) == RESULT
    assert program.runs == 2
    assert only_entry(cache).read_bytes() == whole


def test_a_failed_run_leaves_no_entry(tmp_path):
    cache = Cache(tmp_path / "cache")

    def fails():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.get("model", INPUTS, fails)
    assert not cache.folder.exists()
    assert cache.runs == Runs()


def fill(folder):
    cache = Cache(folder)
    for i in range(200):
        inputs = {"input.yaml": str(i % 10)}
        expected = {"stats.txt": str(i % 10) * 10_000}
        if cache.get("model", inputs, Program(expected)) != expected:
            return False
    return True


def test_workers_that_write_the_same_entries_read_whole_ones(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert all(pool.map(fill, [tmp_path] * 3))
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 10


def fill_as_process_1(folder):
    """Write what others write, in a container where every process has the same number."""
    os.getpid = lambda: 1
    cache = Cache(folder)
    return [cache.get("model", {"input.yaml": str(i)}, Program({"i": str(i)})) for i in range(50)]


def test_containers_with_equal_process_numbers_share_a_cache(tmp_path):
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        results = pool.map(fill_as_process_1, [tmp_path] * 8)
    assert results == [[{"i": str(i)} for i in range(50)]] * 8
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 50


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(InputError, match="cannot write"):
        Cache(tmp_path / "file").get("model", INPUTS, Program())


def test_the_folder_is_the_users_unless_named(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert default_folder() == tmp_path / "attention-dse" / "timeloop"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "named"))
    assert default_folder() == tmp_path / "named"
