import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to interrupts, which tests send to programs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the tables that the authors of FuseMax published with their artifact."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip(f"the published tables are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def truth() -> Path:
    """Loop nests that the real Timeloop counted, JSON lines compressed with gzip."""
    file = Path(__file__).resolve().parents[2] / "shared" / "truth" / "loopnest.jsonl.gz"
    if not file.is_file():
        pytest.skip(f"Timeloop's counts of random loop nests are not at {file}")
    return file


@pytest.fixture(scope="session")
def spec() -> Path:
    """Folder of the tables of the model's specification: loop-nest counts, FLAT's bindings."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "spec"
    if not folder.is_dir():
        pytest.skip(f"the specification's tables are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def timeloop_runs() -> Path:
    """Folder of complete runs of the real Timeloop and Accelergy, inputs and outputs."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "truth" / "timeloop_runs"
    if not folder.is_dir():
        pytest.skip(f"the recorded runs of Timeloop are not at {folder}")
    return folder
