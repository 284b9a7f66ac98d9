"""Recommenders: from who took what to the right items, with reasons."""

from pairloom.recommenders.bpr import BPR
from pairloom.recommenders.content import ContentBased
from pairloom.recommenders.ease import EASE
from pairloom.recommenders.factorization import FactorizationMachineRecommender
from pairloom.recommenders.hybrid import Hybrid
from pairloom.recommenders.implicit_als import ImplicitALS
from pairloom.recommenders.interactions import Columns
from pairloom.recommenders.item_to_item import ItemToItem
from pairloom.recommenders.matrix_factorization import MatrixFactorization
from pairloom.recommenders.model_file import load_recommender, save_recommender
from pairloom.recommenders.popularity import Popularity
from pairloom.recommenders.random_items import RandomItems
from pairloom.recommenders.recommendations import Recommendations
from pairloom.recommenders.slim import SLIM
from pairloom.recommenders.two_tower import TwoTower
from pairloom.recommenders.warp import WARP

__all__ = [
    "BPR",
    "EASE",
    "SLIM",
    "WARP",
    "Columns",
    "ContentBased",
    "FactorizationMachineRecommender",
    "Hybrid",
    "ImplicitALS",
    "ItemToItem",
    "MatrixFactorization",
    "Popularity",
    "RandomItems",
    "Recommendations",
    "TwoTower",
    "load_recommender",
    "save_recommender",
]
