"""What ships evaluates: transformers on accelerators, in prefill and decode, told what binds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from evaluators.workloads.catalogue import names
from tests.evaluators.shipped_bindings import BOUND

Run = Callable[..., tuple[int, str, str]]

SCENES = (("--seq-len", "2K", "--causal"), ("--queries", "1", "--keys", "8K", "--batch", "4"))
MODELS = names()


@pytest.mark.parametrize("configuration", BOUND)
def test_a_shipped_model_evaluates_or_says_in_a_line_what_it_lacks(
    dse: Run, configuration: str
) -> None:
    """Every sixth model on an accelerator, others on the next, so that all have their turn."""
    start = BOUND.index(configuration) % 6
    for place, model in enumerate(MODELS[start::6]):
        scene = SCENES[place % 2]
        code, out, errors = dse(
            "evaluate", "--configuration", configuration, "--model", model, *scene
        )
        if code == 0:
            assert re.search(r"^  latency   \S+ s, bound by .+", out, re.MULTILINE), out
        else:
            assert (code, out, errors.count("\n")) == (2, "", 1)
            assert re.search(r" is \d+ .*short", errors), errors
