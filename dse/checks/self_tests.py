"""One small case for each part that `dse doctor` knows: `python -m dse.checks.self_tests NAME`.

Prints in a few words what worked and exits with 0, or what did not and exits with 1. Each runs in a
process of its own; what a test needs is imported by that test alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluators.errors import LONGEST_SENTENCE, shown

# A problem of 4 x 2 x 3 on two levels of storage and two units, with energies, so that Timeloop
# asks no Accelergy for them.
_CHIP = """\
architecture:
  version: '0.4'
  subtree:
  - name: system
    local:
    - {name: 'DRAM[1..1]', class: DRAM, attributes: {width: 16, datawidth: 16, technology: '16nm'}}
    - name: buffer[1..1]
      class: SRAM
      attributes: {width: 16, depth: 64, datawidth: 16, technology: '16nm'}
    - name: mac[1..2]
      class: intmac
      attributes: {datawidth: 16, meshX: 2, meshY: 1, technology: '16nm'}
problem:
  version: '0.4'
  instance: {M: 4, N: 2, K: 3}
  shape:
    name: matmul
    dimensions: [M, N, K]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
ERT:
  version: '0.4'
  tables:
  - name: system.DRAM[1..1]
    actions: &moved
    - {name: read, arguments: {}, energy: 1.0}
    - {name: write, arguments: {}, energy: 1.0}
    - {name: update, arguments: {}, energy: 1.0}
    - {name: leak, arguments: {}, energy: 0.0}
  - {name: 'system.buffer[1..1]', actions: *moved}
  - name: system.mac[1..2]
    actions:
    - {name: compute, arguments: {}, energy: 1.0}
    - {name: leak, arguments: {}, energy: 0.0}
ART:
  version: '0.4'
  tables:
  - {name: 'system.DRAM[1..1]', area: 1.0}
  - {name: 'system.buffer[1..1]', area: 1.0}
  - {name: 'system.mac[1..2]', area: 1.0}
"""
_MAPPING = """\
mapping:
- {target: DRAM, type: temporal, factors: 'M=2,N=1,K=3', permutation: KMN}
- {target: buffer, type: temporal, factors: 'M=1,N=2,K=1', permutation: NMK}
- {target: buffer, type: spatial, factors: 'M=2,N=1,K=1', permutation: MNK, split: 3}
"""
_MAPPER = """\
mapper:
  version: '0.4'
  algorithm: random
  num_threads: 1
  optimization_metrics: [delay]
  search_size: 1
  timeout: 1000
  victory_condition: 1
  live_status: false
"""
_RUN_LIMIT_S = 25.0


class Wrong(Exception):
    """A part is there and gives a wrong answer: what was expected and what came."""


def _expect(expected: object, found: object, what: str) -> None:
    if expected != found:
        raise Wrong(f"{what} is {found}, not {expected}")


def engine() -> str:
    """One published latency: +Binding for BERT at 256K tokens."""
    from dse.results.designs import evaluate_pinned, settings  # noqa: PLC0415
    from evaluators.design import Designs  # noqa: PLC0415
    from evaluators.protocol import evaluator  # noqa: PLC0415

    ((_, setting),) = settings({}, Designs.of())
    ((_, evaluations),) = evaluate_pinned(setting, Designs.of(), evaluator("analytical"))
    latency_s = float(evaluations.metrics["latency_s"][0])
    _expect("118.279", f"{latency_s:.6g}", "latency of +Binding, BERT 256K, in s")
    return f"+Binding, BERT 256K: {latency_s:.6g} s, as published"


def numpy() -> str:
    """A product of matrices."""
    import numpy as np  # noqa: PLC0415

    product = np.array([[0, 1], [2, 3]]) @ np.array([[2, 0], [1, 3]])
    _expect([[1, 3], [7, 9]], product.tolist(), "the product of two matrices")
    return "multiplied two matrices"


def pandas() -> str:
    """A sum by group."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame({"key": ["a", "b", "a"], "value": [1, 2, 3]})
    _expect({"a": 4, "b": 2}, frame.groupby("key")["value"].sum().to_dict(), "the sum by group")
    return "summed by group"


def pyarrow() -> str:
    """A table written as Parquet and read back."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    table, memory = pa.table({"value": [1, 2, 3]}), io.BytesIO()
    pq.write_table(table, memory)
    _expect(table, pq.read_table(memory), "the table read back")
    return "wrote and read Parquet"


def matplotlib() -> str:
    """A figure drawn as PDF."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    memory = io.BytesIO()
    Figure().savefig(memory, format="pdf")
    _expect(b"%PDF", memory.getvalue()[:4], "the start of the figure")
    return "drew a PDF"


def optuna() -> str:
    """A study in SQLite, told one trial, opened again."""
    import optuna as package  # noqa: PLC0415

    package.logging.set_verbosity(package.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/study.db"
        study = package.create_study(study_name="test", storage=url)
        study.tell(study.ask({"x": package.distributions.IntDistribution(1, 4)}), 2.5)
        _expect(2.5, package.load_study(study_name="test", storage=url).best_value, "the value")
    return "told a trial to SQLite and read it back"


def moocore() -> str:
    """A hypervolume by hand."""
    package = importlib.import_module("moocore")
    _expect(3.0, float(package.hypervolume([[1.0, 2.0], [2.0, 1.0]], ref=[3, 3])), "hypervolume")
    return "measured a hypervolume"


def yaml() -> str:
    """A document parsed."""
    import yaml as package  # noqa: PLC0415

    _expect({"a": [1, 2]}, package.safe_load("a: [1, 2]"), "the document")
    return f"parsed a document, {'with' if package.__with_libyaml__ else 'without'} libyaml"


def ray() -> str:
    """The import alone: a start takes many seconds."""
    importlib.import_module("ray")
    return "imports; not started, which takes 5 to 30 s"


def psycopg() -> str:
    """The import, which loads libpq."""
    package = importlib.import_module("psycopg")
    return f"imports, libpq {package.pq.version()}; no server asked"


def dashboard() -> str:
    """The import."""
    importlib.import_module("optuna_dashboard")
    return "imports"


def torch() -> str:
    """A sum on the CPU."""
    package = importlib.import_module("torch")
    _expect(3.0, float(package.ones(3).sum()), "a sum")
    return "summed a tensor"


def cacti() -> str:
    """One SRAM against the shipped table."""
    from evaluators.components.cacti import read_table, sram  # noqa: PLC0415

    shipped = min(read_table(), key=lambda row: row.depth * row.width_bits)
    _expect(shipped, sram(shipped.depth, shipped.width_bits), "the smallest SRAM")
    return f"{shipped.depth} rows of {shipped.width_bits} bits, as in the table"


def timeloop_model() -> str:
    """One loop nest, counted by Timeloop and by our engine."""
    from evaluators.formats.timeloop_yaml import count, read_case  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "input.yaml")
        file.write_text(_CHIP + _MAPPING, encoding="ascii")
        ours = count(read_case([file]), wrapped=True)
        statistics = _run_program("timeloop-model", file, "timeloop-model.stats.txt")
    reads = [line.split(": ")[1] for line in statistics.splitlines() if "Scalar reads" in line]
    counted = [
        ours["levels"][level][name]["reads"] for level in ("buffer", "DRAM") for name in "ABZ"
    ]
    _expect([str(each) for each in counted], reads, "the list of scalar reads")
    return "counted a loop nest as our engine does"


def timeloop_mapper() -> str:
    """One loop nest found."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "input.yaml")
        file.write_text(_CHIP + _MAPPER, encoding="ascii")
        statistics = _run_program("timeloop-mapper", file, "timeloop-mapper.stats.txt")
    _expect(True, "Computes = 24" in statistics, "that it counted 24 computes")
    return "found a mapping"


def timeloop_front_end() -> str:
    """What it makes of one loop nest, QK of +Binding, against the input that we print."""
    import yaml  # noqa: PLC0415

    from evaluators.timeloop import front_end, inputs  # noqa: PLC0415

    request = inputs.requests(_paper_point())[0]
    flat = front_end.flat_file(request)
    ours = yaml.safe_load(inputs.flat_input(request))
    for section in ("problem", "mapping"):
        _expect(ours[section], flat[section], f"the {section}")
    return f"{front_end.find()} makes of our input what we print"


def _paper_point(**sizes: int) -> Any:
    """Return the loop nests of the paper's +Binding for BERT at 1K tokens, at other sizes."""
    import numpy as np  # noqa: PLC0415

    from evaluators.accounting import PUBLISHED  # noqa: PLC0415
    from evaluators.engine.evaluator import nests_of  # noqa: PLC0415
    from evaluators.protocol import evaluator  # noqa: PLC0415
    from evaluators.workloads.paper import TRANSFORMERS  # noqa: PLC0415
    from evaluators.workloads.workload import Workload  # noqa: PLC0415
    from studies.paper import paper_design  # noqa: PLC0415

    workload = Workload(TRANSFORMERS["BERT"], 1024)
    design = paper_design("binding", workload)
    design = design.with_columns({name: np.array([size]) for name, size in sizes.items()})
    resolved = evaluator("analytical").evaluate("binding", workload, design, PUBLISHED).designs
    return nests_of("binding", workload, resolved, PUBLISHED)


def accelergy() -> str:
    """Its tables of +Binding's chip, small for CACTI's sake, against our components."""
    from evaluators.engine.costs import prices  # noqa: PLC0415
    from evaluators.timeloop import accelergy as tables  # noqa: PLC0415
    from evaluators.timeloop import audit, versions  # noqa: PLC0415
    from evaluators.timeloop.run import run  # noqa: PLC0415

    def made(files: dict[str, str], arguments: tuple[str, ...]) -> dict[str, str]:
        return run(
            ["accelergy", *arguments],
            files,
            tables.OUTPUTS,
            environment=tables.ENVIRONMENT,
            time_limit_s=_RUN_LIMIT_S,
        )

    nests = _paper_point(array_rows=8, array_cols=8, vector_lanes=8, buffer_bytes=1 << 16)
    own = audit.prices(prices(nests))
    theirs = audit.prices(tables.components(nests, made))
    differing = versions.differing(own, theirs)
    if not differing:
        return "prices a chip of +Binding as the paper"
    changes = versions.recognised(own, theirs, audit.register_rows(nests))
    because = "; ".join(f"{each.since} {each.what}" for each in changes or ())
    raise Wrong(
        "it prices a chip of +Binding otherwise than the paper ("
        + ", ".join(f"{name} x {factor:.4g}" for name, factor in differing.items())
        + f"): {because or 'no version that is known does so'}. The evaluator timeloop takes its "
        "prices as they are: areas and energies are then not the paper's, counts are. As the paper "
        f"price {versions.agreeing()}"
    )


def _run_program(program: str, file: Path, output: str) -> str:
    """Run a program of Timeloop beside its input and return what it wrote to a file."""
    from evaluators.timeloop.run import telling_line  # noqa: PLC0415

    done = subprocess.run(
        [program, file.name],
        cwd=file.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_RUN_LIMIT_S,
        check=False,
    )
    written = file.with_name(output)
    if done.returncode or not written.exists():
        said = telling_line(f"{done.stdout}\n{done.stderr}") or "nothing"
        raise Wrong(f"{program} ended with {done.returncode} and said: {shown(said, 300)}")
    return written.read_text(encoding="utf-8", errors="replace")


TESTS: dict[str, Callable[[], str]] = {
    test.__name__: test
    for test in (
        engine,
        numpy,
        pandas,
        pyarrow,
        matplotlib,
        optuna,
        moocore,
        yaml,
        ray,
        psycopg,
        dashboard,
        torch,
        cacti,
        timeloop_model,
        timeloop_mapper,
        timeloop_front_end,
        accelergy,
    )
}


def main(name: str) -> int:
    """Run one test and return its exit code."""
    try:
        print(TESTS[name]())
    except Exception as error:
        print(shown(f"{type(error).__name__}: {error}", LONGEST_SENTENCE))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
