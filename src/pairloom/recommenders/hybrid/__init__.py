"""Recommending by several models at once: each finds candidates, a factorization machine ranks them."""

from pairloom.recommenders.hybrid.hybrid import Hybrid

__all__ = ["Hybrid"]
