"""Clicks counted by what was shown and where, which is all that the position-based model needs of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.sums import summed

__all__ = ["ClickCells", "checked_clicks", "checked_positions", "connected_parts", "counted_cells"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClickCells:
    """Counts of each pair of group and position.

    Parameters
    ----------
    group, position : ndarray of shape (n_cells,), int64
        From 0.
    shown, clicked : ndarray of shape (n_cells,), float64
    n_groups, n_positions, n_requests : int
    cell_of_row, request_of_row : ndarray of shape (n_rows,), int64
    click_of_row : ndarray of shape (n_rows,), float64
    """

    group: Int64Array
    position: Int64Array
    shown: Float64Array
    clicked: Float64Array
    n_groups: int
    n_positions: int
    n_requests: int
    cell_of_row: Int64Array
    request_of_row: Int64Array
    click_of_row: Float64Array

    def drawn(self, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """Return counts of as many requests, drawn with replacement."""
        times = np.bincount(rng.integers(0, self.n_requests, self.n_requests), minlength=self.n_requests)
        weights = times[self.request_of_row].astype(np.float64)
        n_cells = len(self.group)
        shown = summed(self.cell_of_row, weights, n_cells)
        return shown, summed(self.cell_of_row, weights * self.click_of_row, n_cells)

    def check_connected(self) -> None:
        """Raise UserError unless groups tie all positions to the first."""
        clicked = summed(self.group, self.clicked, self.n_groups) > 0
        useful = clicked[self.group]
        edges = self.group[useful] + self.n_positions
        part = connected_parts(self.position[useful], edges, self.n_positions + self.n_groups)[
            : self.n_positions
        ]
        apart = np.flatnonzero(part != part[0])
        if len(apart):
            raise UserError(
                f"Position bias: every position must share things that were clicked with others. Got none that tie "
                f"position {int(apart[0]) + 1} to position 1. Show the same things at different positions: randomise a "
                "little, as RandomSwaps does."
            )


def counted_cells(groups: Any, positions: Any, clicks: Any, requests: Any = None) -> ClickCells:
    """Count clicks by group and position; DataError for what is no click or no position."""
    clicked = checked_clicks(clicks)
    place = checked_positions(positions, len(clicked)) - 1
    found, group = np.unique(np.asarray(groups), return_inverse=True)
    n_requests, request = len(clicked), np.arange(len(clicked), dtype=np.int64)
    if requests is not None:
        known, request = np.unique(np.asarray(requests), return_inverse=True)
        n_requests = len(known)
    for name, column in (("groups", group), ("requests", request)):
        if column.shape != clicked.shape:
            raise UserError(f"Position bias: {name!r} must be of shape {clicked.shape}. Got {column.shape}.")
    n_positions = int(place.max()) + 1
    keys, cell = np.unique(group.astype(np.int64) * n_positions + place, return_inverse=True)
    return ClickCells(
        keys // n_positions,
        keys % n_positions,
        np.bincount(cell, minlength=len(keys)).astype(np.float64),
        summed(cell, clicked, len(keys)),
        len(found),
        n_positions,
        n_requests,
        cell.astype(np.int64),
        request.astype(np.int64),
        clicked,
    )


def checked_clicks(clicks: Any) -> Float64Array:
    """Return clicks as numbers; DataError for one that is not 0 or 1, and for none at all."""
    found = np.asarray(clicks, np.float64)
    if found.ndim != 1 or not len(found):
        raise DataError("clicks of shape (n_rows,), one or more", source="clicks", got=str(found.shape))
    wrong = (found != 0) & (found != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError("0 or 1", source="clicks", row=row + 1, got=f"{found[row]:g}")
    return found


def checked_positions(positions: Any, n_rows: int) -> Int64Array:
    """Return positions as integers; DataError for one that is none, or below 1."""
    found = np.asarray(positions)
    if found.shape != (n_rows,):
        raise DataError(f"positions of shape ({n_rows},)", source="positions", got=str(found.shape))
    whole = found.astype(np.int64)
    wrong = (whole != found) | (whole < 1) | (whole > 1_000_000)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError("a position from 1", source="positions", row=row + 1, got=str(found[row]))
    return whole


def connected_parts(first: Int64Array, second: Int64Array, n_nodes: int) -> Int64Array:
    """Return a number of the connected part of each node of a graph, by propagating the least number."""
    label = np.arange(n_nodes)
    while True:
        least = np.minimum(label[first], label[second])
        new = label.copy()
        np.minimum.at(new, first, least)
        np.minimum.at(new, second, least)
        new = new[new]
        if (new == label).all():
            return label
        label = new
