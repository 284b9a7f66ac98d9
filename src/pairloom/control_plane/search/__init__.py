"""Search over every kind that says how it is told: `@searchable("TrainingJob", kind="training-job")`."""

from pairloom.control_plane.search.expression import matches
from pairloom.control_plane.search.records import Record, Searchable, searchable, searchable_of

__all__ = ["Record", "Searchable", "matches", "searchable", "searchable_of"]
