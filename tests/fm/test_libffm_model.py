"""libffm's model files: bytes that libffm itself wrote, both forms, and clear errors for whatever is not one.

``golden/libffm-k3.model`` and ``libffm-k4.model`` were written, and ROWS scored, by the libffm 1.23 within pylibffm
0.4.1, from these rows with ``-r 0.5 -l 0.00002 -t 8`` on one thread.
"""

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom import FactorizationMachineClassifier
from pairloom.errors import DataError, UserError
from pairloom.fm.interactions.libffm_model import read_libffm_model, write_libffm_model
from pairloom.formats import libffm

GOLDEN = Path(__file__).parent / "golden"
TEXT = b"1 0:0:1 1:2:0.5\n0 0:1:1 1:3:2 2:4:1\n1 0:0:1 2:4:1.5\n0 1:2:1 2:4:1\n"
ROWS = next(iter(libffm.read_rows(io.BytesIO(TEXT), source="rows")))
PREDICTED = {
    3: [0.55145901, 0.45781189, 0.68135035, 0.42304182],
    4: [0.60153180, 0.46634540, 0.62562013, 0.45755354],
}


@pytest.mark.parametrize("k", [3, 4])
def test_what_libffm_wrote_scores_as_libffm_does(k):
    model = read_libffm_model(GOLDEN / f"libffm-k{k}.model")
    assert (model.n_features, model.interactions.n_fields, model.n_factors) == (5, 3, k)
    assert model.interactions.normalize_rows
    np.testing.assert_allclose(model.predict(ROWS), PREDICTED[k], atol=2e-6)


@pytest.mark.parametrize("k", [3, 4])
def test_binary_bytes_differ_from_libffms_in_the_sums_alone(k, tmp_path):
    path = GOLDEN / f"libffm-k{k}.model"
    write_libffm_model(read_libffm_model(path), tmp_path / "model")
    theirs, ours = path.read_bytes(), (tmp_path / "model").read_bytes()
    assert ours[:13] == theirs[:13]
    blocks = [np.frombuffer(content, "<f4", offset=13).reshape(-1, 2, 4) for content in (theirs, ours)]
    np.testing.assert_array_equal(blocks[0][:, 0], blocks[1][:, 0])
    assert (blocks[1][:, 1] == 1).all()


def test_a_build_without_sse_is_read_too(tmp_path):
    factors = np.random.default_rng(0).random((5, 3, 4)).astype("<f4")
    pairs = np.stack([factors, 1 + factors], axis=-1)
    (tmp_path / "model").write_bytes(struct.pack("<iii?", 5, 3, 4, False) + pairs.tobytes())
    model = read_libffm_model(tmp_path / "model")
    np.testing.assert_array_equal(model.factors, factors)
    assert not model.interactions.normalize_rows


def test_the_text_of_earlier_versions(tmp_path):
    text = "n 2\nm 2\nk 3\nnormalization 1\nw0,0 1 2 3 \nw0,1 0.5 -1e-05 0 \nw1,0 4 5 6 \nw1,1 0 0 0.25 \n"
    (tmp_path / "model").write_text(text)
    model = read_libffm_model(tmp_path / "model")
    np.testing.assert_allclose(model.factors[0], [[1, 2, 3], [0.5, -1e-5, 0]])
    write_libffm_model(model, tmp_path / "again", form="text")
    again = (tmp_path / "again").read_text()
    assert again.split("\n")[:5] == text.split("\n")[:5]
    np.testing.assert_array_equal(read_libffm_model(tmp_path / "again").factors, model.factors)


@pytest.mark.parametrize("form", ["binary", "text"])
def test_an_estimator_goes_there_and_back(form, tmp_path):
    model = FactorizationMachineClassifier(
        3,
        interactions="field-aware",
        fit_intercept=False,
        fit_linear=False,
        normalize_rows=True,
        random_state=0,
    )
    model.fit(ROWS, ROWS.labels).to_libffm(tmp_path / "model", form=form)
    back = FactorizationMachineClassifier.from_libffm(tmp_path / "model")
    np.testing.assert_array_equal(back.predict_proba(ROWS), model.predict_proba(ROWS))
    assert back.intercept_ == 0
    assert not model.coef_.any()
    back.partial_fit(ROWS, ROWS.labels)


def test_what_libffm_cannot_hold_is_refused(tmp_path):
    model = read_libffm_model(GOLDEN / "libffm-k4.model")
    for wrong, message in (
        (replace(model, bias=0.5), "without bias, linear weights and calibration"),
        (replace(model, task="regression"), "field-aware classifier. Got field-aware, regression"),
        (replace(model, interactions=None), "Got pairwise"),
    ):
        with pytest.raises(UserError, match=message):
            write_libffm_model(wrong, tmp_path / "model")
    with pytest.raises(UserError, match="'form' must be binary or text"):
        write_libffm_model(model, tmp_path / "model", form="json")
    with pytest.raises(UserError, match="there must be a file"):
        read_libffm_model(tmp_path / "none")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"n 1\n", b"n x\nm 1\nk 1\nnormalization 0\n", b"n 1\nm 1\nk 1\nnormalization 2\nw0,0 1\n",
        b"n 1\nm 1\nk 1\nnormalization 0\n", b"n 1\nm 1\nk 1\nnormalization 0\nw0,1 1\n",
        b"n 1\nm 1\nk 1\nnormalization 0\nw0,0 1 2\n", b"n 1\nm 1\nk 1\nnormalization 0\nw0,0 one\n",
        b"n 1\nm 1\nk 1\nnormalization 0\nw0,0 nan\n", b"n 999999999\nm 65536\nk 65536\nnormalization 0\nw0,0 1\n",
        b"n -1\nm 1\nk 1\nnormalization 0\n", "n 1\nm 1\nk 1\nnormalization 0\nw0,0 ä\n".encode(),
        struct.pack("<iii?", 2**30, 2**15, 4, True), struct.pack("<iiib", 1, 1, 4, 7) + bytes(32),
        struct.pack("<iii?", 1, 1, 4, True) + bytes(31), struct.pack("<iii?", 1, 1, 4, True) + b"\xff" * 32,
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(content, tmp_path):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(DataError):
        read_libffm_model(tmp_path / "model")


@given(place=st.integers(0, 492), value=st.integers(0, 255))
def test_a_changed_byte_is_a_model_or_an_error(place, value, tmp_path_factory):
    content = bytearray((GOLDEN / "libffm-k3.model").read_bytes())
    content[place] = value
    path = tmp_path_factory.mktemp("changed") / "model"
    path.write_bytes(bytes(content))
    try:
        model = read_libffm_model(path)
    except DataError:
        return
    assert np.isfinite(model.blocks).all()
