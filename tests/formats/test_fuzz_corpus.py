"""Everything that fuzzing of the text parsers found, read through the front door in large and small pieces."""

import io
from pathlib import Path

import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables
from pairloom.tables import StringColumn

CORPUS = Path(__file__).resolve().parents[2] / "native" / "fuzz" / "corpus"
FILES = [path for parser in ("libsvm", "libffm", "csv") for path in sorted((CORPUS / parser).iterdir())]


def outcome(text: bytes, content_type: str, **options):
    try:
        return joined(read_rows(io.BytesIO(text), content_type=content_type, **options))
    except DataError as fault:
        return str(fault)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_found_inputs_are_read_or_refused(path):
    # The first bytes choose the options of the fuzz target; the rest is the text.
    text = path.read_bytes()[2 if path.parent.name == "csv" else 1 :]
    whole = outcome(text, path.parent.name)
    for chunk_bytes, n_threads in [(1, 1), (100, 3)]:
        pieces = outcome(text, path.parent.name, chunk_bytes=chunk_bytes, n_threads=n_threads)
        if isinstance(whole, str):
            assert pieces == whole
        else:
            assert_equal_rows(pieces, whole)


@given(
    st.binary(max_size=60) | st.text("01.,:;#\"' -+e\t\r\n", max_size=60).map(str.encode),
    st.sampled_from(["libsvm", "libffm", "csv", "tsv", "text/csv; label_size=0"]),
    st.integers(1, 30),
)
def test_any_bytes_are_read_or_refused_alike_in_any_pieces(text, content_type, chunk_bytes):
    whole = outcome(text, content_type)
    pieces = outcome(text, content_type, chunk_bytes=chunk_bytes, n_threads=2)
    if isinstance(whole, str):
        assert pieces == whole
    else:
        assert_equal_rows(pieces, whole)


@given(
    st.binary(max_size=60) | st.text("01.,:;#\"' -+e\t\r\n\xe9", max_size=60).map(str.encode),
    st.integers(1, 30),
)
def test_any_bytes_are_a_table_or_refused_alike(text, chunk_bytes):
    def outcome(**options):
        try:
            tables = list(read_tables(io.BytesIO(text), content_type="csv", header=False, **options))
        except DataError as fault:
            return str(fault)
        return [value for table in tables for value in map(str, plain_rows(table))]

    assert outcome() == outcome(chunk_bytes=chunk_bytes, n_threads=2)


def plain_rows(table):
    strings = [
        column.to_strings() if isinstance(column, StringColumn) else list(map(str, column.tolist()))
        for column in table.columns.values()
    ]
    return list(zip(*strings, strict=True))
