"""Files of accelerators: bases, machines, and what is refused."""

import os
from pathlib import Path

import pytest

from evaluators.describe.layers import ACCELERATORS, shipped
from evaluators.describe.machine_reading import machine
from evaluators.describe.reading import accelerator
from evaluators.errors import InputError


@pytest.mark.parametrize("name", shipped())
def test_a_file_with_nothing_changed_is_its_base(tmp_path: Path, name: str) -> None:
    file = tmp_path / "same.toml"
    file.write_text(f'name = "{name}"\nbase = "{name}"\n', encoding="utf-8")
    same, base = accelerator(str(file)), accelerator(name)
    assert same.cascade == base.cascade
    assert same.stages == base.stages
    assert same.all_parameters == base.all_parameters
    assert same.footprint == base.footprint
    for einsum in base.cascade.einsums:
        rows, others = same.rows(einsum), base.rows(einsum)
        assert [row.resident for _, row in rows] == [row.resident for _, row in others]
        assert [dict(table.factors) for table, _ in rows] == [
            dict(table.factors) for table, _ in others
        ]


def test_a_variant_of_binding_is_five_lines(tmp_path: Path) -> None:
    file = tmp_path / "overlapped.toml"
    file.write_text(
        'name = "overlapped"\n'
        'base = "binding"\n'
        "[schedule]\n"
        'stages = ["QK LM RM PRM SPD SPNV SLN SLD SLNV RD RNV AV"]\n'
        'memory = "whole"\n',
        encoding="utf-8",
    )
    assert len(accelerator(str(file)).stages) == 1


def test_a_file_builds_on_another_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "a"\nbase = "binding"\n', encoding="utf-8")
    (tmp_path / "b.toml").write_text('name = "b"\nbase = "./a.toml"\n', encoding="utf-8")
    assert accelerator(str(tmp_path / "b.toml")).machine.name == "fusemax"


def test_a_base_that_builds_on_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "self.toml"
    file.write_text('name = "self"\nbase = "./self.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="more than 8 files build on one another"):
        accelerator(str(file))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name = ", "no TOML"),
        ('name = "x"\n', "machine is missing"),
        ('name = "x"\nbase = "nobody"\n', "unknown configuration 'nobody'; known are architecture"),
        ('name = "x"\nbase = "binding"\nmachine = "nobody"\n', "unknown machine 'nobody'"),
        ('name = "x"\nbase = 7\n', "7 is not the name or the file"),
        ('name = "x"\nbase = "binding"\nmapping = 7\n', r"7 is not tables \[\[mapping\]\]"),
        ('name = "x"\nbase = "binding"\n[cascade]\nalong = "M0"\n', "cascade.einsums is missing"),
        ('name = "x"\nbase = "binding"\n[parameters]\nq = 7\n', "7 is not a table"),
        ('name = "x"\nbase = "binding"\n[parameters]\nq = {}\n', "neither a default nor a rule"),
        (
            'name = "x"\nbase = "binding"\n[parameters]\n"a b" = { default = 1 }\n',
            "letters, digits",
        ),
        (
            'name = "x"\nbase = "binding"\n[parameters]\nq = { default = 1, domain = "1 to 3" }\n',
            "is no domain",
        ),
        (
            'name = "x"\nbase = "binding"\n[parameters]\nbuffer_bytes = { default = "16 MHz" }\n',
            r"line 4: default: '16 MHz' is not understood; write a size",
        ),
        (
            'name = "x"\nbase = "binding"\n[parameters]\nbuffer_bytes = { default = "0.3 KiB" }\n',
            r"is 307.2; give a whole number",
        ),
        (
            'name = "x"\nbase = "binding"\n[parameters]\nq = { default = -1 }\n',
            r"-1 is no number from 0",
        ),
        ("a." * 20000 + "a = 1\n", "no TOML|no such key|more than"),
        ("name = '''" + "x" * 300_000 + "'''", "262144 at most"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said) as refused:
        accelerator(str(file))
    assert len(str(refused.value)) <= 1000


def test_a_pipe_is_no_accelerator(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(InputError, match="no regular file"):
        accelerator(str(tmp_path / "pipe.toml"))


def test_machines_name_their_source() -> None:
    for name in shipped(ACCELERATORS.with_name("machines")):
        assert machine(name).source


def test_sizes_are_written_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "chip.toml"
    file.write_text(
        """
name = "chip"
base = "fusemax"
[parameters]
buffer_bytes     = { default = "192 KiB", domain = "64 KiB * 2^0..2, 96 KiB * 2^0..1" }
dram_bytes_per_s = { default = "1555 GB/s", real = true, domain = ["50 GiB/s", "1555 GB/s"] }
clock_hz         = { default = "1.41 GHz", real = true }
array_rows       = { default = 32, domain = [32, "1K"] }
""",
        encoding="utf-8",
    )
    given = machine(str(file)).parameters
    assert given["buffer_bytes"].default == 196608
    assert given["buffer_bytes"].domain.values == (65536, 98304, 131072, 196608, 262144)
    assert given["dram_bytes_per_s"].default == 1.555e12
    assert given["dram_bytes_per_s"].domain.values == (53687091200.0, 1.555e12)
    assert isinstance(given["clock_hz"].default, float)
    assert given["array_rows"].domain.values == (32, 1024)
