"""Timeloop's front end makes of our tables the flat file that we print."""

import sys

import pytest
import yaml

from evaluators.errors import EvaluationError, InputError
from evaluators.timeloop import front_end, inputs


@pytest.fixture
def installed():
    try:
        front_end.find()
    except InputError as error:
        pytest.skip(str(error))


def in_any_order_of_actions(flat):
    for node in flat["architecture"]["subtree"][0]["local"]:
        node.get("required_actions", []).sort()
    return flat


def test_the_front_end_makes_the_flat_file(installed, recorded):
    for request in recorded.requests:
        theirs = in_any_order_of_actions(front_end.flat_file(request))
        ours = in_any_order_of_actions(yaml.safe_load(inputs.flat_input(request)))
        assert {name: theirs[name] for name in ours} == ours


def test_what_the_front_end_refuses_is_one_sentence(installed):
    with pytest.raises(EvaluationError, match="refuses its input: "):
        front_end.flatten("architecture: 1\n")


def test_a_front_end_that_lacks_a_module_names_it(monkeypatch, tmp_path):
    package = tmp_path / "pytimeloop" / "timeloopfe" / "v4"
    package.mkdir(parents=True)
    for folder in (package, *list(package.parents)[:2]):
        (folder / "__init__.py").write_text("", encoding="ascii")
    (package / "__init__.py").write_text("import absent_yaml\n", encoding="ascii")
    for name in [each for each in sys.modules if each.partition(".")[0] == "pytimeloop"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="does not import: No module named 'absent_yaml'") as told:
        front_end.find()
    assert sys.executable in str(told.value)
    for name in [each for each in sys.modules if each.partition(".")[0] == "pytimeloop"]:
        monkeypatch.delitem(sys.modules, name)


def test_without_the_front_end_one_sentence_says_where_it_is(monkeypatch):
    for package in front_end.PACKAGES:
        monkeypatch.setitem(sys.modules, f"{package}.v4", None)
    with pytest.raises(InputError, match=r"front end is not installed.*timeloop\.csail\.mit\.edu"):
        front_end.find()
