"""Run the benchmarks: a table on standard error, JSON on standard output.

    python -m benchmarks

Evaluations are timed on one core, on feasible designs drawn from the default domains
(docs/model/designs.md#search-domains), as the median of several runs in a fresh process; peak
memory is that process's. Designs of FLAT and unfused carry no binding, so that finding the best one
is part of the time. Commands are timed as whole processes: cold with no compiled modules and no
font cache.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONFIGURATIONS = (
    "unfused",
    "flat",
    "cascade",
    "architecture",
    "binding",
    "linear_flat",
    "linear_fusemax",
)
BATCHES = {1: 25, 1_000: 5, 1_000_000: 3}
"""Designs of a batch -> runs."""

SEARCHING = ("unfused", "flat")
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    """Measure everything and print it."""
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "evaluations": [],
        "commands": {},
    }
    _say(f"{'configuration':16} {'batch':>9} {'seconds':>10} {'per second':>12} {'peak MiB':>9}")
    for configuration in CONFIGURATIONS:
        for batch, runs in BATCHES.items():
            row = _evaluations(configuration, batch, 1 if configuration in SEARCHING else runs)
            report["evaluations"].append(row)
            _say(
                f"{configuration:16} {batch:9} {row['median_s']:10.4f} "
                f"{row['evaluations_per_s']:12.0f} {row['peak_mib']:9.0f}"
            )
    for name, figures in _commands().items():
        report["commands"][name] = figures
        _say(f"{name:26} {figures['median_s']:10.3f} s, peak {figures['peak_mib']:.0f} MiB")
    print(json.dumps(report, indent=1))


def _evaluations(configuration: str, batch: int, runs: int) -> dict[str, Any]:
    worker = [sys.executable, "-m", "benchmarks.evaluations", configuration, str(batch), str(runs)]
    output = subprocess.run(
        worker, check=True, capture_output=True, text=True, env=os.environ | ONE_CORE
    )
    row: dict[str, Any] = json.loads(output.stdout)
    return row


def _commands() -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        reproduce = ["reproduce", "--out", str(Path(folder, "paper"))]
        cold = {
            "PYTHONPYCACHEPREFIX": str(Path(folder, "pycache")),
            "MPLCONFIGDIR": str(Path(folder, "matplotlib")),
        }
        return {
            "dse --help": _command(["--help"], 5, {}),
            "dse reproduce, cold": _command(reproduce, 1, cold),
            "dse reproduce, warm": _command(reproduce, 5, {}),
        }


def _command(arguments: list[str], runs: int, environment: dict[str, str]) -> dict[str, float]:
    """Time `dse` as a whole process; peak memory is the largest process's."""
    seconds, peaks_kib = [], []
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "dse", *arguments],
            stdout=subprocess.DEVNULL,
            env=os.environ | environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        peaks_kib.append(usage.ru_maxrss)
        if status:
            raise SystemExit(f"dse {' '.join(arguments)} failed")
    return {"median_s": statistics.median(seconds), "peak_mib": max(peaks_kib) / 1024}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
