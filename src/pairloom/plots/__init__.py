"""Pictures of what a model learned; they need the extra ``plot``."""

from pairloom.plots.importance import draw_importance
from pairloom.plots.reliability import draw_reliability

__all__ = ["draw_importance", "draw_reliability"]
