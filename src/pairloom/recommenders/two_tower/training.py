"""Training of the two towers."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pairloom.errors import DivergenceError, UserError
from pairloom.recommenders.history_means import mean_rows, shares_of
from pairloom.recommenders.interactions import Histories
from pairloom.recommenders.two_tower.batches import Batch, Loss, multi_label_batches, pair_batches
from pairloom.recommenders.two_tower.held_back import LIST_LENGTH, hold_back, mean_ndcg
from pairloom.recommenders.two_tower.network import TwoTowerNetwork
from pairloom.recommenders.two_tower.tower_inputs import TowerInputs

__all__ = ["Epoch", "Recipe", "Trained", "train"]

Float32Array = npt.NDArray[np.float32]
BLOCK_ROWS = 1 << 15


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; parameters as of `TwoTower`."""

    n_factors: int
    hidden: tuple[int, ...]
    normalize: bool
    temperature: float
    item_ids: bool
    user_ids: bool
    loss: Loss
    all_items: bool
    epochs: int
    batch_size: int
    learning_rate: float
    l2: float
    history_dropout: float
    id_dropout: float
    longest_history: int
    validation_share: float
    patience: int
    verbose: bool
    device: str
    n_threads: int
    seed: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """How a pass went: mean loss, NDCG@20 on what was held back (NaN without), seconds."""

    loss: float
    ndcg: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """What is kept of the network.

    Parameters
    ----------
    item_vectors : ndarray of shape (n_items, n_factors + 1), float32
        The last column is the bias.
    taken_vectors : ndarray of shape (n_items, n_factors), float32
        What an item adds to the mean of a history.
    user_vectors : ndarray of shape (n_users, n_factors), float32, or None
    new_item : ndarray of shape (n_factors + 1,), float32
        Vector of an item of which nothing is known.
    layers : list of pairs of ndarray
        Weights and biases of the askers' tower.
    epochs : list of Epoch
    """

    item_vectors: Float32Array
    taken_vectors: Float32Array
    user_vectors: Float32Array | None
    new_item: Float32Array
    layers: list[tuple[Float32Array, Float32Array]]
    epochs: list[Epoch]


def train(histories: Histories, items: TowerInputs, users: TowerInputs, recipe: Recipe) -> Trained:
    """Train both towers on histories.

    Raises
    ------
    DivergenceError
        If the loss leaves the finite numbers.
    """
    with _settings(recipe):
        return _Trainer(histories, items, users, recipe).run()


@contextmanager
def _settings(recipe: Recipe) -> Generator[None]:
    """Hold Torch to some threads and a seed, and put both back."""
    before = torch.get_num_threads()
    torch.set_num_threads(recipe.n_threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            yield
    finally:
        torch.set_num_threads(before)


class _Trainer:
    def __init__(self, histories: Histories, items: TowerInputs, users: TowerInputs, recipe: Recipe) -> None:
        self.recipe, self.items, self.users = recipe, items, users
        self.rng = np.random.default_rng(recipe.seed)
        self.known, self.asked = hold_back(histories, recipe.validation_share, self.rng)
        counts = np.bincount(self.known.items, minlength=histories.n_items)
        self.has_events, self.chances = counts > 0, counts / max(1, counts.sum())
        self.n_askers = max(1, int((np.diff(self.known.offsets) > 0).sum()))
        self.counts = counts
        self.network = self._network()
        self.optimizers = self._optimizers()

    def _network(self) -> TwoTowerNetwork:
        recipe = self.recipe
        network = TwoTowerNetwork(
            self.items, self.users, n_columns=recipe.n_factors, hidden=recipe.hidden, n_outputs=recipe.n_factors,
            normalize=recipe.normalize, temperature=recipe.temperature, item_ids=recipe.item_ids,
            user_ids=recipe.user_ids,
        )  # fmt: skip
        try:
            return network.to(recipe.device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(
                f"TwoTower: 'device' must be one that Torch has here. Got {recipe.device!r}: {error}."
            ) from error

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        sparse = self.network.sparse_parameters()
        large = {id(parameter) for parameter in sparse}
        dense = [parameter for parameter in self.network.parameters() if id(parameter) not in large]
        rate = self.recipe.learning_rate
        made: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(dense, lr=rate, weight_decay=self.recipe.l2, foreach=True)
        ]
        return [*made, torch.optim.SparseAdam(sparse, lr=rate)] if sparse else made

    def run(self) -> Trained:
        epochs: list[Epoch] = []
        best, best_ndcg, behind = None, -1.0, 0
        for number in range(1, self.recipe.epochs + 1):
            began = time.perf_counter()
            loss = self._epoch(number)
            ndcg = self._ndcg() if self.asked is not None else float("nan")
            epochs.append(Epoch(loss, ndcg, time.perf_counter() - began))
            if self.recipe.verbose:
                print(
                    f"TwoTower: epoch {number}, loss {loss:.4f}, NDCG@{LIST_LENGTH} {ndcg:.4f}, "
                    f"{epochs[-1].seconds:.1f} s",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
            if self.asked is None:
                continue
            if ndcg > best_ndcg:
                best, best_ndcg, behind = copy.deepcopy(self.network.state_dict()), ndcg, 0
            else:
                behind += 1
                if behind >= self.recipe.patience:
                    break
        if best is not None:
            self.network.load_state_dict(best)
        return self._kept(epochs)

    def _epoch(self, number: int) -> float:
        recipe, total, n_rows = self.recipe, 0.0, 0
        make = pair_batches if recipe.loss == "in-batch" else multi_label_batches
        batches = make(
            self.known, recipe.batch_size, recipe.history_dropout, recipe.longest_history, self.rng
        )
        for batch in batches:
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            loss = self._loss(batch)
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()
            value = float(loss.detach())
            if not np.isfinite(value):
                raise DivergenceError(
                    f"TwoTower: the loss left the finite numbers in epoch {number}. Lower 'learning_rate' "
                    f"(it is {recipe.learning_rate:g})."
                )
            total, n_rows = total + value * len(batch.users), n_rows + len(batch.users)
        return total / max(1, n_rows)

    def _loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of each asker's targets among the items of the step, its other items left out.

        An item comes into a step with chance q; its score less log q estimates its score among all items.

        References
        ----------
        Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019.
        """
        n_items, device = self.known.n_items, self.recipe.device
        among = np.arange(n_items) if self.recipe.all_items else np.unique(batch.targets).astype(np.int64)
        vectors, biases = self.network.item_vectors(among, self._ids_kept(among))
        scores = self.network.queries(self._inputs(batch.users, batch.histories)) @ vectors.T + biases
        if not self.recipe.all_items:
            scores = scores - torch.from_numpy(self._log_chances(among, batch)).to(device)
        place = np.full(n_items, -1, np.int64)
        place[among] = np.arange(len(among))
        shares = np.zeros(tuple(scores.shape), np.float32)
        shares[batch.target_rows, place[batch.targets]] = batch.target_weights
        open_ = np.ones(shares.shape, np.bool_)
        taken = place[batch.taken]
        open_[batch.taken_rows[taken >= 0], taken[taken >= 0]] = False
        open_ |= shares > 0
        totals = shares.sum(axis=1, keepdims=True)
        mean = totals.mean() if self.recipe.loss == "in-batch" else totals
        shares /= np.where(mean > 0, mean, 1)
        scores = scores.masked_fill(torch.from_numpy(~open_).to(device), float("-inf"))
        logs = functional.log_softmax(scores, dim=1)
        wanted = torch.from_numpy(shares).to(device)
        return -torch.where(wanted > 0, logs * wanted, 0.0).sum() / len(batch.users)

    def _log_chances(self, among: npt.NDArray[np.int64], batch: Batch) -> Float32Array:
        """Return the log of the chance that an item is among those of a step."""
        if self.recipe.loss == "in-batch":
            chances = self.chances[among]
            draws = len(batch.users)
        else:
            hidden = max(self.recipe.history_dropout, 1e-3)
            chances = np.minimum(self.counts[among] * hidden / self.n_askers, 1 - 1e-9)
            draws = len(batch.users)
        inside = -np.expm1(draws * np.log1p(-np.minimum(chances, 1 - 1e-9)))
        return np.log(np.maximum(inside, 1e-30)).astype(np.float32)

    def _ids_kept(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Leave some ids out, so that features alone can stand for an item."""
        return self.has_events[numbers] & (self.rng.random(len(numbers)) >= self.recipe.id_dropout)

    def _inputs(self, users: npt.NDArray[np.integer], histories: Histories) -> Tensor:
        """Return the sum of embeddings of askers in training."""
        items, places = np.unique(histories.items, return_inverse=True)
        numbers = items.astype(np.int64)
        device = self.recipe.device
        if len(items):
            vectors = self.network.taken(numbers, self.has_events[numbers])
            means = functional.embedding_bag(
                torch.from_numpy(places.astype(np.int64)).to(device), vectors,
                torch.from_numpy(histories.offsets[:-1]).to(device), mode="sum",
                per_sample_weights=torch.from_numpy(shares_of(histories)).to(device),
            )  # fmt: skip
        else:
            means = torch.zeros((len(users), self.recipe.n_factors), device=device)
        if self.network.users is None:
            return means
        kept = self.rng.random(len(users)) >= self.recipe.id_dropout
        return means + self.network.users(users.astype(np.int64), kept)

    @torch.no_grad()
    def _ndcg(self) -> float:
        """Return NDCG@20 over the whole catalogue on what was held back."""
        assert self.asked is not None
        vectors = self._all_items()
        users, held = self.asked
        shown = self.known.take(users)
        inputs = torch.from_numpy(self._all_means(shown)).to(self.recipe.device)
        if self.network.users is not None:
            inputs = inputs + self.network.users(users.astype(np.int64))
        queries = self.network.queries(inputs).cpu().numpy()
        return mean_ndcg(vectors[:, :-1], vectors[:, -1], queries, shown, held)

    def _all_items(self) -> Float32Array:
        blocks: list[Float32Array] = []
        for numbers in self._blocks(self.known.n_items):
            vectors, biases = self.network.item_vectors(numbers, self.has_events[numbers])
            blocks.append(torch.cat((vectors, biases[:, None]), dim=1).cpu().numpy())
        return np.concatenate(blocks)

    def _all_taken(self) -> Float32Array:
        return np.concatenate(
            [
                self.network.taken(numbers, self.has_events[numbers]).cpu().numpy()
                for numbers in self._blocks(self.known.n_items)
            ]
        )

    def _all_means(self, histories: Histories) -> Float32Array:
        return mean_rows(histories, self._all_taken())

    @staticmethod
    def _blocks(n_rows: int) -> Iterator[npt.NDArray[np.int64]]:
        for begin in range(0, n_rows, BLOCK_ROWS):
            yield np.arange(begin, min(begin + BLOCK_ROWS, n_rows))

    @torch.no_grad()
    def _kept(self, epochs: list[Epoch]) -> Trained:
        network = self.network
        nothing = torch.zeros((1, self.recipe.n_factors), device=self.recipe.device)
        new = network.item_layers(nothing)
        if network.normalize:
            new = functional.normalize(new, dim=1)
        users = None
        if network.users is not None:
            has_history = np.diff(self.known.offsets) > 0
            users = np.concatenate(
                [
                    network.users(numbers, has_history[numbers]).cpu().numpy()
                    for numbers in self._blocks(self.known.n_users)
                ]
            )
        linear: list[Any] = [layer for layer in network.query_layers if isinstance(layer, torch.nn.Linear)]
        return Trained(
            self._all_items(), self._all_taken(), users,
            torch.cat((new, network.item_bias(nothing)), dim=1)[0].cpu().numpy(),
            [(layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()) for layer in linear],
            epochs,
        )  # fmt: skip
