"""The tower of the askers without Torch: a few matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["QueryTower"]

Float32Array = npt.NDArray[np.float32]
SMALLEST_LENGTH = 1e-12


@dataclass(frozen=True, slots=True)
class QueryTower:
    """Layers over the sum of an asker's embeddings, with rectifiers between them.

    Parameters
    ----------
    weights, biases : tuples of ndarray
        Of each layer, of shapes (n_outputs, n_inputs) and (n_outputs,), float32.
    normalize : bool
        Whether what comes out is brought to length 1.
    temperature : float
        It is divided by this.
    """

    weights: tuple[Float32Array, ...]
    biases: tuple[Float32Array, ...]
    normalize: bool
    temperature: float

    def __call__(self, inputs: Float32Array) -> Float32Array:
        """Return the queries of askers, of shape (n_askers, n_outputs + 1); the last column is 1, for items' biases."""
        outputs, _ = self._through(inputs)
        if self.normalize:
            lengths = np.linalg.norm(outputs, axis=1, keepdims=True)
            outputs = outputs / np.maximum(lengths, SMALLEST_LENGTH)
        ones = np.ones((len(outputs), 1), np.float32)
        return np.concatenate((outputs / np.float32(self.temperature), ones), axis=1)

    def slope(self, inputs: Float32Array, item: Float32Array) -> Float32Array:
        """Return the gradient of the score of one item, with vector `item`, at one asker's inputs."""
        outputs, active = self._through(inputs[None, :])
        direction = item[:-1] / np.float32(self.temperature)
        if self.normalize:
            length = max(float(np.linalg.norm(outputs[0])), SMALLEST_LENGTH)
            unit = outputs[0] / length
            direction = (direction - (unit @ direction) * unit) / np.float32(length)
        for weights, mask in zip(reversed(self.weights), [*reversed(active), None], strict=True):
            direction = direction @ weights
            if mask is not None:
                direction = direction * mask
        return direction.astype(np.float32)

    def _through(self, inputs: Float32Array) -> tuple[Float32Array, list[npt.NDArray[np.bool_]]]:
        """Return what comes out, and which hidden units of the first asker are above 0."""
        active: list[npt.NDArray[np.bool_]] = []
        values = inputs
        for place, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weights.T + biases
            if place < len(self.weights) - 1:
                active.append(values[0] > 0)
                values = np.maximum(values, 0)
        return values, active

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the layers, for the model file."""
        found: dict[str, npt.NDArray[Any]] = {}
        for place, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            found |= {f"layer.{place}.weights": weights, f"layer.{place}.biases": biases}
        return found

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], sizes: list[int], normalize: bool, temperature: float
    ) -> QueryTower:
        """Undo `to_arrays`; KeyError or ValueError for what it never returned.

        Parameters
        ----------
        arrays : mapping
        sizes : list of int
            Columns of the inputs, of each hidden layer and of the outputs.
        normalize : bool
        temperature : float
        """
        weights: list[Float32Array] = []
        biases: list[Float32Array] = []
        for place in range(len(sizes) - 1):
            weights.append(np.array(arrays[f"layer.{place}.weights"]))
            biases.append(np.array(arrays[f"layer.{place}.biases"]))
            if weights[-1].shape != (sizes[place + 1], sizes[place]) or biases[-1].shape != (
                sizes[place + 1],
            ):
                raise ValueError("layers that do not fit one another")
        if any(array.dtype != np.float32 for array in (*weights, *biases)):
            raise ValueError("layers that are not float32")
        return cls(tuple(weights), tuple(biases), normalize, temperature)
