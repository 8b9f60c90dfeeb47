"""YAML as plain data: what merges give, and that no document takes more than it is worth."""

from pathlib import Path
from typing import Any

import pytest

from evaluators.errors import LONGEST_SENTENCE, InputError
from evaluators.safe_yaml import DEEPEST, MOST_NODES, Node, read_yaml


def plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: plain(each) for key, each in node.value.items()}
    return [plain(each) for each in node.value] if isinstance(node.value, list) else node.value


def read(folder: Path, text: str) -> Node:
    path = folder / "document.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        ("{<<: *a, y: 2}", {"x": "1", "in": {"p": "1", "q": ["1"]}, "y": "2"}),
        ("{<<: *a, x: 2, in: {r: 3}}", {"x": "2", "in": {"r": "3"}}),
        ("{<<<: *a, x: 2, in: {r: 3}}", {"x": "2", "in": {"r": "3", "p": "1", "q": ["1"]}}),
        ("{<<<: *a, in: {p: 2, q: [2]}}", {"x": "1", "in": {"p": "2", "q": ["2", "1"]}}),
        ("{<<<: *a, in: {q: !nomerge [2]}}", {"x": "1", "in": {"q": ["2"], "p": "1"}}),
        ("{<<<: *a, in: !nomerge {r: 3}}", {"x": "1", "in": {"r": "3"}}),
        ("{<<<: *a, in: 2}", {"x": "1", "in": "2"}),
        ("{<<<: [{x: 5}, *a, {x: 6, z: 7}]}", {"x": "5", "in": {"p": "1", "q": ["1"]}, "z": "7"}),
        ("{<<: [{x: 5}, *a, {x: 6, z: 7}]}", {"x": "5", "in": {"p": "1", "q": ["1"]}, "z": "7"}),
    ],
)
def test_a_merge_gives_what_timeloops_front_end_makes_of_it(
    tmp_path: Path, own: str, merged: dict[str, Any]
):
    document = read(tmp_path, f"a: &a {{x: 1, in: {{p: 1, q: [1]}}}}\nown: {own}\n")
    assert plain(document.need("own")) == merged
    assert plain(document.need("a")) == {"x": "1", "in": {"p": "1", "q": ["1"]}}


def anchors(count: int, start: str, each: str) -> str:
    lines = [f"a0: &a0 {start}"]
    lines += [f"a{i}: &a{i} {each.format(before=f'*a{i - 1}')}" for i in range(1, count)]
    return "\n".join(lines)


WIDE = "{" + ", ".join(f"k{i}: 1" for i in range(30_000)) + "}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            anchors(60, "[x]", "{{<<<: [{{l: {before}}}, {{l: {before}}}]}}"),
            "more than 100000 values",
        ),
        (anchors(60, "{l: [x]}", "{{<<<: [{before}, {before}]}}"), "more than 100000 values"),
        (anchors(60, "{l: [x]}", "{{<<: [{before}, {before}]}}"), "more than 100000 values"),
        (anchors(600, "{l: [x]}", "{{<<<: {before}, l: [x]}}"), "more than 100000 values"),
        (
            f"a: &a {{t: {WIDE}}}\nb: {{<<<: [*a, {'{t: {n: 1}}, ' * 10_000}]}}",
            "more than 100000 values",
        ),
        (anchors(400, "x", "[[[[[[[[{before}]]]]]]]]"), f"nested more than {DEEPEST} deep"),
        (anchors(400, "x", "{{b: {{<<<: {{c: {before}}}}}}}"), f"nested more than {DEEPEST} deep"),
        ("a: {<<: 1}", "it must be a table of keys"),
        ("a: {<<<: [1]}", "it must be a table of keys"),
        ("a: {<<: {x: 1}, <<<: {y: 1}}", "a second merge; write one of a list of tables"),
        ("a: &a {<<: *a}", r"names nothing complete before it"),
        ("&a [*a]", r"names nothing complete before it"),
        ("a: &\x07 1", "not YAML"),
        ("a: !<tag:\x1b> 1", "not YAML"),
        (f"{'k' * 100_000}: 1\n{'k' * 100_000}: 1", "not YAML"),
        (f"? {'k' * 100_000}\n: 1\n? {'k' * 100_000}\n: 1", "occurs twice; write it once"),
        (f"a: !{'t' * 100_000} 1\nb: *{'t' * 100_000}", "names nothing complete before it"),
        ("a: {# {{ x }}\n b: 1}", "a template of Jinja; render it first"),
        ("- " * 65 + "x", f"nested more than {DEEPEST} deep"),
    ],
)
def test_what_grows_or_misleads_is_one_sentence(tmp_path: Path, text: str, said: str):
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    sentence = str(error.value)
    assert said in sentence
    assert sentence.isprintable()
    assert len(sentence) < LONGEST_SENTENCE  # and so not clipped: its end says what is right


def test_as_many_values_and_as_deep_as_may_be_are_read(tmp_path: Path):
    assert len(read(tmp_path, "\n".join(["- x"] * (MOST_NODES - 1))).entries()) == MOST_NODES - 1
    assert read(tmp_path, "- " * DEEPEST + "x").height == DEEPEST


@pytest.mark.parametrize("text", ["a: '{ {'", "a: b # {{ no template }}", "a: {b: {c: 1}}"])
def test_what_only_looks_like_a_template_is_read(tmp_path: Path, text: str):
    assert read(tmp_path, text).find("a") is not None


@pytest.mark.parametrize(
    ("text", "number"), [("0", None), ("1", 1), ("012", None), ("+1", None), ("1_0", None)]
)
def test_an_integer_is_written_out(tmp_path: Path, text: str, number: int | None):
    node = read(tmp_path, f"a: {text}").need("a")
    if number is None:
        with pytest.raises(InputError, match=r"it must be an integer of at least 1, below 2\^63"):
            node.integer()
    else:
        assert node.integer() == number


@pytest.mark.parametrize("text", ["0", "-1", ".inf", "nan", "1e999", "0x1", "1,5", "1" * 90])
def test_a_number_is_finite_and_above_0(tmp_path: Path, text: str):
    with pytest.raises(InputError, match="it must be a number above 0"):
        read(tmp_path, f"a: {text}").need("a").number()


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0.5", 0.5), (".5", 0.5), ("2.e-1", 0.2)])
def test_a_number_is_read_as_written(tmp_path: Path, text: str, number: float):
    assert read(tmp_path, f"a: {text}").need("a").number() == number
