"""The mappers' optima against brute force: every choice, judged by rules restated from the spec."""

from itertools import product

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting, Correction
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.protocol import Evaluations
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

KIB = 1024
TIE = 1 + 1e-12
ENGINE = AnalyticalEvaluator()
MACHINES = [
    (rows, cols, kib * KIB) for rows, cols in ((8, 8), (16, 8), (8, 16)) for kib in (4, 8, 16)
]
"""Rows and columns of the 2D array, bytes of the buffer."""

REMAPPED = Accounting(CORRECTED.corrections - {Correction.Q12})
"""The corrected accounting, but designs keep the mapping that they come with."""


def shape(query_width: int, value_width: int) -> Transformer:
    return Transformer(
        "small",
        batch=2,
        model_width=32,
        query_width=query_width,
        value_width=value_width,
        heads=2,
        ffn_width=64,
    )


def machines() -> Designs:
    """All machines and the first once more, in one batch."""
    rows, cols, buffer_bytes = (list(each) for each in zip(*MACHINES, MACHINES[0], strict=True))
    return Designs.of(array_rows=rows, array_cols=cols, vector_lanes=8, buffer_bytes=buffer_bytes)


def machine(rows: int, cols: int, buffer_bytes: int, binding: dict | None = None) -> Designs:
    return Designs.of(
        array_rows=rows,
        array_cols=cols,
        vector_lanes=8,
        buffer_bytes=buffer_bytes,
        **(binding or {}),
    )


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def least(rows: list[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the lexicographically least row; values that differ by 1e-12 of themselves tie."""
    for i in range(len(rows[0])):
        bound = min(row[i] for row in rows) * TIE
        rows = [row for row in rows if row[i] <= bound]
    return rows[0]


def ties(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether values differ by less than 1e-12 of themselves."""
    return all(a <= b * TIE and b <= a * TIE for a, b in zip(one, other, strict=True))


def columns(choices: list[dict[str, int]]) -> dict[str, np.ndarray]:
    return {name: np.array([choice[name] for choice in choices]) for name in choices[0]}


# Linear layers: docs/model/mappings.md#linear-layers.


def words_moved(m: int, n: int, k: int, *, m1: int, n1: int, rows: int, cols: int) -> int:
    m2, n2 = m // (cols * m1), n // (rows * n1)
    return m * k + m * n + k * n * (1 if n2 == 1 else m2)


def best_tile(m: int, n: int, k: int, rows: int, cols: int, capacity_words: int) -> tuple[int, int]:
    """Words moved, and words of the tile, of the best tile that fits."""
    candidates = []
    for m1 in divisors(m // cols):
        for n1 in divisors(n // rows):
            tile = k * (cols * m1 + rows * n1)
            if tile <= capacity_words:
                moved = words_moved(m, n, k, m1=m1, n1=n1, rows=rows, cols=cols)
                candidates.append((moved, tile))
    return min(candidates)


LAYERS = {
    #       N, K of a transformer with D 32, H 2, E 16, F 8, S 64
    "Q": (32, 32),
    "K": (32, 32),
    "V": (16, 32),
    "Z": (32, 16),
    "FFN1": (64, 32),
    "FFN2": (32, 64),
}


def test_every_linear_layer_moves_the_least_words_that_the_buffer_allows():
    workload, tokens = Workload(shape(16, 8), 128), 2 * 128
    evaluations = ENGINE.evaluate("linear_flat", workload, machines(), PUBLISHED, breakdown=True)
    for i, (rows, cols, buffer_bytes) in enumerate([*MACHINES, MACHINES[0]]):
        moved = {name: part.traffic_bytes[i] / 2 for name, part in evaluations.einsums.items()}
        assert moved == {
            name: best_tile(tokens, n, k, rows, cols, buffer_bytes // 2)[0]
            for name, (n, k) in LAYERS.items()
        }
        for name, (n, k) in LAYERS.items():
            m1, n1 = (
                int(evaluations.designs.columns[f"{name}_{tile}"][i]) for tile in ("m1", "n1")
            )
            moved_words = words_moved(tokens, n, k, m1=m1, n1=n1, rows=rows, cols=cols)
            tile = k * (cols * m1 + rows * n1)
            assert (moved_words, tile) == best_tile(tokens, n, k, rows, cols, buffer_bytes // 2)


def test_weights_are_read_again_only_where_the_buffer_is_too_small_for_a_whole_pass():
    n, k = LAYERS["FFN2"]
    moved = [
        ENGINE.evaluate(
            "linear_flat",
            Workload(shape(16, 8), 128),
            machine(8, 8, size),
            PUBLISHED,
            breakdown=True,
        )
        .einsums["FFN2"]
        .traffic_bytes[0]
        / 2
        for size in (4 * KIB, 16 * KIB)
    ]
    once = 256 * k + 256 * n + k * n
    assert moved[0] > once
    assert moved[1] == once


# The unfused baseline: docs/model/mappings.md#unfused.

UNFUSED = {
    "QK": {
        "splits": ("qk_p2", "qk_m2", "qk_e2"),
        "keeps": ("qk_keeps_q", "qk_keeps_k", "qk_keeps_qk"),
        "tiles": ("PW", "MW", "PM"),
    },
    "AV": {
        "splits": ("av_p2", "av_m2", "av_f2"),
        "keeps": ("av_keeps_a", "av_keeps_v", "av_keeps_av"),
        "tiles": ("PM", "MW", "PW"),
    },
}
"""An Einsum's columns, and the ranks of each tensor that the buffer may keep; W is E or F."""

LOOP_ORDERS = 6


def unfused_choices(
    einsum: str, seq_len: int, width: int, rows: int, cols: int, buffer_bytes: int
) -> list[dict[str, int]]:
    """Every mapping of an Einsum whose kept tiles, each held once, fit the buffer."""
    names = UNFUSED[einsum]
    choices = []
    for p2, m2, w2, order, *kept in product(
        divisors(seq_len // cols),
        divisors(seq_len // rows),
        divisors(width),
        range(LOOP_ORDERS),
        *[(0, 1)] * 3,
    ):
        tile = {"P": seq_len // p2, "M": seq_len // m2, "W": width // w2}
        need = sum(
            2 * tile[ranks[0]] * tile[ranks[1]]
            for ranks, keep in zip(names["tiles"], kept, strict=True)
            if keep
        )
        if need <= buffer_bytes:
            choices.append(
                dict(zip(names["splits"], (p2, m2, w2), strict=True))
                | {f"{einsum.lower()}_order": order}
                | dict(zip(names["keeps"], kept, strict=True))
            )
    return choices


def other_einsum(einsum: str) -> dict[str, int]:
    """Some mapping of the other Einsum: nothing split, nothing kept."""
    (other,) = UNFUSED.keys() - {einsum}
    names = UNFUSED[other]
    return (
        dict.fromkeys(names["splits"], 1)
        | {f"{other.lower()}_order": 0}
        | dict.fromkeys(names["keeps"], 0)
    )


def costs_of_einsum(evaluations: Evaluations, einsum: str) -> list[tuple[float, ...]]:
    part = evaluations.einsums[einsum]
    return list(zip(part.traffic_bytes.tolist(), part.energy_pj.tolist(), strict=True))


@pytest.mark.parametrize("einsum", ["QK", "AV"])
@pytest.mark.parametrize(("mapped", "given"), [(PUBLISHED, PUBLISHED), (CORRECTED, REMAPPED)])
@pytest.mark.parametrize(("widths", "seq_len"), [((16, 8), 128), ((64, 64), 32)])
def test_an_unfused_mapping_is_the_best_of_all_that_fit(einsum, mapped, given, widths, seq_len):
    workload = Workload(shape(*widths), seq_len)
    width = widths[0] if einsum == "QK" else widths[1]
    found = ENGINE.evaluate("unfused", workload, machines(), mapped, breakdown=True)
    for i, each in enumerate([*MACHINES, MACHINES[0]]):
        choices = unfused_choices(einsum, seq_len, width, *each)
        every = [choice | other_einsum(einsum) for choice in choices]
        forced = ENGINE.evaluate(
            "unfused", workload, machine(*each, columns(every)), given, breakdown=True
        )
        assert forced.feasible.all()
        assert {name: int(found.designs.columns[name][i]) for name in choices[0]} in choices
        least_cost = least(costs_of_einsum(forced, einsum))
        assert costs_of_einsum(found, einsum)[i] == pytest.approx(least_cost, rel=1e-9)


# FLAT: docs/model/mappings.md#flat.

SPATIAL = {
    ("qk", "output"): "MP",
    ("qk", "weight"): "EM",
    ("qk", "input"): "EP",
    ("av", "output"): "FP",
    ("av", "weight"): "FM",
    ("av", "input"): "MP",
}
"""Ranks on the array's columns and on its rows."""

STATIONARITY = ("output", "weight", "input")
FLAT_KEEPS = ("keeps_q", "keeps_k", "keeps_qk", "keeps_v", "keeps_av")


def fills_the_array(einsum: str, stationarity: int, extents: dict, sides: tuple, seq_len: int):
    """Every rank on a side divides by it, or by the whole rank where the side is longer."""
    whole = extents | {"P": seq_len}
    ranks = SPATIAL[einsum, STATIONARITY[stationarity]]
    return all(
        extents[rank] % min(side, whole[rank]) == 0 for rank, side in zip(ranks, sides, strict=True)
    )


def flat_choices(workload: Workload, rows: int, cols: int) -> tuple[list[dict], list[bool]]:
    """Every binding, and whether it divides."""
    choices, valid = [], []
    seq_len, each = workload.keys, workload.transformer
    for p_t, qk, av, *kept in product(
        range(1, seq_len + 1), range(3), range(3), *[(0, 1)] * len(FLAT_KEEPS)
    ):
        if seq_len % p_t and (any(kept) or qk or av):
            continue
        extents = {"P": p_t, "M": seq_len, "E": each.query_width, "F": each.value_width}
        choices.append(
            {"query_rows": p_t, "qk_stationarity": qk, "av_stationarity": av}
            | dict(zip(FLAT_KEEPS, kept, strict=True))
        )
        valid.append(
            seq_len % p_t == 0
            and fills_the_array("qk", qk, extents, (cols, rows), seq_len)
            and fills_the_array("av", av, extents, (cols, rows), seq_len)
        )
    return choices, valid


def costs_of_design(evaluations: Evaluations) -> list[tuple[float, ...]]:
    names = ("latency_s", "traffic_bytes", "energy_pj")
    metrics = (evaluations.metrics[name].tolist() for name in names)
    return list(zip(*metrics, strict=True))


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("widths", "seq_len"),
    [((16, 8), 64), ((8, 12), 64), ((4, 64), 16), ((64, 64), 16), ((128, 2), 32)],
)
def test_flats_binding_is_the_best_of_all_that_divide(accounting, widths, seq_len):
    workload = Workload(shape(*widths), seq_len)
    found = ENGINE.evaluate("flat", workload, machines(), accounting)
    for i, each in enumerate([*MACHINES, MACHINES[0]]):
        choices, valid = flat_choices(workload, *each[:2])
        forced = ENGINE.evaluate("flat", workload, machine(*each, columns(choices)), accounting)
        assert forced.feasible.tolist() == valid
        allowed = [choice for choice, ok in zip(choices, valid, strict=True) if ok]
        assert {name: int(found.designs.columns[name][i]) for name in choices[0]} in allowed
        costs = [cost for cost, ok in zip(costs_of_design(forced), valid, strict=True) if ok]
        assert costs_of_design(found)[i] == pytest.approx(least(costs), rel=1e-9)
        first = next(
            choice for choice, cost in zip(allowed, costs, strict=True) if ties(cost, least(costs))
        )
        assert {name: int(found.designs.columns[name][i]) for name in choices[0]} == first
