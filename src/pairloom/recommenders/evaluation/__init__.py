"""How good recommendations are: honest splits, metrics over the full catalogue, comparisons with their uncertainty."""

from pairloom.recommenders.evaluation.leaderboard import Leaderboard, compare
from pairloom.recommenders.evaluation.ranking import RankingReport, evaluate
from pairloom.recommenders.evaluation.splits import Split, leave_last_out, split_by_time, split_by_user

__all__ = [
    "Leaderboard",
    "RankingReport",
    "Split",
    "compare",
    "evaluate",
    "leave_last_out",
    "split_by_time",
    "split_by_user",
]
