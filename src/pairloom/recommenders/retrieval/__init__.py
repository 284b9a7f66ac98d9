"""Finding the items with the largest products: exactly, from 8-bit codes, or through a graph of neighbours."""

from pairloom.recommenders.retrieval.building import RETRIEVALS, Retrieval, build_index, restore_index
from pairloom.recommenders.retrieval.exact import ExactIndex
from pairloom.recommenders.retrieval.int8 import Int8Index
from pairloom.recommenders.retrieval.item_index import ItemIndex, Recall
from pairloom.recommenders.retrieval.neighbour_graph import NeighbourGraph

__all__ = [
    "RETRIEVALS",
    "ExactIndex",
    "Int8Index",
    "ItemIndex",
    "NeighbourGraph",
    "Recall",
    "Retrieval",
    "build_index",
    "restore_index",
]
