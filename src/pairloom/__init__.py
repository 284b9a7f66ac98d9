"""Pairloom: the recommender workbench people own."""
