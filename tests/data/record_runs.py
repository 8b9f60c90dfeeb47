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
from functools import partial
from pathlib import Path

from evaluators.accounting import PUBLISHED
from evaluators.engine.evaluator import nests_of
from evaluators.protocol import evaluator
from evaluators.timeloop import accelergy, front_end, inputs, mapper, programs, stats
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import FOUND, INPUT, STATISTICS, TABLES, TimeloopEvaluator
from evaluators.timeloop.open_choices import Open
from evaluators.timeloop.run import run
from evaluators.timeloop.text import as_yaml
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
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
COUNTS = {"size": "capacity"} | {
    name: name for name in ("instances", "partition", "reads", "fills", "updates")
}
"""Column -> the name of a count."""

Files = dict[str, str]


class Recording(Cache):
    """Runs everything anew, once, and notes it."""

    def __init__(self, configuration: str) -> None:
        super().__init__(Path())
        self.configuration = configuration
        self.made: dict[str, Files] = {}

    def get(self, version: str, inputs: Mapping[str, str], make: Callable[[], Files]) -> Files:
        """Run the program whose command is the first half of the version."""
        words = version.split()
        known = [i for i, word in enumerate(words) if word in (*inputs, *accelergy.PRECISION)]
        return self.noted(" ".join(words[: max(known) + 1]), inputs, make)

    def noted(self, program: str, inputs: Mapping[str, str], make: Callable[[], Files]) -> Files:
        """Return what a program makes of its input, and keep both."""
        run = json.dumps(
            {"configuration": self.configuration, "program": program, "inputs": dict(inputs)}
        )
        if run not in self.made:
            self.made[run] = make()
        return self.made[run]

    def lines(self) -> list[str]:
        """Return the runs as lines of JSON."""
        return [json.dumps(json.loads(run) | {"outputs": made}) for run, made in self.made.items()]


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
    audited = audit.evaluate(name, BERT_1K, paper_design(name, BERT_1K), PUBLISHED).whole()
    nests = nests_of(name, BERT_1K, audited.designs, PUBLISHED)
    for request in inputs.requests(nests):
        flatten(recording, front_end.front_end_input(request))
    if name == SEARCHED:
        mapper.searched(nests, partial(search, recording))
    return recording.lines()


def flatten(recording: Recording, nested: str) -> None:
    """Have the front end make the flat file of what a user writes."""
    recording.noted(
        "front end", {INPUT: nested}, lambda: {INPUT: as_yaml(front_end.flatten(nested))}
    )


def search(recording: Recording, request: inputs.Request, left: Open) -> str:
    """Have Timeloop's mapper search for a mapping of a linear layer, and return it."""
    prices = noted_run(
        recording,
        [programs.ACCELERGY, *accelergy.ARGUMENTS],
        {INPUT: mapper.price_input(request)},
        accelergy.OUTPUTS,
    )
    files = {INPUT: mapper.mapper_input(request, left), **prices}
    made = noted_run(recording, [programs.MAPPER, *files], files, (FOUND, SEARCH_STATISTICS))
    return made[FOUND]


def noted_run(
    recording: Recording, command: list[str], files: Files, outputs: tuple[str, ...]
) -> Files:
    """Run a program and keep what it makes."""
    return recording.noted(
        " ".join(command),
        files,
        lambda: run(command, files, outputs, environment=accelergy.ENVIRONMENT),
    )


def counted(name: str, model: str, length: str) -> list[tuple[object, ...]]:
    """Have Timeloop count every loop nest of the paper's attention."""
    workload = Workload(TRANSFORMERS[model], parse_seq_len(length))
    design = evaluator("analytical").evaluate(
        name, workload, paper_design(name, workload), PUBLISHED
    )
    rows: list[tuple[object, ...]] = []
    for request in inputs.requests(nests_of(name, workload, design.designs, PUBLISHED)):
        files = {INPUT: inputs.flat_input(request), TABLES: inputs.unit_tables(request)}
        made = run((programs.MODEL, *files), files, (STATISTICS,))
        found = stats.parse(made[STATISTICS], f"{name} {model} {length}")
        for level, tensors in found.levels.items():
            for tensor, counts in tensors.items():
                values = (getattr(counts, each) for each in COUNTS.values())
                place = (name, model, length, request.mapping.einsum.name, level, tensor)
                rows.append((*place, *values, found.cycles, found.computes))
    return rows


if __name__ == "__main__":
    main()
