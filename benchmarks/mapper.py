"""CPU time of the mapper over a grid of machines: rows, columns, lanes, buffers and bandwidths.

    python -m benchmarks.mapper [BLOCKS]

The grid has 1,000 machines, 125 blocks of eight that differ in buffer and bandwidth alone; every so
many blocks one is measured, in its order. One core; BERT at 256K tokens. Printed JSON has the CPU
seconds of a machine: mean, median, largest; and the peak of the process's memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from itertools import product

import numpy as np

from benchmarks.evaluations import WORKLOAD
from evaluators.accounting import CORRECTED
from evaluators.design import Designs
from evaluators.protocol import evaluator

SIDES = (32, 64, 128, 256, 512)
MEMORIES = tuple(product((2**20, 2**22, 2**24, 2**26), (200 * 2**30, 400 * 2**30)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("blocks", type=int, nargs="?", default=len(SIDES) ** 3)
    count = parser.parse_args().blocks
    blocks = list(product(SIDES, SIDES, SIDES))
    chosen = [blocks[k] for k in np.linspace(0, len(blocks) - 1, count).astype(int).tolist()]
    engine = evaluator("mapper")
    seconds = []
    for (rows, columns, lanes), (buffer_bytes, dram_bytes_per_s) in product(chosen, MEMORIES):
        design = Designs.of(
            array_rows=rows,
            array_cols=columns,
            vector_lanes=lanes,
            buffer_bytes=buffer_bytes,
            dram_bytes_per_s=dram_bytes_per_s,
        )
        start = time.process_time()
        engine.evaluate("binding", WORKLOAD, design, CORRECTED)
        seconds.append(time.process_time() - start)
    report = {
        "machines": len(seconds),
        "mean_s": statistics.mean(seconds),
        "median_s": statistics.median(seconds),
        "largest_s": max(seconds),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
