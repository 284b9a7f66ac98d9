"""Data with a planted factorization machine, so that the best possible score is known before training.

Random numbers come from a seed that is passed in: the same arguments give the same data.
"""

from pairloom.synthetic.browsing import BrowsingUsers
from pairloom.synthetic.clicks import ClickModel, PlantedClicks
from pairloom.synthetic.ratings import PlantedRatings, planted_ratings

__all__ = ["BrowsingUsers", "ClickModel", "PlantedClicks", "PlantedRatings", "planted_ratings"]
