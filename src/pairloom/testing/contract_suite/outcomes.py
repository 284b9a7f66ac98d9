"""What the checks look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.report import ChannelScored, Event
from pairloom.errors import UserError
from pairloom.rows import RowBatch

__all__ = ["assert_close", "assert_equal", "refused", "tested", "values_of"]


def refused(call: Callable[[], object]) -> str:
    """Return the message, in lower case, of the error that a call must raise."""
    try:
        call()
    except UserError as error:
        return str(error).lower()
    raise AssertionError("nothing was refused")


def tested(events: list[Event]) -> dict[str, float]:
    """Return the metrics of channel ``test``, which must be scored once and alone."""
    scored = [event for event in events if isinstance(event, ChannelScored)]
    assert [event.channel for event in scored] == ["test"]
    return dict(scored[0].metrics)


def assert_equal(first: Predictions, second: Predictions) -> None:
    """Compare answers bit for bit."""
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def assert_close(first: Predictions, second: Predictions) -> None:
    """Compare answers up to the rounding of float32."""
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], rtol=1e-4, atol=1e-5, err_msg=name)


def values_of(rows: RowBatch) -> npt.NDArray[np.float32]:
    """Return a copy of the values, ones where the rows name none."""
    return np.ones(len(rows.indices), np.float32) if rows.values is None else rows.values.copy()
