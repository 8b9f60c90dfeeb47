"""The contract of accelerators over all that ship and over the examples, and that it can fail."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from evaluators.contract import AcceleratorContract
from evaluators.describe import catalogue
from evaluators.describe.layers import ACCELERATORS, shipped
from evaluators.describe.reading import accelerator
from tests.evaluators.shipped_bindings import BOUND

EXAMPLES = Path(__file__).parents[2] / "examples"


def accelerators_of_examples() -> list[str]:
    """Return the examples that build on a shipped accelerator."""
    found = []
    for path in sorted(EXAMPLES.glob("*.toml")):
        with path.open("rb") as file:
            if tomllib.load(file).get("base") in shipped():
                found.append(str(path))
    return found


@pytest.mark.parametrize(
    "configuration",
    [*BOUND, *accelerators_of_examples()],
    ids=lambda each: Path(each).stem,
    scope="class",
)
class TestAccelerators(AcceleratorContract):
    @pytest.fixture(autouse=True)
    def _of(self, configuration: str) -> None:
        self.configuration = configuration


@pytest.mark.parametrize(
    ("old", "new", "test"),
    [
        ("QK     | B H P2 M1  | P1 E  ", "QK     | B H P2 M1  | E     ", "test_factors_multiply"),
        ("QK     | B H P2 M1  | P1 E  ", "QK     | B H P2 M1  | E     ", "test_cycles_times"),
        ('"SLNV SPNV"]', '"SPNV"]', "test_no_array_is_busy"),
    ],
)
def test_what_the_checks_would_refuse_fails_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, test: str
) -> None:
    text = (ACCELERATORS / "binding.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "broken.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setitem(catalogue._KNOWN, str(file), ((), accelerator(str(file))))

    class Broken(AcceleratorContract):
        configuration = str(file)

    (name,) = (each for each in dir(Broken) if each.startswith(test))
    with pytest.raises(AssertionError):
        getattr(Broken(), name)()


def test_the_contract_looks_at_more_than_the_default_design() -> None:
    class Binding(AcceleratorContract):
        configuration = "binding"

    assert Binding()._evaluated.feasible.sum() > Binding.looked_at
