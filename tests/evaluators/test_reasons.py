"""Why a design is infeasible: the sentence names what is wrong and only what the design has."""

from __future__ import annotations

import re

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from tests.evaluators.shipped_bindings import BOUND

CONFIGURATIONS = BOUND
ENGINE = AnalyticalEvaluator()
BERT = Workload(TRANSFORMERS["BERT"], 1024)
ODD = Workload(Transformer("odd", 2, 80, 24, 40, 2, 96), 64)
"""Q and K have 48 columns, V 80, Z 80, FFN1 96, FFN2 80."""


def reason(name: str, workload: Workload, constraint: str, **sizes: int) -> str:
    results = ENGINE.evaluate(name, workload, Designs.of(**sizes), PUBLISHED)
    (magnitude,) = results.violations[constraint]
    assert magnitude > 0
    return ENGINE.reason(name, constraint, int(magnitude), workload, results.designs)


@pytest.mark.parametrize("name", ["linear_flat", "linear_fusemax"])
def test_a_linear_layer_that_does_not_divide_is_named(name: str) -> None:
    sentence = reason(name, BERT, "array_rows_remainder", array_rows=512)
    assert sentence.startswith(
        "array_rows 512 leaves a remainder of 256 in QW = 768 of Q; it must divide them"
    )
    # 64 rows leave 48 of Q's columns, 16 of V's and 32 of FFN1's.
    uneven = reason(name, ODD, "array_rows_remainder", array_rows=64, array_cols=8)
    assert "64 leaves a remainder of 48 in QW = 48 of Q" in uneven
    # 24 rows divide Q, K and FFN1 and leave 8 of V's, Z's and FFN2's columns.
    uneven = reason(name, ODD, "array_rows_remainder", array_rows=24, array_cols=8)
    assert "24 leaves a remainder of 8 in VW = 80 of V" in uneven
    assert "the 65536 tokens of Q" in reason(name, BERT, "array_cols_remainder", array_cols=7)


@pytest.mark.parametrize("name", ["linear_flat", "linear_fusemax"])
def test_a_linear_layer_that_does_not_fit_is_named(name: str) -> None:
    """FFN2 contracts BERT's 3072: 2 bytes * 512 * 3072 = 3145728 = 65536 + 3080192."""
    sentence = reason(name, BERT, "buffer_short_bytes", buffer_bytes=65536)
    assert "is 3080192 bytes short of the 3145728 that this design keeps in L3" in sentence
    assert "query_tiles" not in sentence


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_sentence_names_only_parameters_that_the_configuration_has(name: str) -> None:
    everything = {each for other in CONFIGURATIONS for each in described(other).all_parameters}
    foreign = everything - described(name).all_parameters.keys()
    results = ENGINE.evaluate(name, BERT, Designs.of(), PUBLISHED)
    for constraint in (*results.violations, "pe_registers_short", "lane_registers_short"):
        sentence = ENGINE.reason(name, constraint, 1, BERT, results.designs)
        assert not foreign & set(re.findall(r"[a-z_]+", sentence)), sentence
