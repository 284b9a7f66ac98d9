"""The picture of a learning curve."""

import sys

import pytest

from pairloom.cli.learning_curve import draw_learning_curve
from pairloom.errors import MissingExtraError

CURVES = {"training": [1.0, 0.9, 0.85], "test": [1.05, 0.97, 0.95]}


def test_draws_what_the_ending_says(tmp_path):
    png, svg = tmp_path / "curve.png", tmp_path / "curve.svg"
    draw_learning_curve(CURVES, {"best possible": 0.85}, [png, svg], title="A title", quantity="RMSE")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    text = svg.read_text()
    assert "<svg" in text
    assert "best possible (0.8500)" in text


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pairloom\[plot\]'"):
        draw_learning_curve(CURVES, {}, [tmp_path / "curve.png"], title="", quantity="")
