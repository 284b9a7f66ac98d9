"""The recommenders by name."""

from __future__ import annotations

from collections.abc import Sequence

from pairloom.errors import UserError
from pairloom.recommenders.bpr import BPR
from pairloom.recommenders.content import ContentBased
from pairloom.recommenders.ease import EASE
from pairloom.recommenders.factorization import FactorizationMachineRecommender
from pairloom.recommenders.hybrid import Hybrid
from pairloom.recommenders.implicit_als import ImplicitALS
from pairloom.recommenders.item_to_item import ItemToItem
from pairloom.recommenders.matrix_factorization import MatrixFactorization
from pairloom.recommenders.popularity import Popularity
from pairloom.recommenders.random_items import RandomItems
from pairloom.recommenders.recommender import Recommender
from pairloom.recommenders.slim import SLIM
from pairloom.recommenders.two_tower import TwoTower
from pairloom.recommenders.warp import WARP

__all__ = ["recommender_names", "recommender_type"]

TYPES: Sequence[type[Recommender]] = (
    ItemToItem, EASE, ImplicitALS, SLIM, BPR, WARP, MatrixFactorization, FactorizationMachineRecommender, Hybrid,
    ContentBased, TwoTower, Popularity, RandomItems,
)  # fmt: skip


def recommender_names() -> list[str]:
    """List the names."""
    return [kind.name for kind in TYPES]


def recommender_type(name: str) -> type[Recommender]:
    """Return the class of a name; UserError for one that there is not."""
    for kind in TYPES:
        if kind.name == name:
            return kind
    raise UserError(f"Recommender: 'model' must be one of {', '.join(recommender_names())}. Got {name!r}.")
