"""How good each sampler's front is against the true one, trial by trial.

    python -m benchmarks.samplers FIGURE.png

Studies of area and latency of +Binding on BERT at 256K tokens, without the paper's points, five
seeds each. The figure shows the median ratio of hypervolumes and the range over the seeds; the
ratios are printed as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from analysis.figure_files import PNG_DPI
from analysis.figures import LINES
from analysis.fronts import hypervolume_ratio, non_dominated
from dse.execution.executors import Serial
from dse.results.parts import Parts
from dse.results.progress import Progress
from dse.search.lookup import find
from dse.search.runner import Runner
from dse.search.storage import driver
from evaluators.files import write_atomically
from evaluators.protocol import evaluator
from studies.objectives import objective_values
from studies.specification import Specification

STUDY = "binding-bert"
SAMPLERS = ("tpe", "nsga2", "nsga3", "random", "qmc")
SEEDS = range(1, 6)
TRIALS = 300
STEP = 10


def true_front(study: Specification) -> np.ndarray:
    """Evaluate the whole space; return its front, shape (n, objectives)."""
    columns = study.space.rows(0, study.space.size)
    ((configuration, (_, designs)),) = study.space.split(columns).items()
    (workload,) = study.workloads
    result = evaluator(study.evaluator).evaluate(configuration, workload, designs, study.accounting)
    values = objective_values(study.objectives, [result.metrics])[result.feasible]
    return np.unique(values[non_dominated(values)], axis=0)


def curve(study: Specification, truth: np.ndarray, folder: Path) -> list[float]:
    """Run a study; return the ratio of hypervolumes after every `STEP` trials."""
    ratios: list[float] = []

    def watch(progress: Progress) -> None:
        if progress.front is not None and progress.finished % STEP == 0:
            ratios.append(hypervolume_ratio(progress.front, truth))

    home = folder / f"{study.sampler}-{study.seed}"
    parts = Parts(study, home)
    with driver(home, study, f"journal:{home}.log") as database, Serial() as workers:
        Runner(study, database, parts, workers, watch).run()
    return ratios


def main() -> None:
    """Run all studies, print the ratios and draw the curves."""
    (base,) = find(STUDY)
    truth = true_front(base)
    curves: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SAMPLERS:
            studies = [
                replace(base, sampler=name, seed=seed, trials=TRIALS, batch=STEP, pinned=False)
                for seed in SEEDS
            ]
            curves[name] = [curve(study, truth, Path(folder)) for study in studies]
            medians = np.median(curves[name], axis=0)
            print(f"{name:7} {medians[-1]:.4f} after {TRIALS} trials", file=sys.stderr)
    print(json.dumps({"true front": len(truth), "every": STEP, "ratios": curves}, indent=1))
    if len(sys.argv) > 1:
        draw(curves, Path(sys.argv[1]))


def draw(curves: dict[str, list[list[float]]], path: Path) -> None:
    """Draw the median curve of each sampler, its range over the seeds shaded."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    colours = [*(colour for colour, _, _ in LINES), "0.3"]
    for (name, ratios), colour in zip(curves.items(), colours, strict=True):
        trials = STEP * np.arange(1, len(ratios[0]) + 1)
        axes.plot(trials, np.median(ratios, axis=0), color=colour, label=name)
        axes.fill_between(
            trials, np.min(ratios, axis=0), np.max(ratios, axis=0), color=colour, alpha=0.12, lw=0
        )
    axes.set_xlabel("Trials")
    axes.set_ylabel("Hypervolume over the true front's")
    axes.set_ylim(0.7, 1.0)
    axes.grid(True, color="0.9")
    axes.legend(frameon=False, title="Sampler")
    content = BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=PNG_DPI)
    write_atomically(path, content.getvalue())


if __name__ == "__main__":
    main()
