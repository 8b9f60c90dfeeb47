"""Parquet files that tell damage of any byte: their metadata holds the checksum of all the others.

Parquet's own checksums are those of pages; a flipped bit of a footer, where metadata and counts
stand, passes them.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluators.errors import InputError, shown
from evaluators.foreign import read_bytes

LARGEST_BYTES = 2**31
"""A larger file is not read."""

_KEY = "checksum"
_MARK = b"sha256 of the other bytes "
_BLANK = b"0" * 64


def sealed(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a Parquet file with its checksum; options are those of `ParquetWriter`."""
    own = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    content = BytesIO()
    bare = table.replace_schema_metadata(None)
    with pq.ParquetWriter(content, bare.schema, **options) as writer:
        writer.write_table(bare)
        writer.add_key_value_metadata(own | {_KEY: (_MARK + _BLANK).decode()})
    whole = content.getvalue()
    at = whole.rindex(_MARK + _BLANK) + len(_MARK)
    return whole[:at] + hashlib.sha256(whole).hexdigest().encode() + whole[at + len(_BLANK) :]


def unsealed(path: Path, remedy: str) -> pq.ParquetFile:
    """Open a Parquet file that `sealed` made, once its checksum is found right.

    Raises:
        InputError: if a byte of it is not as it was written; `remedy` says what to do then.

    """
    content = read_bytes(path, "a Parquet file of this program", largest_bytes=LARGEST_BYTES)
    at = content.rfind(_MARK) + len(_MARK)
    stated = content[at : at + len(_BLANK)]
    blank = content[:at] + _BLANK + content[at + len(_BLANK) :]
    if hashlib.sha256(blank).hexdigest().encode() != stated:
        raise InputError(
            f"{shown(path, 200)} is damaged, or of another version of this program: its checksum "
            f"is not that of its content; {remedy}"
        )
    try:
        return pq.ParquetFile(pa.BufferReader(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{shown(path, 200)} is damaged: {shown(error)}; {remedy}") from None


def metadata(file: pq.ParquetFile) -> dict[str, str]:
    """Return the metadata of an opened file, Arrow's own left out."""
    items = (file.metadata.metadata or {}).items()
    return {key.decode(): value.decode() for key, value in items if key[:6] != b"ARROW:"}
