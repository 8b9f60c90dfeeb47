"""Live CACTI: the SRAMs that the shipped table lacks, and the shipped table made anew.

The table's definition and provenance are in SRAM_TABLE.md. CACTI is the optional package
hwcomponents-cacti; this module runs its executable and imports nothing of it.

    python -m evaluators.components.cacti --out FILE    make the table anew
    python -m evaluators.components.cacti --check       compare live CACTI with the shipped table
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evaluators.errors import EvaluationError, InputError
from evaluators.files import write_atomically

TABLE = Path(__file__).with_name("sram_cacti.csv")
TABLE_COLUMNS = ("width_bits", "depth", "area_mm2", "read_nj", "write_nj")
MIN_DEPTH = 64  # rows
MIN_WIDTH_BITS = 32
SIZE_LIMIT_BYTES = 2**31  # CACTI keeps the size in 32 bits: 5 GiB would give the results of 1 GiB
TIME_LIMIT_S = 600.0  # the slowest size of the table takes seconds
HOW_TO_INSTALL = (
    "CACTI is not installed or does not start here: "
    "pip install 'attention-dse[cacti]' --no-binary hwcomponents-cacti "
    "(Python >= 3.12, g++ and make)"
)
WORD_BITS = 16
KI = 1024

# CACTI's input: names and units are its own, the values are explained in SRAM_TABLE.md.
_OPTIONS = """\
-size (bytes) {size_bytes}
-block size (bytes) {width_bytes}
-output/input bus width {width_bits}
-technology (u) 0.045
-operating temperature (K) 300
-cache type - "ram"
-Cache model - "UCA"
-UCA bank count 1
-read-write port 1
-exclusive read port 0
-exclusive write port 0
-single ended 0
-associativity 1
-tag size (b) 0
-access mode - "fast"
-Data array cell type - "itrs-lstp"
-Data array peripheral type - "itrs-lstp"
-Tag array cell type - "itrs-lstp"
-Tag array peripheral type - "itrs-lstp"
-design objective 0:0:1000000:0:0
-deviate 20:10:100000:100:100
-Optimize - "ED^2"
-Force cache config - "false"
-Wire signaling - "Global_30"
-Wire inside mat - "semi-global"
-Wire outside mat - "semi-global"
-Interconnect projection - "normal"
-Array Power Gating - "false"
-WL Power Gating - "false"
-CL Power Gating - "false"
-Bitline floating - "false"
-Interconnect Power Gating - "false"
-Add ECC - "false"
-page size (bits) 0
-burst length 8
-internal prefetch width 8
-num_clk 2
-mem_data_width 8
-capacity 80
-num_bobs 1
-num_channels_per_bob 1
-DIMM model - "ALL"
"""


class CactiMissing(InputError):
    """CACTI is not installed: one sentence that says how to install it."""


class CactiError(EvaluationError):
    """CACTI failed, or cannot model a size: one sentence that says why."""


@dataclass(frozen=True)
class SramCosts:
    """CACTI's results for one SRAM, to its six significant digits.

    Attributes:
        depth: rows.
        width_bits: bits in a row, all of them read or written by an access.
        area_mm2: area.
        read_nj: dynamic energy of a read.
        write_nj: dynamic energy of a write.

    """

    depth: int
    width_bits: int
    area_mm2: float
    read_nj: float
    write_nj: float


def available() -> bool:
    """Whether CACTI is installed and starts; takes milliseconds."""
    try:
        greeting = _run([]).stderr
    except (CactiMissing, CactiError):
        return False
    return "-infile" in greeting


def can_model(depth: int, width_bits: int) -> bool:
    """Tell whether CACTI takes an SRAM of that size; padding a small one is up to the caller."""
    return (
        depth >= MIN_DEPTH
        and width_bits >= MIN_WIDTH_BITS
        and width_bits % 8 == 0
        and depth * width_bits // 8 < SIZE_LIMIT_BYTES
    )


def sram(depth: int, width_bits: int) -> SramCosts:
    """Area and energies of one SRAM; takes 0.03 s to a few seconds.

    Raises:
        CactiMissing: CACTI is not installed.
        CactiError: it failed, took longer than `TIME_LIMIT_S` or cannot model the size.

    """
    if not can_model(depth, width_bits):
        raise CactiError(
            f"CACTI cannot model {depth} rows of {width_bits} bits: it needs {MIN_DEPTH} rows or "
            f"more, a multiple of 8 bits from {MIN_WIDTH_BITS} on, and less than 2 GiB"
        )
    with tempfile.TemporaryDirectory() as folder:
        options = Path(folder, "sram")
        options.write_text(
            _OPTIONS.format(
                size_bytes=depth * width_bits // 8,
                width_bytes=width_bits // 8,
                width_bits=width_bits,
            ),
            encoding="ascii",
        )
        run = _run(["-infile", str(options)])
        results = Path(folder, "sram.out")
        if run.returncode or not results.exists():
            raise CactiError(
                f"CACTI failed on {depth} rows of {width_bits} bits "
                f"(exit code {run.returncode}): {_complaint(run)}"
            )
        return _parse(depth, width_bits, results.read_text(encoding="ascii"))


def make_table(sizes: Iterable[tuple[int, int]], workers: int) -> list[SramCosts]:
    """Results for every (depth, width_bits) of `sizes`, in their order; `workers` run at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda size: sram(*size), sizes))


def default_sizes() -> list[tuple[int, int]]:
    """Every (depth, width_bits) of the shipped table, by width, then depth."""
    powers = [2**k for k in range(3, 11)]
    triples = [3 * 2**k for k in range(4, 8)]
    sizes = {
        (depth, WORD_BITS * words)
        for words in powers + triples
        for buffer_bytes in _buffers(smallest_triple=64 * KI if words in powers else 4 * KI)
        if (depth := buffer_bytes * 8 // (WORD_BITS * words)) >= MIN_DEPTH
    }
    return sorted(sizes, key=lambda size: (size[1], size[0]))


def read_table() -> list[SramCosts]:
    """Rows of the shipped table."""
    with TABLE.open(encoding="ascii", newline="") as file:
        return [
            SramCosts(
                depth=int(row["depth"]),
                width_bits=int(row["width_bits"]),
                area_mm2=float(row["area_mm2"]),
                read_nj=float(row["read_nj"]),
                write_nj=float(row["write_nj"]),
            )
            for row in csv.DictReader(file)
        ]


def write_table(path: Path, rows: Iterable[SramCosts]) -> None:
    """Write an SRAM table whole or not at all."""
    lines = [",".join(TABLE_COLUMNS)]
    lines += [
        f"{row.width_bits},{row.depth},{row.area_mm2:.6g},{row.read_nj:.6g},{row.write_nj:.6g}"
        for row in rows
    ]
    write_atomically(path, ("\n".join(lines) + "\n").encode("ascii"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: done or no difference, 1: a difference, 2: it could not be done."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluators.components.cacti",
        description="Make the SRAM table anew with CACTI, or check the shipped one.",
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", type=Path, metavar="FILE", help="make the table and write it here")
    task.add_argument("--check", action="store_true", help="compare the shipped table with CACTI")
    parser.add_argument("--workers", type=_positive, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help="check the N smallest SRAMs alone"
    )
    options = parser.parse_args(arguments)
    if not available():
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    try:
        if options.check:
            return _check(options.limit, options.workers)
        write_table(options.out, make_table(default_sizes(), options.workers))
    except (CactiError, InputError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _check(limit: int | None, workers: int) -> int:
    shipped = sorted(read_table(), key=lambda row: row.depth * row.width_bits)[:limit]
    live = make_table([(row.depth, row.width_bits) for row in shipped], workers)
    different = [pair for pair in zip(shipped, live, strict=True) if pair[0] != pair[1]]
    for ours, theirs in different:
        print(f"shipped {ours}\nCACTI   {theirs}")
    print(f"{len(shipped) - len(different)} of {len(shipped)} SRAMs agree")
    return 1 if different else 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _buffers(smallest_triple: int) -> list[int]:
    """Buffer sizes (bytes) up to 128 MiB: 2^k from 4 KiB, 3*2^k from `smallest_triple`."""
    powers = [2**k for k in range(12, 28)]
    triples = [3 * 2**k for k in range(10, 26)]
    return powers + [size for size in triples if size >= smallest_triple]


def _parse(depth: int, width_bits: int, results: str) -> SramCosts:
    (row,) = csv.DictReader(results.splitlines(), skipinitialspace=True)
    return SramCosts(
        depth=depth,
        width_bits=width_bits,
        area_mm2=float(row["Area (mm2)"]),
        read_nj=float(row["Dynamic read energy (nJ)"]),
        write_nj=float(row["Dynamic write energy (nJ)"]),
    )


def _complaint(run: subprocess.CompletedProcess[str]) -> str:
    lines = run.stderr.splitlines()[:1] or run.stdout.splitlines()[-1:] or ["no message"]
    return lines[0].strip()


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run CACTI in its own folder, where it looks for its technology files."""
    executable = _executable()
    try:
        return subprocess.run(
            [str(executable), *arguments],
            cwd=executable.parent,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CactiError(f"CACTI took longer than {TIME_LIMIT_S:g} s") from None
    except OSError as error:
        raise CactiError(f"CACTI does not start: {error}") from error


def _executable() -> Path:
    package = importlib.util.find_spec("hwcomponents_cacti")
    for folder in (package and package.submodule_search_locations) or []:
        executable = Path(folder, "cacti", "cacti")
        if os.access(executable, os.X_OK):
            return executable
    raise CactiMissing(HOW_TO_INSTALL)


if __name__ == "__main__":
    sys.exit(main())
