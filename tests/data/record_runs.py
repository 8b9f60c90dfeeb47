"""Have the real programs run what we print of the paper's designs: runs.jsonl.gz, and the counts.

    python -m tests.data.record_runs

Needs timeloop-model, timeloop-mapper, accelergy with its plug-ins at the commits of README.md, and
Timeloop's front end in this Python. Each line of `runs.jsonl.gz` is one run, for BERT at 1K tokens:

    configuration   on whose paper design
    program         the program and its arguments, or 'front end'
    inputs, outputs file name -> text

`paper_loop_nests.csv` has what Timeloop counts of the paper's attention at more lengths.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from evaluators.accounting import PUBLISHED
from evaluators.analytical.configurations import CONFIGURATIONS, configuration
from evaluators.protocol import evaluator
from evaluators.timeloop import accelergy, front_end, inputs, mapper, programs, stats
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import FOUND, INPUT, STATISTICS, TABLES, TimeloopEvaluator
from evaluators.timeloop.run import run
from evaluators.timeloop.text import as_yaml
from evaluators.workload import TRANSFORMERS, Workload, parse_seq_len
from studies.paper import paper_design

FOLDER = Path(__file__).parent
BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)
SEARCHED = "linear_fusemax"
SEARCH_STATISTICS = "timeloop-mapper.stats.txt"
LENGTHS = {
    ("binding", "BERT"): ("1K", "64K", "256K", "1M"),
    ("binding", "XLM"): ("64K", "256K", "1M"),
    ("cascade", "BERT"): ("1K", "16K", "256K"),
    ("cascade", "XLM"): ("1K", "16K", "256K"),
    ("flat", "BERT"): ("1K", "4K", "16K", "64K", "256K", "1M"),
    ("flat", "XLM"): ("1K", "4K", "16K", "64K", "256K", "1M"),
}
COUNTS = ("instances", "capacity", "partition", "reads", "fills", "updates")

Files = dict[str, str]


class Recording(Cache):
    """Runs everything anew, and notes it."""

    def __init__(self, configuration: str) -> None:
        super().__init__(Path())
        self.configuration = configuration
        self.lines: list[str] = []

    def get(self, version: str, inputs: Mapping[str, str], make: Callable[[], Files]) -> Files:
        """Run the program whose command is the first half of the version."""
        outputs = make()
        words = version.split()
        known = [i for i, word in enumerate(words) if word in (*inputs, *accelergy.PRECISION)]
        self.note(" ".join(words[: max(known) + 1]), inputs, outputs)
        return outputs

    def note(self, program: str, inputs: Mapping[str, str], outputs: Files) -> None:
        """Keep a run."""
        line = {"configuration": self.configuration, "program": program}
        self.lines.append(json.dumps(line | {"inputs": dict(inputs), "outputs": outputs}))


def main() -> None:
    """Run and write everything."""
    with ThreadPoolExecutor(2) as pool:
        lines = [line for each in pool.map(recorded, CONFIGURATIONS) for line in each]
        points = [(*point, length) for point, lengths in LENGTHS.items() for length in lengths]
        rows = [row for each in pool.map(lambda point: counted(*point), points) for row in each]
    runs = FOLDER / "runs.jsonl.gz"
    runs.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    with (FOLDER / "paper_loop_nests.csv").open("w", encoding="ascii", newline="") as file:
        header = ("config", "model", "seq_len", "einsum", "level", "tensor")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([(*header, *COUNTS, "cycles", "computes"), *rows])
    print(f"{len(lines)} runs, {runs.stat().st_size} bytes; {len(rows)} counts: {FOLDER}")


def recorded(name: str) -> list[str]:
    """Run all that an evaluation with an audit does, the front end, and the search of layers."""
    recording = Recording(name)
    audit = TimeloopEvaluator(recording, audits=True)
    audit.evaluate(name, BERT_1K, paper_design(name, BERT_1K), PUBLISHED).whole()
    recording.lines = list(dict.fromkeys(recording.lines))
    config = CONFIGURATIONS[name]
    design = evaluator("analytical").evaluate(name, BERT_1K, paper_design(name, BERT_1K), PUBLISHED)
    for request in inputs.requests(config, BERT_1K, design.designs, PUBLISHED):
        nested = front_end.front_end_input(request)
        flat = as_yaml(front_end.flatten(nested))
        recording.note("front end", {INPUT: nested}, {INPUT: flat})
        if name == SEARCHED and request.mapping == mapper.LINEAR_MAPPING:
            searched(recording, request)
    return list(dict.fromkeys(recording.lines))


def searched(recording: Recording, request: inputs.Request) -> None:
    """Have Timeloop's mapper search for a mapping of a linear layer."""
    files = {INPUT: mapper.price_input(request)}
    command = (programs.ACCELERGY, *accelergy.ARGUMENTS)
    prices = run(command, files, accelergy.OUTPUTS, environment=accelergy.ENVIRONMENT)
    recording.note(" ".join(command), files, prices)
    files = {INPUT: mapper.mapper_input(request), **prices}
    command = (programs.MAPPER, *files)
    recording.note(" ".join(command), files, run(command, files, (FOUND, SEARCH_STATISTICS)))


def counted(name: str, model: str, length: str) -> list[tuple[object, ...]]:
    """Have Timeloop count every loop nest of the paper's attention."""
    workload, config = Workload(TRANSFORMERS[model], parse_seq_len(length)), configuration(name)
    design = evaluator("analytical").evaluate(
        name, workload, paper_design(name, workload), PUBLISHED
    )
    rows: list[tuple[object, ...]] = []
    for request in inputs.requests(config, workload, design.designs, PUBLISHED):
        files = {INPUT: inputs.flat_input(request), TABLES: inputs.unit_tables(request)}
        made = run((programs.MODEL, *files), files, (STATISTICS,))
        found = stats.parse(made[STATISTICS], f"{name} {model} {length}")
        for level, tensors in found.levels.items():
            for tensor, counts in tensors.items():
                values = (getattr(counts, column) for column in COUNTS)
                einsum = request.mapping.einsum.name
                place = (name, model, length, einsum, level, tensor)
                rows.append((*place, *values, found.cycles, found.computes))
    return rows


if __name__ == "__main__":
    main()
