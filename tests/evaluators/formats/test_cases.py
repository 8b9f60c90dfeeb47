"""Loop-nest cases from outside, and the command that counts them."""

import gzip
import json
import os
import re
import tracemalloc
from argparse import Namespace
from copy import deepcopy
from pathlib import Path

import pytest

from dse.commands import loopnest
from evaluators.errors import LONGEST_SENTENCE, InputError
from evaluators.formats.cases import count_case, parse_case

CARRIED = Path(__file__).parents[1] / "engine" / "cases.jsonl"
OVERFLOWING = "L777-145"
GOOD = {
    "id": "matmul",
    "ranks": {"M": 8, "N": 4, "K": 6},
    "tensors": [
        {"name": "A", "ranks": ["M", "K"]},
        {"name": "B", "ranks": ["K", "N"]},
        {"name": "Z", "ranks": ["M", "N"], "output": True},
    ],
    "array": {"X": 4, "Y": 4},
    "levels": ["DRAM", "X", "Y", "RF"],
    "mapping": [
        {
            "target": "DRAM",
            "type": "temporal",
            "loops": [["K", 3], ["M", 2]],
            "keep": ["A", "B", "Z"],
        },
        {"target": "X", "type": "spatial", "loops": [["M", 4]]},
        {"target": "Y", "type": "spatial", "loops": [["N", 2], ["K", 2]]},
        {"target": "RF", "type": "temporal", "loops": [["N", 2]], "keep": ["Z"]},
    ],
}
DRAM, X, Y, RF = range(4)
DROP = object()


def changed(*path_and_value) -> str:
    """Return the good case as JSON with the value at a path replaced, added or dropped."""
    *path, last, value = path_and_value
    case = deepcopy(GOOD)
    place = case
    for key in path:
        place = place[key]
    if value is DROP:
        del place[last]
    else:
        place[last] = value
    return json.dumps(case)


def test_the_good_case_is_counted_by_hand():
    counts = count_case(parse_case(json.dumps(GOOD), "here"), wrapped=True)
    # DRAM steps: M 2 (outer) x K 3; RF steps: N 2. B is asked for every cycle, A likewise.
    assert (counts["cycles"], counts["utilized_instances"], counts["computes"]) == (12, 16, 192)
    assert counts["levels"]["DRAM"]["A"] == {
        "capacity": 48,
        "instances": 1,
        "partition": 48,
        "reads": 12 * 4 * 2,
        "fills": 0,
        "updates": 0,
        "temporal_reductions": 0,
    }
    # A tile of Z is 2 words (N 2), moves with M only: 2 x 2 words an instance, 16 a step of M.
    assert counts["levels"]["RF"]["Z"] == {
        "capacity": 2,
        "instances": 16,
        "partition": 4,
        "reads": 12 - 4,
        "fills": 0,
        "updates": 12,
        "temporal_reductions": 12 - 4,
    }
    assert counts["levels"]["DRAM"]["Z"]["updates"] == 2 * 2 * 4 * 2
    assert counts["levels"]["DRAM"]["Z"]["reads"] == 0


def test_unknown_keys_are_ignored():
    extended = json.loads(json.dumps(GOOD)) | {"counts": "wrong", "comment": [1]}
    extended["tensors"][0]["colour"] = "red"
    assert parse_case(json.dumps(extended), "here") == parse_case(json.dumps(GOOD), "here")


BAD = {
    "not JSON": ("{", "not JSON; write one JSON object a line, a whole case"),
    "endless integer": (json.dumps(GOOD).replace('"M": 8', f'"M": {"9" * 5000}'), "not JSON"),
    "nested without end": ("[" * 100_000, "not JSON"),
    "no object": ("[1]", "the case is a list; it must be an object"),
    "key twice": ('{"id": "a", "id": "b"}', "key id occurs 2 times; name it once"),
    "no id": (changed("id", DROP), "'id' is missing; it must be a printable string"),
    "no ranks": (changed("ranks", DROP), "'ranks' is missing; it must be an object"),
    "no tensors": (changed("tensors", DROP), "'tensors' is missing; it must be a list"),
    "no array": (changed("array", DROP), "'array' is missing; it must be an object"),
    "no levels": (changed("levels", DROP), "'levels' is missing; it must be a list"),
    "no mapping": (changed("mapping", DROP), "'mapping' is missing; it must be a list"),
    "no target": (
        changed("mapping", X, "target", DROP),
        "an entry of the mapping: 'target' is missing",
    ),
    "no type": (changed("mapping", X, "type", DROP), "X: 'type' is missing"),
    "no loops": (changed("mapping", X, "loops", DROP), "X: 'loops' is missing; it must be a list"),
    "no keep": (changed("mapping", RF, "keep", DROP), "RF: 'keep' is missing; it must be a list"),
    "no tensor name": (changed("tensors", 0, "name", DROP), "tensor 1: 'name' is missing"),
    "no tensor ranks": (changed("tensors", 0, "ranks", DROP), "tensor A: 'ranks' is missing"),
    "id a number": (changed("id", 7), "id is 7; it must be a printable string"),
    "id that breaks the table": (
        changed("id", "a\nb"),
        'id is "a\\nb"; it must be a printable string',
    ),
    "extent a fraction": (
        changed("ranks", "M", 8.0),
        "extent of rank M is 8.0; it must be an integer",
    ),
    "extent a truth value": (
        changed("ranks", "M", True),
        "extent of rank M is true; it must be an integer",
    ),
    "extent a string": (
        changed("ranks", "M", "8"),
        'extent of rank M is "8"; it must be an integer',
    ),
    "extent of 0": (changed("ranks", "M", 0), "extent of rank M is 0; it must be 1 or more"),
    "extent past 2^63": (changed("ranks", "M", 2**63), "it must be 1 or more, below 2^63"),
    "tensor no object": (changed("tensors", 0, "A"), 'tensor 1 is "A"; it must be an object'),
    "tensor of an unknown rank": (
        changed("tensors", 0, "ranks", ["M", "Q"]),
        "tensor A ranks: name Q is unknown; known are M, N, K",
    ),
    "tensor with a rank twice": (
        changed("tensors", 0, "ranks", ["M", "M"]),
        "tensor A ranks: name M occurs 2 times; name it once",
    ),
    "tensors of one name": (
        changed("tensors", 0, "name", "B"),
        "tensor B occurs 2 times; name it once",
    ),
    "no output": (
        changed("tensors", 2, "output", False),
        "output tensors: none; give exactly one tensor 'output': true",
    ),
    "two outputs": (
        changed("tensors", 0, "output", True),
        "output tensors: A, Z; give exactly one tensor 'output': true",
    ),
    "output no truth value": (
        changed("tensors", 2, "output", 1),
        "output of tensor Z is 1; it must be true or false",
    ),
    "type unknown": (
        changed("mapping", X, "type", "diagonal"),
        'X: type is "diagonal"; it must be temporal or spatial',
    ),
    "loop of an unknown rank": (
        changed("mapping", RF, "loops", [["Q", 2]]),
        "RF loops: rank Q is unknown; known are M, N, K",
    ),
    "two loops of a rank in one target": (
        changed("mapping", RF, "loops", [["N", 2], ["N", 1]]),
        "RF loops: rank N occurs 2 times; name it once",
    ),
    "loop no pair": (
        changed("mapping", RF, "loops", [["N", 2, 1]]),
        "RF: a loop has 3 entries; write [rank, factor]",
    ),
    "loop no list": (
        changed("mapping", RF, "loops", ["N"]),
        'RF: a loop is "N"; it must be a list',
    ),
    "factor of 0": (
        changed("mapping", RF, "loops", [["N", 0]]),
        "RF: factor of N is 0; it must be 1 or more",
    ),
    "factor a fraction": (
        changed("mapping", RF, "loops", [["N", 2.0]]),
        "RF: factor of N is 2.0; it must be an integer",
    ),
    "unknown tensor kept": (
        changed("mapping", RF, "keep", ["Z", "C"]),
        "RF keep: name C is unknown; known are A, B, Z",
    ),
    "spatial target that keeps": (
        changed("mapping", X, "keep", ["Z"]),
        "X: a spatial target holds no tensor; drop its keep",
    ),
    "level twice": (
        changed("levels", ["DRAM", "X", "X", "RF"]),
        "level X occurs 2 times; name it once",
    ),
    "targets not the levels": (
        changed("levels", ["DRAM", "Y", "X", "RF"]),
        "the mapping's targets are DRAM, X, Y, RF; they must be the levels in order, "
        "DRAM, Y, X, RF",
    ),
    "outermost level spatial": (
        json.dumps(GOOD | {"levels": GOOD["levels"][1:], "mapping": GOOD["mapping"][1:]}),
        "the outermost level is X, spatial; it must be temporal",
    ),
    "innermost level spatial": (
        json.dumps(GOOD | {"levels": GOOD["levels"][:-1], "mapping": GOOD["mapping"][:-1]}),
        "the innermost level is Y, spatial; it must be temporal",
    ),
    "no level": (
        json.dumps(GOOD | {"levels": [], "mapping": []}),
        "the outermost level is missing; it must be temporal",
    ),
    "factors that miss the extent": (
        changed("ranks", "K", 12),
        "the factors of K multiply to 3*2; they must multiply to its extent, 12",
    ),
    "more lanes than the side": (
        changed("array", "Y", 3),
        "the spatial factors of Y multiply to 4; the array has 3 along it",
    ),
    "spatial target beside the array": (
        changed("array", {"X": 4}),
        "spatial target Y is no side of the array; known are X",
    ),
    "side of 0": (changed("array", "X", 0), "array side X is 0; it must be 1 or more"),
    "tensor kept nowhere": (
        changed("mapping", DRAM, "keep", ["B", "Z"]),
        "tensor A is kept nowhere; name it in the keep of a level",
    ),
    "uncountable": (
        changed("ranks", {"M": 2**31, "N": 2**31, "K": 2}),
        "multiply to more than 2^63 - 1 computes, the largest count that is exact; shrink a rank",
    ),
    "uncountable beyond floating point": (
        changed("ranks", {f"R{i}": 2**62 for i in range(99)}),
        "multiply to more than 2^63 - 1 computes",
    ),
    "no number": (changed("ranks", "M", float("nan")), "NaN is no number of JSON; write digits"),
    "infinite": (changed("ranks", "M", float("-inf")), "-Infinity is no number of JSON"),
    "an integer of very many digits": ('{"id": ' + "9" * 100_000 + "}", "not JSON; write one"),
    "an integer of many digits": (changed("array", "X", 10**4000), "X is an integer beyond 2^63"),
    "a long key twice": (f'{{"{"k" * 9000}": 1, "{"k" * 9000}": 2}}', "k occurs 2 times; name it"),
    "a name without end": (changed("id", "i" * 10**6), "string of at most 200 characters"),
    "more ranks than can be": (
        changed("ranks", {f"R{i}": 1 for i in range(65)}),
        "ranks: 65 entries; 64 are supported",
    ),
    "more tensors than can be": (changed("tensors", [{}] * 10**5), "tensors: 100000 entries; 64"),
    "more levels than can be": (changed("mapping", [{}] * 10**5), "mapping: 100000 entries; 64"),
    "very many unknown levels": (
        changed("levels", [f"L{i}" for i in range(10**5)]),
        "they must be the levels in order",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_bad_case_gets_one_sentence_with_its_line(text, sentence):
    with pytest.raises(InputError) as error:
        parse_case(text, "cases.jsonl line 3")
    message = str(error.value)
    assert message.startswith("cases.jsonl line 3: ")
    assert sentence in message
    assert message.isprintable()
    assert len(message) < LONGEST_SENTENCE  # and so not clipped: its end says what is right


def test_a_loop_of_one_step_is_no_loop():
    case = json.loads(changed("mapping", RF, "loops", [["M", 1], ["N", 2], ["K", 1]]))
    plain = count_case(parse_case(json.dumps(GOOD), "here"), wrapped=True)
    assert count_case(parse_case(json.dumps(case), "here"), wrapped=True) == plain


def test_the_most_computes_that_are_countable_are_counted():
    ranks = {"M": 2**63 - 1, "N": 1, "K": 1}
    case = json.loads(changed("ranks", ranks))
    for target, loops in zip(case["mapping"], ([["M", 2**63 - 1]], [], [], []), strict=True):
        target["loops"] = loops
    counts = count_case(parse_case(json.dumps(case), "here"), wrapped=False)
    assert counts["computes"] == 2**63 - 1


def run(path: Path, capsys, **options) -> str:
    assert loopnest.run(Namespace(file=path, **{"json": False, "exact": False} | options)) == 0
    return capsys.readouterr().out


def counted(output: str) -> dict[str, dict]:
    return {case["id"]: case["counts"] for case in map(json.loads, output.splitlines())}


def test_json_has_a_line_a_case_with_timeloops_counts(capsys):
    carried = [json.loads(line) for line in CARRIED.read_text(encoding="utf-8").splitlines()]
    printed = [json.loads(line) for line in run(CARRIED, capsys, json=True).splitlines()]
    assert printed == [{"id": case["id"], "counts": case["counts"]} for case in carried]


def test_exact_replaces_overflowing_partitions_alone(capsys):
    wrapped = counted(run(CARRIED, capsys, json=True))
    exact = counted(run(CARRIED, capsys, json=True, exact=True))
    assert wrapped[OVERFLOWING] != exact[OVERFLOWING]
    assert {k: v for k, v in wrapped.items() if not k.startswith("L")} == {
        k: v for k, v in exact.items() if not k.startswith("L")
    }


def test_gzip_is_told_by_content_not_by_name(tmp_path, capsys):
    compressed = tmp_path / "cases.jsonl"
    compressed.write_bytes(gzip.compress(CARRIED.read_bytes(), mtime=0))
    plain = tmp_path / "cases.gz"
    plain.write_bytes(CARRIED.read_bytes())
    assert run(compressed, capsys) == run(plain, capsys) == run(CARRIED, capsys)


def test_blank_lines_are_skipped_but_counted_in_line_numbers(tmp_path, capsys):
    file = tmp_path / "cases.jsonl"
    file.write_text(f"\n  \r\n{json.dumps(GOOD)}\r\n\n", encoding="utf-8")
    assert list(counted(run(file, capsys, json=True))) == ["matmul"]
    file.write_text(f"\n  \n{changed('ranks', 'M', 0)}\n", encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"{file} line 3: extent of rank M is 0")):
        run(file, capsys)


def test_the_table_shows_each_kept_tensor_under_the_totals(tmp_path, capsys):
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(GOOD), encoding="utf-8")
    lines = [line.split() for line in run(file, capsys).splitlines()]
    assert lines == [
        ["case", "matmul"],
        ["cycles", "12", "computes", "192", "instances", "16"],
        ["level", "tensor", "capacity", "instances", "partition", "reads", "fills", "updates"],
        ["DRAM", "A", "48", "1", "48", "96", "0", "0"],
        ["DRAM", "B", "24", "1", "24", "48", "0", "0"],
        ["DRAM", "Z", "32", "1", "32", "0", "0", "32"],
        ["RF", "Z", "2", "16", "4", "8", "0", "12"],
    ]


def test_the_table_stays_within_100_columns_and_separates_thousands(tmp_path, capsys):
    case = json.loads(json.dumps(GOOD).replace('"Z"', f'"{"Z" * 90}"'))
    case["ranks"]["M"] = 8 * 10**16
    case["mapping"][DRAM]["loops"] = [["K", 3], ["M", 2 * 10**16]]
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(case | {"id": "i" * 200}), encoding="utf-8")
    output = run(file, capsys)
    assert max(len(line) for line in output.splitlines()) <= 100
    assert "cycles 120,000,000,000,000,000  computes 1,920,000,000,000,000,000" in output
    for quantity in ("capacity", "instances", "partition", "reads", "fills", "updates"):
        assert quantity in output


def bad_file(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "cases.jsonl"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it has no case; write one JSON object a line"),
        (b"\n \n", "it has no case; write one JSON object a line"),
        (gzip.compress(b"", mtime=0), "it has no case; write one JSON object a line"),
        (bytes(range(256)), "not text; give JSON lines in UTF-8, plain or gzip"),
        (gzip.compress(b"\xff\xfe", mtime=0), "not text; give JSON lines in UTF-8, plain or gzip"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-12], "damaged gzip; compress the file again"),
        (b"\x1f\x8bjunk", "damaged gzip; compress the file again"),
        (b"\x00\x01\x02", "line 1: not JSON"),
    ],
)
def test_a_file_that_is_no_json_lines_gets_one_sentence(tmp_path, capsys, content, sentence):
    file = bad_file(tmp_path, content)
    with pytest.raises(InputError, match=re.escape(sentence)) as error:
        run(file, capsys)
    assert str(error.value).startswith(str(file))
    assert capsys.readouterr().out == ""


def test_a_file_that_swells_when_unpacked_is_not_held(tmp_path, capsys):
    bomb = bad_file(tmp_path, gzip.compress(bytes(2**29), mtime=0))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="uncompressed it has more than 16777216 bytes"):
            run(bomb, capsys)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**27


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is no regular file; name a file of JSON lines"):
        run(tmp_path / "pipe", capsys)


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path, capsys):
    missing = tmp_path / "missing.jsonl"
    with pytest.raises(InputError, match=re.escape(f"cannot read {missing}: No such file")):
        run(missing, capsys)
    with pytest.raises(InputError, match=re.escape(f"cannot read {tmp_path}: Is a directory")):
        run(tmp_path, capsys)


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_is_printed_where_a_later_case_is_bad(tmp_path, capsys, as_json):
    file = bad_file(tmp_path, f"{json.dumps(GOOD)}\n{{}}\n".encode())
    with pytest.raises(InputError, match="line 2"):
        run(file, capsys, json=as_json)
    assert capsys.readouterr().out == ""
