"""Columns of a table of items or users as features that a model can multiply."""
