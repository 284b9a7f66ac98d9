"""MovieLens ratings in every layout that GroupLens has published them in.

================  ====================  ==========================================
data set          ratings               layout
================  ====================  ==========================================
100K              ``u.data``            tab-separated, with five official splits
1M, 10M           ``ratings.dat``       ``user::item::rating::time``
latest, 20M-32M   ``ratings.csv``       with a header
================  ====================  ==========================================

Every file may be compressed (``.gz``), and the folder may hold the data set's folder.

References
----------
Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015.
"""

from pairloom.movielens.films_and_users import MovieLensTables, read_movielens_tables
from pairloom.movielens.held_out import MovieLens, read_movielens

__all__ = ["MovieLens", "MovieLensTables", "read_movielens", "read_movielens_tables"]
