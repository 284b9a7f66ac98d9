"""What must hold for any columns and any specs."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from raw_data import specs, tables

from pairloom.encoding import Bucket, FeatureEncoder, Standard
from reference.feature_encoder import as_dicts, assert_same, encode_table


@st.composite
def cases(draw, n_tables=2):
    chosen = draw(specs())
    return chosen, *(draw(tables(list(chosen))) for _ in range(n_tables))


def joined(*parts):
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def assert_equal(left, right):
    assert left.shape == right.shape
    assert left.indptr.tolist() == right.indptr.tolist()
    assert left.indices.tolist() == right.indices.tolist()
    np.testing.assert_array_equal(left.data, right.data)


@given(cases())
def test_equals_the_obvious_encoder(case):
    chosen, training, rows = case
    encoder = FeatureEncoder(chosen).fit(training)
    got = as_dicts(encoder.transform(rows), encoder.get_feature_names_out())
    assert_same(got, encode_table(chosen, training, rows))


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=40), st.integers(2, 8))
def test_quantiles_with_many_ties_equal_the_obvious_ones(numbers, quantiles):
    chosen, columns = {"n": Bucket(quantiles=quantiles)}, {"n": numbers}
    encoder = FeatureEncoder(chosen).fit(columns)
    got = as_dicts(encoder.transform(columns), encoder.get_feature_names_out())
    assert_same(got, encode_table(chosen, columns, columns))
    assert encoder.n_features_out_ <= 1 + quantiles


@given(cases())
def test_restored_encoder_is_the_original(case):
    chosen, training, rows = case
    encoder = FeatureEncoder(chosen, random_state=3).fit(training)
    metadata, arrays = encoder.to_state()
    for copy in (
        FeatureEncoder.from_state(json.loads(json.dumps(metadata)), arrays),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert copy.get_params() == encoder.get_params()
        assert copy.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()
        assert copy.fields_.tolist() == encoder.fields_.tolist()
        assert_equal(copy.transform(rows), encoder.transform(rows))
        for left, right in zip(
            copy.encode(rows, training=True), encoder.encode(rows, training=True), strict=True
        ):
            assert left.indices.tolist() == right.indices.tolist()
        assert json.dumps(copy.to_state()[0]) == json.dumps(metadata)


@given(cases(), st.booleans())
def test_restored_encoder_goes_on_learning(case, used):
    chosen, training, more = case
    encoder = FeatureEncoder(chosen).fit(training)
    copy = FeatureEncoder.from_state(*encoder.to_state())
    if used:
        encoder.transform(more)
    encoder.partial_fit(more)
    copy.partial_fit(more)
    assert copy.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()
    assert_equal(copy.transform(more), encoder.transform(more))


@given(cases(3))
def test_learning_in_parts_is_learning_from_the_whole(case):
    chosen, first, second, rows = case
    whole = FeatureEncoder(chosen).fit(joined(first, second))
    parts = FeatureEncoder(chosen).partial_fit(first).partial_fit(second)
    assert parts.get_feature_names_out().tolist() == whole.get_feature_names_out().tolist()
    left, right = parts.transform(rows), whole.transform(rows)
    if any(isinstance(spec, Standard) for spec in chosen.values()):
        np.testing.assert_allclose(left.toarray(), right.toarray(), rtol=1e-4, atol=1e-5)
    else:
        assert_equal(left, right)


@given(cases(), st.integers(1, 5))
def test_batches_do_not_matter(case, batch_rows):
    chosen, training, rows = case
    encoder = FeatureEncoder(chosen, unseen_samples=1, missing_share=0.3).fit(training)
    for lends in (False, True):
        whole = list(encoder.encode(rows, training=lends, with_fields=True))
        parts = list(encoder.encode(rows, training=lends, with_fields=True, batch_rows=batch_rows))
        assert [part.n_rows for part in parts[:-1]] == [batch_rows] * (len(parts) - 1)
        for name in ("indices", "fields"):
            got = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(got, np.concatenate([getattr(batch, name) for batch in whole]))


@given(cases(3))
def test_columns_keep_their_numbers_when_more_is_learned(case):
    chosen, first, second, rows = case
    encoder = FeatureEncoder(chosen).fit(first)
    before = encoder.get_feature_names_out().tolist()
    old_rows = encoder.transform(first)
    encoder.partial_fit(second)
    after = encoder.get_feature_names_out().tolist()
    assert after[: len(before)] == before
    assert encoder.transform(first).shape[1] == encoder.n_features_out_ >= len(before)
    if all(getattr(spec, "min_count", 1) == 1 for spec in chosen.values()):
        np.testing.assert_array_equal(
            encoder.transform(first)[:, : len(before)].toarray(), old_rows.toarray()
        )
    assert len(np.unique(encoder.transform(rows).indices)) <= len(after)


@given(cases(1))
def test_every_name_has_its_field(case):
    chosen, training = case
    encoder = FeatureEncoder(chosen).fit(training)
    assert encoder.field_names_ == list(chosen)
    for name, field in zip(encoder.get_feature_names_out(), encoder.fields_, strict=True):
        assert name.startswith(encoder.field_names_[field])
    for name in chosen:
        columns, labels = encoder.columns_of(name)
        assert (encoder.fields_[columns] == encoder.field_names_.index(name)).all()
        assert labels[0] == "<missing>"
        assert len(labels) == len(columns)
    for batch in encoder.encode(training, with_fields=True):
        np.testing.assert_array_equal(batch.fields, encoder.fields_[batch.indices])


def test_first_use_by_several_threads():
    rows = {"user": np.arange(5000), "genres": [["a", "b", "c"][i % 3] for i in range(5000)]}
    wanted = FeatureEncoder().fit(rows).transform(rows)
    encoder = FeatureEncoder().fit(rows)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: encoder.transform(rows), range(16)):
            assert_equal(got, wanted)
