"""What we print for Timeloop is what the artifact handed to its front end, and that to Timeloop.

Two differences of the recorded files carry no meaning, and are taken out before comparing: the
label of a problem (the artifact calls SLD 'SLN' and a linear layer 'MatMul'), and the extent of a
rank that the Einsum does not have (M of the 1-pass AV).
"""

import yaml

from evaluators.timeloop import inputs

FRONT_ENDS_OWN = {
    "dumped_by_timeloop_front_end",
    "compound_components",
    "mapper",
    "mapspace",
    "globals",
}
"""Sections of the flat file that `timeloop-model` does not read."""


def read(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def plain(problem):
    problem["shape"].pop("name")
    ranks = {*problem["shape"]["dimensions"], "densities"}
    problem["instance"] = {k: v for k, v in problem["instance"].items() if k in ranks}
    return problem


def in_any_order_of_actions(architecture):
    """The front end writes the required actions as a set, in an order that varies."""
    for node in architecture["subtree"][0]["local"]:
        if "required_actions" in node:
            node["required_actions"] = sorted(node["required_actions"])
    return architecture


def test_the_mapping_is_the_recorded_one(recorded):
    for request in recorded.requests:
        tables = read(recorded.einsum_folder(request) / "problem+mapping.yaml")
        if "mapping" in tables:
            assert inputs.mapping(request) == tables["mapping"]


def test_the_problem_is_the_recorded_one(recorded):
    for request in recorded.requests:
        tables = read(recorded.einsum_folder(request) / "problem+mapping.yaml")
        assert plain(inputs.problem(request)) == plain(tables["problem"])


def test_the_flat_file_is_the_recorded_one(recorded):
    for request in recorded.requests:
        ours = yaml.safe_load(inputs.flat_input(request))
        theirs = read(recorded.einsum_folder(request) / "parsed-processed-input.yaml")
        assert theirs.keys() - ours.keys() == FRONT_ENDS_OWN
        assert plain(ours["problem"]) == plain(theirs["problem"])
        ours_built, theirs_built = (
            in_any_order_of_actions(each["architecture"]) for each in (ours, theirs)
        )
        assert ours_built == theirs_built
        if recorded.config.name != "linear_fusemax":  # searched: constraints and no mapping
            assert ours["mapping"] == theirs["mapping"]
            assert ours["architecture_constraints"] == theirs["architecture_constraints"]


def test_our_mapping_obeys_the_constraints_of_the_search(linear):
    for request in linear.requests:
        constraints = read(linear.einsum_folder(request) / "problem+mapping.yaml")["constraints"]
        ours = {(each["target"], each["type"]): each for each in inputs.mapping(request)}
        for theirs in constraints["targets"]:
            mine = ours[theirs["target"], theirs["type"]]
            if theirs["type"] == "dataspace":
                assert mine == theirs
            elif theirs["target"] != "L3":
                assert set(theirs["factors"]) <= set(mine["factors"])


def test_no_node_of_the_text_is_an_alias(recorded):
    for request in recorded.requests:
        text = inputs.flat_input(request) + inputs.unit_tables(request)
        assert "&id" not in text
