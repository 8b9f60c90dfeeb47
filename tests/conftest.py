import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to interrupts, which tests send to programs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(name: str, what: str) -> Path:
    """Return something beside the repository, or skip the test that asks for it."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{what} not at {path}")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the tables that the authors of FuseMax published with their artifact."""
    return shared("reference", "the published tables are")


@pytest.fixture(scope="session")
def truth() -> Path:
    """Loop nests that the real Timeloop counted, JSON lines compressed with gzip."""
    return shared("truth/loopnest.jsonl.gz", "Timeloop's counts of random loop nests are")


@pytest.fixture(scope="session")
def spec() -> Path:
    """Folder of the tables of the model's specification: loop-nest counts, FLAT's bindings."""
    return shared("spec", "the specification's tables are")


@pytest.fixture(scope="session")
def timeloop_runs() -> Path:
    """Folder of complete runs of the real Timeloop and Accelergy, inputs and outputs."""
    return shared("truth/timeloop_runs", "the recorded runs of Timeloop are")
