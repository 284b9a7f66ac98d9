"""Recommending by factorization machines with features of users, items and requests."""

from pairloom.recommenders.factorization.machine import FactorizationMachineRecommender

__all__ = ["FactorizationMachineRecommender"]
