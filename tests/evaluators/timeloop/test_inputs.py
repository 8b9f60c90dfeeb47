"""What we print for Timeloop: as the artifact handed it over, and as its front end hands it on."""

import re
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluators.accounting import PUBLISHED
from evaluators.describe.cascade import Einsum, Tensor
from evaluators.describe.catalogue import described
from evaluators.describe.expressions import expression
from evaluators.design import Designs
from evaluators.engine.evaluator import nests_of
from evaluators.errors import InputError
from evaluators.timeloop import expressible, front_end, inputs
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1024)

QK_OF_BINDING = """
- {factors: [B=64, E=1, H=12, M=4, N=1, P=1], permutation: [E, N, M, P, H, B],
   target: DRAM, type: temporal}
- {bypass: [QK], keep: [Q, BK], target: DRAM, type: dataspace}
- {factors: [B=1, E=64, H=1, M=1, N=1, P=4], permutation: [E, P, N, M, H, B],
   target: L3, type: temporal}
- {bypass: [QK], keep: [Q, BK], target: L3, type: dataspace}
- {factors: [B=1, E=1, H=1, M=1, N=1, P=1], permutation: [E, P, N, M, H, B],
   target: reg_file_1d, type: temporal}
- {bypass: [Q, BK, QK], keep: [], target: reg_file_1d, type: dataspace}
- {factors: [B=1, E=1, H=1, M=1, N=1, P=256], permutation: [E, N, M, P, H, B],
   split: 6, target: PE_col, type: spatial}
- {factors: [B=1, E=1, H=1, M=1, N=256, P=1], permutation: [E, N, M, P, H, B],
   split: 0, target: PE, type: spatial}
- {factors: [B=1, E=1, H=1, M=1, N=1, P=1], permutation: [E, N, M, P, H, B],
   target: reg_file, type: temporal}
- {bypass: [], keep: [Q, BK, QK], target: reg_file, type: dataspace}
"""
"""The mapping of QK for BERT at 1K tokens that the artifact hands to Timeloop's front end."""


def in_any_order_of_actions(flat):
    """The front end writes the required actions as a set, in an order that varies."""
    for node in flat["architecture"]["subtree"][0]["local"]:
        node.get("required_actions", []).sort()
    return flat


def test_the_mapping_of_qk_is_the_artifacts(timeloop_runs, recorded):
    for request in recorded.requests:
        if (recorded.name, request.mapping.einsum.name) == ("binding", "QK"):
            assert inputs.mapping(request) == yaml.safe_load(QK_OF_BINDING)


def test_the_front_end_made_the_flat_file_that_we_print(recorded):
    for request in recorded.requests:
        nested = {"input.yaml": front_end.front_end_input(request)}
        theirs = recorded.replay.get("front end", nested, None)["input.yaml"]
        theirs = in_any_order_of_actions(yaml.safe_load(theirs))
        ours = in_any_order_of_actions(yaml.safe_load(inputs.flat_input(request)))
        assert {name: theirs[name] for name in ours} == ours


def test_timeloop_ran_on_what_we_print(recorded):
    for request in recorded.requests:
        assert recorded.statistics(request).levels


def test_no_node_of_the_text_is_an_alias(recorded):
    for request in recorded.requests:
        text = inputs.flat_input(request) + inputs.unit_tables(request)
        assert "&id" not in text


def test_ranks_have_the_letters_of_their_names():
    assert expressible.letters(described("binding")) == {
        **{rank: rank for rank in "BHPEF"},
        "M1": "M",
        "M0": "N",
    }
    assert expressible.letters(described("linear_flat")) == {
        **{rank: rank for rank in "DS"},
        **{f"{letter}W": letter for letter in "KVG"},
        **{"TQ": "T", "TK": "U", "QR": "Q", "QW": "R", "QC": "W", "VC": "X", "ZC": "Z"},
    }


def with_ranks(names):
    """An accelerator whose one Einsum has these ranks, and no mapping."""
    ranks = tuple(names)
    einsum = Einsum("Z", Tensor("Z", ranks), (Tensor("A", ranks),), ranks)
    cascade = replace(described("binding").cascade, einsums={"Z": einsum})
    return replace(described("binding"), cascade=cascade, tables=())


@given(
    st.lists(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,3}", fullmatch=True),
        min_size=1,
        max_size=26,
        unique=True,
    )
)
def test_every_rank_has_a_letter_of_its_own(names):
    letters = expressible.letters(with_ranks(names))
    assert letters.keys() == set(names)
    assert len(set(letters.values())) == len(names)
    assert all(re.fullmatch("[A-Z]", letter) for letter in letters.values())
    for name in names:
        if re.fullmatch("[A-Z]", name):
            assert letters[name] == name


def test_more_ranks_than_letters_are_refused():
    with pytest.raises(InputError, match="Timeloop's ranks are letters, so that a cascade has 26"):
        expressible.letters(with_ranks(f"R{i}" for i in range(27)))


def test_what_timeloop_cannot_express_is_one_sentence():
    accelerator = described("binding")
    machine = accelerator.machine
    dram, buffer = machine.stores

    def refused(*stores):
        return replace(accelerator, machine=replace(machine, stores=stores))

    expressible.check_expressible(accelerator)
    expressible.check_expressible(refused(dram, buffer, replace(buffer, name="L2")))
    for stores, sentence in (
        ((buffer,), "store L3 is of kind SRAM; Timeloop is given one DRAM, the outermost store"),
        ((dram, replace(dram, name="HBM")), "store HBM is of kind DRAM"),
        ((dram, replace(buffer, bytes=None)), "store L3 has no size"),
        ((dram, replace(buffer, name="L 3")), "cannot call a level of array pe 'L 3'"),
        ((dram, replace(buffer, name="mac")), "cannot call a level of array pe 'mac'"),
        ((dram, replace(buffer, name="reg_file_1d")), "array pe 'reg_file_1d'; name each once"),
    ):
        with pytest.raises(InputError, match=sentence) as told:
            expressible.check_expressible(refused(*stores))
        assert "\n" not in str(told.value)
        assert str(told.value).startswith("binding: machine fusemax: ")


def test_tensors_of_their_own_bits_are_refused():
    accelerator = replace(described("binding"), bits={"K": expression("8")})
    with pytest.raises(
        InputError, match=r"^binding: bits\.K: a level of Timeloop's has words of one"
    ):
        expressible.check_expressible(accelerator)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_every_level_that_holds_tensors_has_words_of_the_machines_width(bits):
    design = paper_design("binding", WORKLOAD).with_columns(
        {"word_bits": np.array([bits]), "query_tiles": np.array([4])}
    )
    for request in inputs.requests(nests_of("binding", WORKLOAD, design, PUBLISHED)):
        flat = yaml.safe_load(inputs.flat_input(request))
        *levels, mac = flat["architecture"]["subtree"][0]["local"]
        sizes = {
            node["name"].partition("[")[0]: (
                node["attributes"]["datawidth"],
                node["attributes"]["width"],
            )
            for node in levels
            if node["class"] != "dummy_storage"
        }
        assert sizes.pop("DRAM") == (bits, 64)
        assert sizes.pop("L3") == (bits, 256 * bits)
        assert set(sizes.values()) == {(bits, bits)}
        assert mac["attributes"]["adder_width"] == bits


def of_a_workload(workload):
    designs = Designs.of(array_rows=64, array_cols=64, vector_lanes=64, query_tiles=1)
    return nests_of("binding", workload, designs, PUBLISHED)


def test_a_mask_is_refused_in_one_sentence():
    causal = of_a_workload(Workload(TRANSFORMERS["BERT"], 4096, causal=True))
    with pytest.raises(InputError, match="causal: Timeloop counts loop nests without a mask"):
        inputs.requests(causal)


def test_queries_grouped_heads_and_padding_are_loop_nests_like_any():
    """200 rows of 4 heads on 8 heads of 1000 keys each: 4 steps of 50 and 16 of 63."""
    shape = Transformer("grouped", 2, 256, 64, 64, 32, 1024, kv_heads=8)
    (qk, *_) = inputs.requests(of_a_workload(Workload(shape, 50, 1000, padded=True)))
    extents = inputs.problem(qk)["instance"]
    assert extents == {"B": 2, "H": 8, "P": 4 * 50, "M": 16, "N": 63, "E": 64}
