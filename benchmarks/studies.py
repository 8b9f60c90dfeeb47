"""What a study costs on top of Optuna: CPU of `dse study run` over that of bare ask and tell.

    python -m benchmarks.studies [TRIALS] [PAIRS]

Both loops run the same sampler (multivariate TPE) on the same storage, for as many trials of the
same parameters of the `binding-bert` space; the bare one tells what the study's own trials came to
without computing it. A loop runs in a process of its own, serially; its CPU time is all from the
first trial to the last one, without imports and without making the database. Runs are paired, each
pair in alternating order; the ratio is the median of the pairs' ratios, printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna

from benchmarks.__main__ import ONE_CORE
from dse.execution.executors import Serial
from dse.results.parts import Parts
from dse.search.lookup import find
from dse.search.runner import Runner
from dse.search.samplers import distributions
from dse.search.storage import driver
from studies.specification import Specification

STORAGES = ("sqlite", "journal")
LOOPS = ("study", "bare")
SEED = 1


def specification(trials: int) -> Specification:
    """The built-in study with so many trials."""
    (study,) = find("binding-bert")
    return replace(study, trials=trials, seed=SEED)


def study_loop(folder: Path, url: str | None, trials: int) -> float:
    """Run the study; return the CPU seconds of its loop."""
    study = specification(trials)
    parts = Parts(study, folder)
    with driver(folder, study, url) as database:
        runner = Runner(study, database, parts, Serial(), lambda progress: None)
        began = time.process_time()
        runner.run()
        return time.process_time() - began


def bare_loop(folder: Path, url: str | None, trials: int) -> float:
    """Ask and tell as many trials; return the CPU seconds of the loop."""
    space = specification(trials).space
    values = [
        trial.values
        for trial in optuna.load_study(
            study_name="binding-bert", storage=f"sqlite:///{folder.parent / 'told' / 'study.db'}"
        ).trials
    ]
    storage: Any = f"sqlite:///{folder / 'bare.db'}"
    if url is not None:
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "bare.journal"))
        storage = optuna.storages.JournalStorage(backend)
    sampler = optuna.samplers.TPESampler(multivariate=True, seed=SEED)
    bare = optuna.create_study(
        storage=storage, sampler=sampler, directions=["minimize", "minimize"]
    )
    searched = distributions(space)
    began = time.process_time()
    for each in values:
        bare.tell(bare.ask(searched), each)
    return time.process_time() - began


def worker(loop: str, storage: str, trials: int, home: Path) -> None:
    """Measure one loop in this process and print its CPU seconds."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        url = f"journal:{folder / 'study.journal'}" if storage == "journal" else None
        measure = study_loop if loop == "study" else bare_loop
        print(measure(folder, url, trials))


def measured(loop: str, storage: str, trials: int, home: Path) -> float:
    """Measure one loop in a process of its own."""
    arguments = ["--worker", loop, storage, str(home), str(trials)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.studies", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | ONE_CORE,
    )
    return float(done.stdout)


def compared(storage: str, trials: int, pairs: int, home: Path) -> dict[str, Any]:
    """Measure pairs of loops on one storage."""
    seconds: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    for pair in range(pairs):
        for loop in LOOPS if pair % 2 == 0 else LOOPS[::-1]:
            seconds[loop].append(measured(loop, storage, trials, home))
    ratios = [ours / bare for ours, bare in zip(*seconds.values(), strict=True)]
    row = {"storage": storage, "trials": trials, "pairs": pairs}
    row |= {f"{k}_ms_per_trial": 1e3 * statistics.median(v) / trials for k, v in seconds.items()}
    row |= {"ratio": statistics.median(ratios), "ratios": ratios}
    print(
        f"{storage:8} {row['study_ms_per_trial']:8.2f} ms a trial, bare Optuna "
        f"{row['bare_ms_per_trial']:8.2f}, ratio {row['ratio']:.2f}",
        file=sys.stderr,
    )
    return row


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", nargs=3, metavar=("LOOP", "STORAGE", "FOLDER"))
    parser.add_argument("trials", type=int, nargs="?", default=300)
    parser.add_argument("pairs", type=int, nargs="?", default=5)
    options = parser.parse_args()
    if options.worker:
        loop, storage, home = options.worker
        worker(loop, storage, options.trials, Path(home))
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        study_loop(home / "told", None, options.trials)
        rows = [compared(each, options.trials, options.pairs, home) for each in STORAGES]
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
