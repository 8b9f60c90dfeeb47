"""What two workers gain: commands timed as whole processes, serial against processes and Ray.

    python -m benchmarks.parallel [RUNS]

Two sweeps, of 1e7 `binding` designs and of 2e4 `unfused` ones, and a study of `flat` in batches of
64, drawn at random and kept in a journal. The ratio is of wall times, without Ray's start; the CPU
times of the driver and of the busiest worker say what it would be on a machine that does nothing
else. Runs alternate; the printed JSON has the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.__main__ import ONE_CORE

STUDIES = {
    "binding": """
        name = "binding"
        configuration = "binding"
        models = ["BERT"]
        seq_lens = ["256K"]
        [space]
        query_tiles = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
        pe_registers = [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128]
        lane_registers = [0, 16, 24, 32]
    """,
    "unfused": """
        name = "unfused"
        configuration = "unfused"
        models = ["BERT"]
        seq_lens = ["16K"]
        [space]
        pe_registers = [0, 8]
        buffer_bytes = { min = 65536 }
    """,
    "flat": """
        name = "flat"
        configuration = "flat"
        models = ["BERT", "XLM"]
        seq_lens = ["64K"]
        sampler = "random"
        batch = 64
        trials = 1024
        pinned = false
    """,
}
COMMANDS = {
    "sweep of binding": ("sweep", "binding"),
    "sweep of unfused": ("sweep", "unfused"),
    "study of flat": ("study", "flat"),
}
EXECUTORS: dict[str, list[str]] = {
    "serial": [],
    "processes": ["--executor", "processes", "--workers", "2"],
    "ray": ["--executor", "ray", "--workers", "2"],
}


def measured(command: str, name: str, executor: str, home: Path) -> dict[str, float]:
    """Run a command; return its wall time, and CPU times that the machine's load changes little."""
    with tempfile.TemporaryDirectory(dir=home) as out:
        arguments = ["study", "run", "--quiet"] if command == "study" else ["sweep"]
        arguments += [str(home / f"{name}.toml"), "--out", out, *EXECUTORS[executor]]
        if command == "study":
            arguments += ["--storage", f"journal:{Path(out, 'journal')}"]
        began = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, "-m", "dse", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | ONE_CORE,
        )
        cpu: dict[int, float] = {}
        worked = began
        while process.poll() is None:
            for each in [process, *_workers(process)]:
                with suppress(psutil.Error):
                    times = each.cpu_times()
                    cpu[each.pid] = times.user + times.system
            if worked == began and any(pid != process.pid for pid in cpu):
                worked = time.perf_counter()
            time.sleep(0.02)
        ended = time.perf_counter()
        if process.returncode:
            raise SystemExit(f"dse {' '.join(arguments)} failed")
    own = cpu.pop(process.pid)
    return {
        "wall_s": ended - began,
        "wall_from_first_worker_s": ended - worked,
        "driver_cpu_s": own,
        "busiest_worker_cpu_s": max(cpu.values(), default=0.0),
    }


def _workers(process: psutil.Process) -> list[psutil.Process]:
    found = []
    with suppress(psutil.Error):
        for each in process.children(recursive=True):
            with suppress(psutil.Error):
                line = " ".join(each.cmdline())
                if "spawn_main" in line or line.startswith("ray::answer"):
                    found.append(each)
    return found


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="?", default=3)
    parser.add_argument("--only", choices=COMMANDS)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, text in STUDIES.items():
            (home / f"{name}.toml").write_text(textwrap.dedent(text))
        for title in [options.only] if options.only else COMMANDS:
            samples: dict[str, list[dict[str, float]]] = {name: [] for name in EXECUTORS}
            for _ in range(options.runs):
                for executor in EXECUTORS:
                    samples[executor].append(measured(*COMMANDS[title], executor, home))
            rows += [_row(title, executor, samples) for executor in EXECUTORS]
    print(json.dumps(rows, indent=1))


def _row(title: str, executor: str, samples: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    medians = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in samples.items()
    }
    own, serial = medians[executor], medians["serial"]["wall_s"]
    # Ray's start, which its own first worker ends, is left out; the driver's is not.
    start = own["wall_s"] - own["wall_from_first_worker_s"] if executor == "ray" else 0.0
    row = {"command": title, "executor": executor} | own | {"start_s": start}
    row["ratio"] = (own["wall_s"] - start) / serial
    print(
        f"{title:18} {executor:10} {own['wall_s']:7.1f} s, ratio {row['ratio']:.2f}, driver "
        f"{own['driver_cpu_s']:.1f} s of CPU, busiest worker {own['busiest_worker_cpu_s']:.1f} s",
        file=sys.stderr,
    )
    return row


if __name__ == "__main__":
    main()
