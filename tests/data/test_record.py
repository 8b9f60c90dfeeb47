"""The recorded data are what the recorders record."""

import gzip
import json
import random
from pathlib import Path

from tests.data import record_loop_nests


def test_the_loop_nests_are_those_that_are_drawn(data: Path):
    drawn = list(record_loop_nests.cases(random.Random(record_loop_nests.SEED)))
    with gzip.open(data / "loop_nests.jsonl.gz", "rt", encoding="utf-8") as file:
        recorded = [json.loads(line) for line in file]
    for each in recorded:
        assert each.pop("counts")["computes"] <= record_loop_nests.MOST_COMPUTES
    assert recorded == drawn
