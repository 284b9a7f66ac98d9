"""Recommending by what items are, not by who took them."""

from pairloom.recommenders.content.content_based import ContentBased

__all__ = ["ContentBased"]
