from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import UserError
from pairloom.kernels.raw_keys import StringKeys
from pairloom.kernels.raw_text import hash_text, split_strings
from pairloom.tables import StringColumn
from reference import raw_text

ROWS = st.lists(st.one_of(st.none(), st.text("ab |,:é語_1\t", max_size=20), st.text(max_size=20)), max_size=8)
SIZES = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def keys(rows):
    return StringKeys.of(StringColumn.from_strings(rows))


def rows_of(indptr, items):
    return [items[a:b] for a, b in pairwise(indptr)]


def test_genres():
    indptr, pieces = split_strings(keys(["Adventure|Comedy", "", None, " Drama |"]), "|")
    assert rows_of(indptr, [pieces.text(i) for i in range(len(pieces))]) == [
        ["Adventure", "Comedy"],
        [],
        [],
        ["Drama"],
    ]


@given(ROWS, st.sampled_from(["|", ",", "::", "é", "語", "ab"]))
def test_splits_as_python_does(rows, separator):
    indptr, pieces = split_strings(keys(rows), separator)
    items = [pieces.text(i) for i in range(len(pieces))]
    assert rows_of(indptr, items) == [raw_text.split(row, separator) for row in rows]


@given(ROWS, SIZES, st.one_of(st.just((0, 0)), SIZES), st.booleans(), st.integers(0, 2**64 - 2))
def test_hashes_equal_their_definition(rows, words, characters, lowercase, seed):
    options = {"words": words, "characters": characters, "lowercase": lowercase, "seed": seed}
    indptr, buckets = hash_text(keys(rows), 1_000_003, **options)
    assert [sorted(row) for row in rows_of(indptr, buckets.tolist())] == [
        raw_text.ngram_buckets(row, 1_000_003, **options) for row in rows
    ]


def test_golden_ngrams():
    """Saved models rest on these numbers."""
    _, buckets = hash_text(keys(["The end"]), 1000, words=(1, 2), characters=(5, 5))
    assert buckets.tolist() == [565, 110, 703, 288, 554]


@pytest.mark.parametrize("sizes", [(2, 1), (0, 1), (-1, 1)])
def test_sizes_are_checked(sizes):
    with pytest.raises(UserError, match="'words' must be two sizes"):
        hash_text(keys(["a"]), 10, words=sizes)


def test_separator_and_buckets_are_checked():
    with pytest.raises(UserError, match="'separator'"):
        split_strings(keys(["a"]), "")
    with pytest.raises(UserError, match="'n_buckets'"):
        hash_text(keys(["a"]), 2**31)
