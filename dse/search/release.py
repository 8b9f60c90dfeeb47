"""Which release of this program runs."""

from __future__ import annotations


def release() -> str:
    """Return the version that is installed, or say that none is."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("attention-dse")
    except PackageNotFoundError:
        return "of a source tree that is not installed"
