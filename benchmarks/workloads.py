"""What masks, padding and shared keys cost: a million designs of +Binding on each workload.

    python -m benchmarks.workloads [RUNS]

CPU time, since that of a busy machine changes little; workloads alternate. Printed JSON has the
medians, and the ratio of each to the plain workload.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from benchmarks.evaluations import KIB, feasible_designs
from evaluators.accounting import CORRECTED
from evaluators.protocol import evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.workload import Workload

BERT = transformer("BERT")
LLAMA = transformer("llama-3-8b")
WORKLOADS = {
    "plain": Workload(BERT, 256 * KIB),
    "grouped": Workload(LLAMA, 256 * KIB),
    "causal": Workload(BERT, 256 * KIB, causal=True),
    "padded": Workload(BERT, 256 * KIB, padded=True),
    "padded, a remainder": Workload(BERT, 256 * KIB + 1, padded=True),
    "grouped, causal, padded": Workload(LLAMA, 256 * KIB + 1, causal=True, padded=True),
    "decode, padded": Workload(LLAMA, 1, 256 * KIB, padded=True),
}
DESIGNS = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="?", default=5)
    runs = parser.parse_args().runs
    engine = evaluator("analytical")
    designs = feasible_designs("binding", DESIGNS, engine)
    seconds: dict[str, list[float]] = {name: [] for name in WORKLOADS}
    for _ in range(runs):
        for name, workload in WORKLOADS.items():
            start = time.process_time()
            engine.evaluate("binding", workload, designs, CORRECTED)
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    rows = {
        name: {"cpu_s": median, "ratio": median / medians["plain"]}
        for name, median in medians.items()
    }
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
