"""The SRAM table and live CACTI, against the values that FuseMax's evaluation got from CACTI."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.components import cacti
from evaluators.components.cacti import CactiError, CactiMissing, SramCosts

KI = 1024
MI = KI**2

# FuseMax's evaluation: (depth, width_bits, mm2, nJ per read, nJ per write).
PUBLISHED = [
    SramCosts(256, 128, 0.0142676, 0.00442684, 0.0118899),
    SramCosts(512, 128, 0.0277058, 0.00791635, 0.0140524),
    SramCosts(64, 4096, 1.56572, 1.57945, 1.61921),
    SramCosts(8388608, 128, 369.146, 1.62144, 1.57241),
    SramCosts(32768, 4096, 84.2012, 12.5127, 15.7514),
    SramCosts(65536, 4096, 175.717, 23.8546, 27.0975),
    SramCosts(32768, 8192, 228.987, 49.55, 65.1922),
    SramCosts(16384, 16384, 228.87, 55.8289, 87.0301),
    SramCosts(65536, 768, 22.5713, 1.59049, 1.55321),
    SramCosts(16384, 6144, 95.4661, 17.891, 23.7252),
]
SMALL = PUBLISHED[:3]

live = pytest.mark.skipif(
    not cacti.available(), reason="CACTI (hwcomponents-cacti) is not installed or does not start"
)


@pytest.fixture
def without_cacti(monkeypatch):
    monkeypatch.setattr(cacti.importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def fake_cacti(monkeypatch, tmp_path):
    """A stand-in for CACTI's executable: a shell script of the given body."""

    def install(body):
        executable = tmp_path / "cacti"
        executable.write_text(f"#!/bin/sh\n{body}\n")
        executable.chmod(0o755)
        monkeypatch.setattr(cacti, "_executable", lambda: executable)

    return install


def test_the_table_has_exactly_the_default_sizes_in_order():
    shipped = [(row.depth, row.width_bits) for row in cacti.read_table()]
    assert shipped == cacti.default_sizes()
    assert len(shipped) == 221 + 87


def test_the_table_has_every_size_of_the_default_domains():
    shipped = {(row.depth, row.width_bits) for row in cacti.read_table()}
    for words in (8, 16, 32, 64, 128, 256, 512, 1024):
        for smallest in (64 * KI, 96 * KI):
            for doublings in range(11):
                depth = max(64, (smallest << doublings) // (2 * words))
                assert (depth, 16 * words) in shipped
        assert (128 * MI // (2 * words), 16 * words) in shipped


@pytest.mark.parametrize(
    ("words", "sizes", "shallowest", "deepest"),
    [
        (48, 30, 64, 1398101),
        (96, 28, 64, 699050),
        (192, 26, 64, 349525),
        (384, 24, 64, 174762),
    ],
)
def test_the_table_has_the_rows_of_three_times_a_power_of_two(words, sizes, shallowest, deepest):
    depths = [row.depth for row in cacti.read_table() if row.width_bits == 16 * words]
    assert (len(depths), depths[0], depths[-1]) == (sizes, shallowest, deepest)
    assert 85 in depths


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda row: f"{row.depth}x{row.width_bits}")
def test_the_table_has_the_published_values(published):
    assert published in cacti.read_table()


def test_a_written_table_reads_back_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    cacti.write_table(path, cacti.read_table())
    assert path.read_bytes() == cacti.TABLE.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_keeps_the_old_table(tmp_path):
    def rows():
        yield PUBLISHED[0]
        raise CactiError("no more")

    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(CactiError):
        cacti.write_table(path, rows())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [(63, 128), (64, 24), (64, 130), (2**21, 8192), (5 * 2**20, 8192)])
def test_sizes_that_cacti_cannot_model_are_refused(size):
    with pytest.raises(CactiError, match="cannot model"):
        cacti.sram(*size)


def test_without_cacti_an_sram_says_how_to_install_it(without_cacti):
    assert not cacti.available()
    with pytest.raises(CactiMissing, match=r"pip install 'attention-dse\[cacti\]'"):
        cacti.sram(256, 128)


@pytest.mark.parametrize("task", [["--check"], ["--out", "table.csv"]])
def test_without_cacti_the_command_says_how_to_install_it(
    without_cacti, task, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert cacti.main(task) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert "pip install 'attention-dse[cacti]'" in output.err
    assert "Python >= 3.12" in output.err
    assert not list(tmp_path.iterdir())


def test_an_executable_that_does_not_start_is_not_available(fake_cacti):
    fake_cacti("echo 'version GLIBC_2.38 not found' >&2; exit 1")
    assert not cacti.available()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo 'Block size is wrong' >&2; echo more >&2; exit 0", "Block size is wrong$"),
        ("echo working; echo 'no organization found'; exit 0", "no organization found$"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_failure_of_cacti_is_one_sentence_with_its_message(fake_cacti, body, message):
    fake_cacti(body)
    with pytest.raises(CactiError, match=message) as failure:
        cacti.sram(256, 128)
    assert "256 rows of 128 bits" in str(failure.value)


def test_cacti_is_stopped_at_the_time_limit(fake_cacti, monkeypatch):
    fake_cacti("exec sleep 60")
    monkeypatch.setattr(cacti, "TIME_LIMIT_S", 0.1)
    with pytest.raises(CactiError, match="longer than"):
        cacti.sram(256, 128)


def test_a_run_leaves_no_files(fake_cacti, monkeypatch, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(cacti.tempfile, "tempdir", str(scratch))
    fake_cacti("exit 1")
    with pytest.raises(CactiError):
        cacti.sram(256, 128)
    assert not list(scratch.iterdir())


def test_a_difference_is_printed_and_exits_with_1(monkeypatch, capsys):
    def other(sizes, workers):
        return [SramCosts(*size, 1.0, 2.0, 3.0) for size in sizes]

    monkeypatch.setattr(cacti, "available", lambda: True)
    monkeypatch.setattr(cacti, "make_table", other)
    assert cacti.main(["--check", "--limit", "2"]) == 1
    assert capsys.readouterr().out.count("shipped") == 2


def test_the_module_imports_without_the_package():
    code = "import sys, evaluators.components.cacti; sys.exit('hwcomponents_cacti' in sys.modules)"
    root = Path(cacti.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@live
def test_live_cacti_gives_the_published_values():
    sizes = [(row.depth, row.width_bits) for row in SMALL]
    assert cacti.make_table(sizes, workers=2) == SMALL


@live
def test_live_cacti_agrees_with_the_shipped_table(capsys):
    assert cacti.main(["--check", "--limit", "60", "--workers", "2"]) == 0
    assert "60 of 60 SRAMs agree" in capsys.readouterr().out
