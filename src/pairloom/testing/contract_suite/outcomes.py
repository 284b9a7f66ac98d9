"""What the checks look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.report import ChannelScored, Event
from pairloom.errors import UserError

__all__ = ["assert_equal", "refused", "tested"]


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
