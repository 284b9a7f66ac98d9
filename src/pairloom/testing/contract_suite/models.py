"""What a model answers, and that it survives on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from pairloom.rows import RowBatch
from pairloom.testing.cases import Case
from pairloom.testing.contract_suite.outcomes import assert_close, assert_equal, refused

__all__ = [
    "check_a_column_beyond_the_model_adds_nothing",
    "check_a_missing_or_broken_model_is_refused",
    "check_a_row_is_scored_alone",
    "check_answers_are_finite_and_one_per_row",
    "check_no_rows_give_no_answers",
    "check_saved_models_answer_bit_for_bit",
]

PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def check_saved_models_answer_bit_for_bit(case: Case) -> None:
    """Loading gives the same answers, and what is saved is data without code."""
    model = case.fit_short(2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        assert not any(path.read_bytes().startswith(PICKLE_STARTS) for path in files)
        loaded = case.algorithm.model_type.load(folder)
    assert loaded.n_features == model.n_features
    assert_equal(model.predict(case.test), loaded.predict(case.test))


def check_a_missing_or_broken_model_is_refused(case: Case) -> None:
    """Loading what is not a model is an error that names the file or folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert name.lower() in refused(lambda: case.algorithm.model_type.load(folder))
        case.fit_short(1).save(folder)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            assert name.lower() in refused(lambda: case.algorithm.model_type.load(folder))
            path.write_bytes(whole)


def check_a_row_is_scored_alone(case: Case) -> None:
    """An answer does not depend on the rows beside it, their order or the number of threads."""
    model = case.fit_short(2)
    whole = model.predict(case.test)
    same = assert_equal if case.exact else assert_close
    same(whole, model.predict(case.test, n_threads=2))
    for start, stop in ((0, 1), (3, 20), (100, 101)):
        part = model.predict(case.test.part(start, stop))
        same(part, {name: values[start:stop] for name, values in whole.items()})


def check_answers_are_finite_and_one_per_row(case: Case) -> None:
    """Every answer has n_rows finite values."""
    for name, values in case.fit_short(1).predict(case.test).items():
        assert values.shape[0] == case.test.n_rows, name
        assert np.isfinite(values).all(), name


def check_no_rows_give_no_answers(case: Case) -> None:
    """An empty batch is scored to empty arrays."""
    for values in case.fit_short(1).predict(case.test.part(0, 0)).values():
        assert values.shape[0] == 0


def check_a_column_beyond_the_model_adds_nothing(case: Case) -> None:
    """A column that training never saw counts as absent, without a read out of bounds; -1 is refused."""
    model = case.fit_short(1)
    width = model.n_features
    for column in (width, width + 1000, 2**31 - 1):
        wide = RowBatch(np.array([0, 2]), np.array([1, column], np.int32), None, 2**31 - 1)
        alone = RowBatch(np.array([0, 1]), np.array([1], np.int32), None, width)
        assert_equal(model.predict(wide), model.predict(alone))
    negative = RowBatch(np.array([0, 1]), np.array([-1], np.int32), None, width)
    assert "-1" in refused(lambda: model.predict(negative))
