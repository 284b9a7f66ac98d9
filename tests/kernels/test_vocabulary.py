import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError, UserError
from pairloom.kernels.raw_keys import ABSENT, MISSING, IntegerKeys, StringKeys, hash_keys
from pairloom.kernels.vocabulary import Vocabulary
from pairloom.tables import StringColumn
from reference import hashing

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.one_of(
    INT64.map(str), st.text(max_size=20), st.sampled_from(["01", "-0", "+1", "1.0", " 1", str(2**63)])
)


def strings(items):
    return StringKeys.of(StringColumn.from_strings(items))


def integers(items):
    return IntegerKeys(np.array(items, np.int64))


class DictVocabulary:
    """The slow twin: a dict from text to number; the canonical text of an integer is the integer's key."""

    def __init__(self):
        self.numbers, self.counts = {}, []

    def add(self, texts):
        for text in texts:
            if text:
                number = self.numbers.setdefault(text, len(self.numbers))
                self.counts += [0] * (number == len(self.counts))
                self.counts[number] += 1

    def lookup(self, texts):
        return [self.numbers.get(text, ABSENT) if text else MISSING for text in texts]


def test_numbers_come_in_order_of_appearance():
    vocabulary = Vocabulary()
    assert vocabulary.add(integers([42, 7, 42])) == 0
    assert vocabulary.add(strings(["7", "x", None, ""])) == 2
    assert vocabulary.lookup(strings(["x", "42", "042", None])).tolist() == [2, 0, ABSENT, MISSING]
    assert vocabulary.counts().tolist() == [2, 2, 1]
    assert vocabulary.texts() == ["42", "7", "x"]
    assert len(vocabulary) == 3


@given(st.lists(st.lists(st.one_of(st.none(), TEXTS), max_size=30), max_size=6), st.lists(TEXTS, max_size=30))
def test_equals_a_dict(batches, wanted):
    vocabulary, twin = Vocabulary(), DictVocabulary()
    for batch in batches:
        assert vocabulary.add(strings(batch)) == sum(not text for text in batch)
        twin.add(batch)
    seen = [text for batch in batches for text in batch]
    assert vocabulary.lookup(strings(seen + wanted)).tolist() == twin.lookup(seen + wanted)
    assert vocabulary.counts().tolist() == twin.counts
    assert vocabulary.texts() == list(twin.numbers)


@given(st.lists(INT64, max_size=50))
def test_an_integer_is_its_canonical_text(keys):
    vocabulary = Vocabulary()
    vocabulary.add(integers(keys))
    assert vocabulary.lookup(strings(map(str, keys))).tolist() == vocabulary.lookup(integers(keys)).tolist()


def test_growth_keeps_every_key():
    random = np.random.default_rng(0)
    keys = random.integers(-(2**62), 2**62, 200_000)
    vocabulary = Vocabulary()
    vocabulary.add(IntegerKeys(keys))
    vocabulary.add(strings(f"k{i}" for i in range(50_000)))
    first_of_key = np.unique(keys, return_index=True)[1]
    assert (
        np.sort(vocabulary.lookup(IntegerKeys(keys[np.sort(first_of_key)]))) == np.arange(len(first_of_key))
    ).all()
    assert vocabulary.lookup(strings(["k0", "k49999", "k50000"])).tolist() == [
        len(first_of_key),
        len(first_of_key) + 49_999,
        ABSENT,
    ]


@given(st.lists(TEXTS.filter(bool), max_size=40))
def test_restored_equals_original(texts):
    vocabulary = Vocabulary()
    vocabulary.add(strings(texts))
    for copy in (
        Vocabulary.from_arrays(vocabulary.to_arrays()),
        pickle.loads(pickle.dumps(vocabulary)),
    ):
        assert copy.texts() == vocabulary.texts()
        assert copy.counts().tolist() == vocabulary.counts().tolist()
        assert copy.lookup(strings(texts)).tolist() == vocabulary.lookup(strings(texts)).tolist()


def test_too_many_ids_is_an_error_that_says_what_to_do():
    vocabulary = Vocabulary(max_size=2)
    vocabulary.add(integers([1, 2, 1]))
    with pytest.raises(DataError, match=r"at most 2 different ids. Got more. Hash them"):
        vocabulary.add(integers([3]))


ARRAYS = {
    "integers": np.array([5, 0], np.int64),
    "counts": np.array([1, 2], np.int64),
    "is_string": np.array([0, 1], np.uint8),
    "ends": np.array([1], np.int64),
    "data": np.array([120], np.uint8),
}


def test_hand_made_arrays_restore():
    assert Vocabulary.from_arrays(ARRAYS).texts() == ["5", "x"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"integers": None}, "'integers' is not among"),
        ({"counts": np.array([1], np.int64)}, "'counts' must be .* of 2 elements"),
        ({"integers": np.array([5.0, 0.0])}, "'integers' must be .* int64"),
        ({"ends": np.array([2], np.int64)}, "'ends' must rise to the 1 bytes"),
        ({"ends": np.array([-1], np.int64)}, "'ends' must rise"),
        ({"ends": np.array([1, 0, 1], np.int64)}, "'ends' must rise"),
        ({"is_string": np.array([1, 1], np.uint8)}, "too few strings"),
        ({"counts": np.array([1, -1], np.int64)}, r"'counts' must be in \[0"),
        (
            {"is_string": np.zeros(1, np.uint8), "ends": None, "data": None},
            "'is_string' must be .* of 2 elements",
        ),
        ({"is_string": None, "integers": np.array([5, 5], np.int64)}, "the integer 5 twice"),
        ({"data": np.array([53], np.uint8)}, "an integer among the strings"),
        ({"integers": np.array([5, 5], np.int64), "is_string": np.zeros(2, np.uint8)}, "the integer 5 twice"),
    ],
)
def test_broken_arrays_are_refused(changes, message):
    arrays = {name: array for name, array in (ARRAYS | changes).items() if array is not None}
    with pytest.raises(UserError, match=message):
        Vocabulary.from_arrays(arrays)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [([0], [4]), ([-1], [1]), ([2], [1]), ([0, 0], [1])],
    ids=["end", "start", "order", "size"],
)
def test_strings_outside_their_data_are_refused(starts, ends):
    with pytest.raises(UserError, match=r"StringKeys: 'starts' and 'ends'|StringKeys: 'ends'"):
        StringKeys(np.array(starts, np.int64), np.array(ends, np.int64), np.zeros(3, np.uint8))


def test_wrong_dtypes_are_named():
    with pytest.raises(
        UserError, match=r"IntegerKeys: 'values' must be a contiguous 1-D int64 array. Got int32"
    ):
        IntegerKeys(np.zeros(3, np.int32))
    with pytest.raises(UserError, match=r"Got strided int64 of shape \(2,\)"):
        IntegerKeys(np.zeros(4, np.int64)[::2])
    with pytest.raises(UserError, match=r"'valid' must be a contiguous 1-D bool array of 3 elements"):
        IntegerKeys(np.zeros(3, np.int64), np.ones(2, np.bool_))


def test_golden_hashes():
    """Saved models rest on these numbers."""
    assert hash_keys(integers([0, 42, -7, 2**63 - 1]), 1_000_003).tolist() == [281762, 271389, 80331, 224251]
    assert hash_keys(strings(["Comedy", "042", "é" * 9, None]), 1_000_003).tolist() == [
        177983,
        106476,
        970529,
        -2,
    ]


@given(st.lists(TEXTS.filter(bool), max_size=20), st.integers(1, 2**31 - 1), st.integers(0, 2**64 - 1))
def test_hashes_equal_their_definition(texts, n_buckets, seed):
    expected = [hashing.hash_bucket(hashing.hash_key(text, seed), n_buckets) for text in texts]
    assert hash_keys(strings(texts), n_buckets, seed).tolist() == expected


def test_hashes_spread_evenly():
    counts = np.bincount(hash_keys(IntegerKeys(np.arange(100_000)), 100), minlength=100)
    assert counts.min() > 800
    assert counts.max() < 1200


def test_number_of_buckets_is_checked():
    with pytest.raises(UserError, match="'n_buckets'"):
        hash_keys(integers([1]), 0)
