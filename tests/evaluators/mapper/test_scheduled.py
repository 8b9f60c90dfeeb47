"""The shortest schedule against the ideal, the optimum's own, and what dse schedule says."""

from pathlib import Path

import pytest

import dse
from evaluators.mapper.accelerator_file import accelerator_file

SMALL = {
    "shape": "2,8,4,4,2,8",
    "array_rows": 8,
    "array_cols": 8,
    "buffer_bytes": "4 KiB",
}


def file_of(mapped, path: Path) -> str:
    binding = mapped.binding
    text = accelerator_file(
        path.stem,
        "",
        binding,
        mapped.cascades[binding.cascade],
        mapped.resources,
        mapped.extents,
    )
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("cascade", "lanes", "registers", "lane_registers", "seq_len"),
    [("2-pass", 8, 8, 32, 16), ("3-pass", 4, 6, 8, 8)],
)
def test_a_schedule_is_between_the_ideal_and_that_of_the_optimum(
    tmp_path: Path, cascade: str, lanes: int, registers: int, lane_registers: int, seq_len: int
) -> None:
    asked = {
        **SMALL,
        "cascade": cascade,
        "vector_lanes": lanes,
        "pe_registers": registers,
        "lane_registers": lane_registers,
        "seq_len": seq_len,
    }
    ideal = dse.map(**asked)
    found = dse.map(**asked, scheduled=True)
    assert found.scheduled is not None
    assert found.scheduled.latency_s >= ideal.costs.latency_s * (1 - 1e-12)
    assert found.scheduled.latency_s >= found.costs.latency_s * (1 - 1e-12)
    gap = found.scheduled.latency_s / ideal.costs.latency_s - 1
    assert found.scheduled.gap == pytest.approx(gap, abs=1e-12)

    workload = {"shape": SMALL["shape"], "seq_len": seq_len}
    runs = dse.schedule(configuration=file_of(found, tmp_path / "found.toml"), **workload)
    assert runs.fits
    assert runs.latency_s == pytest.approx(found.scheduled.latency_s, rel=1e-12)
    own = dse.schedule(configuration=file_of(ideal, tmp_path / "ideal.toml"), **workload)
    if own.fits:
        assert found.scheduled.latency_s <= own.latency_s * (1 + 1e-4)


def test_at_1k_two_passes_run_at_the_ideal_with_less_energy_than_fusemax() -> None:
    found = dse.map(seq_len="1K", scheduled=True)
    assert found.scheduled is not None
    assert found.scheduled.latency_s < 1.79126e-3, "what 8 registers and 4 MiB gave"
    fusemax = found.compared[0].metrics
    assert fusemax is not None
    assert fusemax["latency_s"] == pytest.approx(2.01314e-3, rel=1e-5)
    assert found.costs.energy_pj < fusemax["energy_pj"]


def test_a_quarter_of_the_lanes_runs_as_fast_as_few_words_allow() -> None:
    """With 8 words a PE a schedule of 119.08 s is there: what chunks of 256 keys need at least."""
    chip = {"vector_lanes": 64, "buffer_bytes": "512 KiB", "pe_registers": 8}
    found = dse.map(chunks="256", cascade="1-pass", scheduled=True, lane_registers=32, **chip)
    assert found.scheduled is not None
    cycles = 139 * 2**18 * 2**18 * 64 * 12 / 2**16
    assert found.scheduled.latency_s == pytest.approx(cycles / 940e6, rel=1e-4)


@pytest.mark.parametrize("other", [{"front": True}, {"freedoms": True}])
def test_what_is_of_ideal_latencies_is_not_asked_of_schedules(other) -> None:
    with pytest.raises(dse.Error, match="of ideal latencies; ask for them without scheduled"):
        dse.map(**SMALL, seq_len=32, scheduled=True, **other)
