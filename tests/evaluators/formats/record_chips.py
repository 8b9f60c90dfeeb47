"""Record what the real Timeloop counts of random chips; see data/README.md."""

import contextlib
import gzip
import io
import json
import sys
import tempfile
from pathlib import Path

import random_chips
import yaml

RECORDED = Path(__file__).parent / "data" / "chips.jsonl.gz"
FLAT_SEEDS = range(50)
NODES_SEEDS = range(50, 70)


def main() -> None:
    records = [
        record(seed, "flat", document, document)
        for seed in FLAT_SEEDS
        for document in [random_chips.random_chip(seed)]
    ]
    for seed in NODES_SEEDS:
        document = random_chips.as_users_write_it(random_chips.random_chip(seed), seed)
        records.append(record(seed, "nodes", document, flattened(document)))
    lines = "".join(json.dumps(each) + "\n" for each in records)
    RECORDED.write_bytes(gzip.compress(lines.encode(), mtime=0))


def record(seed: int, form: str, document: str, flat: str | None) -> dict[str, object]:
    statistics = random_chips.run_timeloop(flat) if flat else None
    lines = random_chips.counted_lines(statistics) if statistics else None
    return {"seed": seed, "form": form, "input": document, "statistics": lines}


def flattened(document: str) -> str | None:
    """Return what Timeloop's front end makes of a document, None where it refuses it."""
    import timeloopfe.v4 as front_end  # noqa: PLC0415
    from timeloopfe.common import backend_calls  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chip.yaml"
        path.write_text(document)
        with contextlib.redirect_stdout(io.StringIO()):
            specification = front_end.Specification.from_yaml_files(str(path))
            try:
                flat = backend_calls._specification_to_yaml_string(specification, for_model=True)
            except (KeyError, TypeError, ValueError):
                return None
    names = [each["name"] for each in yaml.safe_load(flat)["architecture"]["subtree"][0]["local"]]
    top = yaml.safe_load(flat)["architecture"]["subtree"][0]["name"]
    return flat + yaml.safe_dump(random_chips.tables(f"{top}.{name}" for name in names))


if __name__ == "__main__":
    sys.exit(main())
