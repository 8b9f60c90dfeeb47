"""Time one configuration at one batch size in this process and print JSON.

python -m benchmarks.evaluations CONFIGURATION BATCH RUNS
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time

import numpy as np

from evaluators.accounting import PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.protocol import Evaluator, evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload

KIB = 2**10
WORKLOAD = Workload(TRANSFORMERS["BERT"], 256 * KIB)


def random_designs(count: int, seed: int) -> Designs:
    """Draw designs from the default domains: sides 8 to 1024, buffers 64 KiB to 128 MiB."""
    rng = np.random.default_rng(seed)
    sides = 2 ** rng.integers(3, 11, size=(3, count))
    buffers = np.sort([2**k * KIB for k in range(6, 18)] + [3 * 2**k * KIB for k in range(5, 16)])
    return Designs.of(
        array_rows=sides[0],
        array_cols=sides[1],
        vector_lanes=sides[2],
        buffer_bytes=rng.choice(buffers, count),
    )


def feasible_designs(configuration: str, count: int, engine: Evaluator) -> Designs:
    """Draw that many feasible designs, at most 100,000 of them different."""
    drawn = random_designs(4 * min(count, 25_000), seed=0)
    drawn = drawn.only(described(configuration).all_parameters)
    feasible = engine.evaluate(configuration, WORKLOAD, drawn, PUBLISHED).feasible
    return drawn.take(np.resize(np.flatnonzero(feasible), count))


def main() -> None:
    """Measure and print."""
    configuration, batch, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    engine = evaluator("analytical")
    designs = feasible_designs(configuration, batch, engine)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        engine.evaluate(configuration, WORKLOAD, designs, PUBLISHED)
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print(
        json.dumps(
            {
                "configuration": configuration,
                "batch": batch,
                "median_s": median,
                "evaluations_per_s": batch / median,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB,
            }
        )
    )


if __name__ == "__main__":
    main()
