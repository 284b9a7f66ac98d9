"""Bytes to batches and back: every file format behind three functions.

Formats are found by content type or file ending in `registry.FORMATS`; each lives in a module of its own.
"""

from __future__ import annotations

from pairloom.formats.reading import read_rows, read_tables
from pairloom.formats.writing import write_rows, write_tables

__all__ = ["read_rows", "read_tables", "write_rows", "write_tables"]
