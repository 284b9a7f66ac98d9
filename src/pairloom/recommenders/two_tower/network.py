"""The two towers in Torch, for training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from pairloom.recommenders.two_tower.tower_inputs import TowerInputs

__all__ = ["Embeddings", "TwoTowerNetwork", "layers"]

LARGE_TABLE = 1 << 22
Int64Array = npt.NDArray[np.int64]


class Embeddings(nn.Module):
    """The sum of an id's vector and those of its features: the first layer over all of them, one-hot.

    Parameters
    ----------
    inputs : TowerInputs
    n_columns : int
    ids : bool
        Whether every id has a vector of its own.
    """

    def __init__(self, inputs: TowerInputs, n_columns: int, *, ids: bool) -> None:
        super().__init__()
        self._inputs, self.n_columns = inputs, n_columns
        n_rows, n_features = inputs.rows.n_rows, inputs.rows.n_features
        scale = n_columns**-0.5
        self.ids = self._table(nn.Embedding, n_rows, scale) if ids else None
        self.features = self._table(nn.EmbeddingBag, n_features, scale, mode="sum") if n_features else None
        width = inputs.vectors.shape[1]
        self.vectors = nn.Linear(width, n_columns, bias=False) if width else None

    def _table(self, kind: Any, n_rows: int, scale: float, **options: Any) -> Any:
        table = kind(max(1, n_rows), self.n_columns, sparse=n_rows * self.n_columns > LARGE_TABLE, **options)
        nn.init.normal_(table.weight, std=scale)
        return table

    def forward(self, numbers: Int64Array, known: npt.NDArray[np.bool_] | None = None) -> Tensor:
        """Return vectors of items or users, of shape (n, n_columns); ids that are not `known` count nothing."""
        device = self._device()
        total = torch.zeros((len(numbers), self.n_columns), device=device)
        if self.ids is not None:
            own = self.ids(torch.from_numpy(numbers).to(device))
            if known is not None:
                own = own * torch.from_numpy(known.astype(np.float32)).to(device)[:, None]
            total = total + own
        if self.features is not None:
            part = self._inputs.rows.take(numbers)
            total = total + self.features(
                torch.from_numpy(part.features.astype(np.int64)).to(device),
                torch.from_numpy(part.offsets[:-1]).to(device),
                per_sample_weights=torch.from_numpy(part.values).to(device),
            )
        if self.vectors is not None:
            total = total + self.vectors(torch.from_numpy(self._inputs.vectors[numbers]).to(device))
        return total

    def _device(self) -> torch.device:
        return next((parameter.device for parameter in self.parameters()), torch.device("cpu"))


def layers(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers from each size to the next, with rectifiers between them."""
    made: list[nn.Module] = []
    for before, after in pairwise(sizes):
        made += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*made[:-1])


class TwoTowerNetwork(nn.Module):
    """An item's vector and bias from what it is; an asker's from the items of the history and who it is."""

    def __init__(
        self,
        items: TowerInputs,
        users: TowerInputs,
        *,
        n_columns: int,
        hidden: Sequence[int],
        n_outputs: int,
        normalize: bool,
        temperature: float,
        item_ids: bool,
        user_ids: bool,
    ) -> None:
        super().__init__()
        sizes = [n_columns, *hidden, n_outputs]
        self.items = Embeddings(items, n_columns, ids=item_ids)
        self.item_layers, self.item_bias = layers(sizes), nn.Linear(n_columns, 1)
        self.taken = Embeddings(items, n_columns, ids=item_ids)
        self.users = Embeddings(users, n_columns, ids=user_ids) if users.any or user_ids else None
        self.query_layers = layers(sizes)
        self.normalize, self.temperature = normalize, temperature

    def item_vectors(
        self, numbers: Int64Array, known: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return vectors and biases of items."""
        inputs = self.items(numbers, known)
        outputs = self.item_layers(inputs)
        if self.normalize:
            outputs = functional.normalize(outputs, dim=1)
        return outputs, self.item_bias(inputs)[:, 0]

    def queries(self, inputs: Tensor) -> Tensor:
        """Return vectors of askers, divided by the temperature, from the sum of their embeddings."""
        outputs = self.query_layers(inputs)
        if self.normalize:
            outputs = functional.normalize(outputs, dim=1)
        return outputs / self.temperature

    def sparse_parameters(self) -> list[nn.Parameter]:
        """Tables so large that only the rows in use are updated."""
        tables = [module for module in self.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
        return [cast(nn.Parameter, table.weight) for table in tables if table.sparse]
