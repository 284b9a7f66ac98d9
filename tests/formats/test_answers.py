"""Answers as bytes: SageMaker's published examples, and numbers that read back equal."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats.answers import ANSWER_TYPES, format_answers
from pairloom.formats.recordio_protobuf import read_records

f4 = np.float32
EXAMPLES = [
    # answers, name of the list, as JSON, as JSON Lines, as CSV: the examples of SageMaker's developer guide
    ({"score": f4([0.4]), "predicted_label": f4([0])}, "predictions",
     {"predictions": [{"score": 0.4, "predicted_label": 0.0}]}, '{"score": 0.4, "predicted_label": 0.0}', "0.4,0.0"),
    ({"score": f4([0.4]), "predicted_label": np.array([0])}, "predictions",
     {"predictions": [{"score": 0.4, "predicted_label": 0}]}, '{"score": 0.4, "predicted_label": 0}', "0.4,0"),
    ({"score": f4([[0.1, 0.2, 0.4, 0.3]]), "predicted_label": np.array([2])}, "predictions",
     {"predictions": [{"score": [0.1, 0.2, 0.4, 0.3], "predicted_label": 2}]},
     '{"score": [0.1, 0.2, 0.4, 0.3], "predicted_label": 2}', "0.1,0.2,0.4,0.3,2"),
    ({"score": f4([0.02, 0.25])}, "scores", {"scores": [{"score": 0.02}, {"score": 0.25}]},
     '{"score": 0.02}\n{"score": 0.25}', "0.02\n0.25"),
    ({"predicted_label": f4([0]), "distances": f4([[3.11, 3.89, 6.32]]), "labels": f4([[0, 1, 0]])}, "predictions",
     {"predictions": [{"predicted_label": 0.0, "distances": [3.11, 3.89, 6.32], "labels": [0.0, 1.0, 0.0]}]},
     '{"predicted_label": 0.0, "distances": [3.11, 3.89, 6.32], "labels": [0.0, 1.0, 0.0]}',
     "0.0,3.11,3.89,6.32,0.0,1.0,0.0"),
    ({"projection": f4([[1, 2]])}, "projections", {"projections": [{"projection": [1.0, 2.0]}]},
     '{"projection": [1.0, 2.0]}', "1.0,2.0"),
    ({"closest_cluster": f4([1]), "distance_to_cluster": f4([3])}, "predictions",
     {"predictions": [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}]},
     '{"closest_cluster": 1.0, "distance_to_cluster": 3.0}', "1.0,3.0"),
    ({"score": f4([3.3, 4.1])}, "predictions", {"predictions": [{"score": 3.3}, {"score": 4.1}]},
     '{"score": 3.3}\n{"score": 4.1}', "3.3\n4.1"),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "list_name", "document", "lines", "table"), EXAMPLES)
def test_published_examples(answers, list_name, document, lines, table):
    assert format_answers(answers, "application/json", list_name=list_name) == json.dumps(document).encode()
    assert format_answers(answers, "application/jsonlines") == f"{lines}\n".encode()
    assert format_answers(answers, "text/csv") == f"{table}\n".encode()
    found = read_records(io.BytesIO(format_answers(answers, "application/x-recordio-protobuf")))
    for i, record in enumerate(found):
        assert list(record.label) == list(answers)
        for name, values in answers.items():
            assert record.label[name].float32_tensor.values == np.atleast_1d(f4(values[i])).tolist()


def test_a_record_byte_by_byte():
    # as the SDK writes the label 1 of a record; then the length and no padding
    got = format_answers({"values": f4([1])}, "application/x-recordio-protobuf")
    assert got.hex() == "0a23d7ce14000000" + "12120a0676616c756573120812060a040000803f"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_read_back_equal(numbers):
    for dtype in (np.float32, np.float64):
        column = np.array(numbers, dtype)
        text = format_answers({"score": column}, "application/json")
        back = np.array([row["score"] for row in json.loads(text)["predictions"]], dtype)
        np.testing.assert_array_equal(back, column)
        assert np.signbit(back).tolist() == np.signbit(column).tolist()


def test_doubles_are_written_as_python_writes_them():
    numbers = [0.0, -0.0, 1.0, 0.1, 1e-4, 9e-5, 123456789.0, 1e15, 1e16, 1.7976931348623157e308, 5e-324, -2.5]
    text = format_answers({"x": np.array(numbers)}, "text/csv").decode()
    assert text.split() == [repr(number) for number in numbers]


def test_integers_and_booleans_have_no_point():
    answers = {"a": np.array([3, -7], np.int16), "b": np.array([True, False])}
    assert format_answers(answers, "text/csv") == b"3,1\n-7,0\n"


@pytest.mark.parametrize("content_type", ANSWER_TYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_is_refused_with_its_row(content_type, bad):
    for column in (f4([1, bad]), np.array([[1, 2], [3, bad]])):
        with pytest.raises(DataError, match=r"row 2.*finite") as caught:
            format_answers({"score": column}, content_type)
        assert caught.value.row == 2


@pytest.mark.parametrize("content_type", ANSWER_TYPES)
def test_no_rows(content_type):
    empty = {"a": np.zeros(0, np.float32), "b": np.zeros((0, 3), np.float32)}
    expected = b'{"predictions": []}' if content_type == "application/json" else b""
    assert format_answers(empty, content_type) == expected


def test_names_are_escaped():
    assert json.loads(format_answers({'a"\\': f4([1])}, "application/jsonlines")) == {'a"\\': 1.0}
