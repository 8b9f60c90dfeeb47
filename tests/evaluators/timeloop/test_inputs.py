"""What we print for Timeloop: as the artifact handed it over, and as its front end hands it on."""

import yaml

from evaluators.timeloop import front_end, inputs

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
