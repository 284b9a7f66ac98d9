"""Askers and items brought into one space by two networks over what is known of each."""

from pairloom.recommenders.two_tower.two_tower import TwoTower

__all__ = ["TwoTower"]
