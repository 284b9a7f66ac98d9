"""Exposure and feedback: what was shown, what came of it, and what that says about what was not shown."""

from pairloom.exposure.events import Feedback, Impressions
from pairloom.exposure.exploration import EpsilonGreedy, PlackettLuce, Ranking, Thompson
from pairloom.exposure.intervals import Estimate
from pairloom.exposure.joined import JoinCounts, JoinedLog, read_exposures
from pairloom.exposure.lists import (
    compare_rankings,
    evaluate_lists,
    evaluate_positions,
    evaluate_ranking,
    expected_examination,
    explored_examination,
)
from pairloom.exposure.log import ExposureLog, LogStatus, recover
from pairloom.exposure.modelled_relevance import fit_position_bias_by_model
from pairloom.exposure.off_policy import (
    LoggedActions,
    direct_method,
    doubly_robust,
    evaluate_policy,
    ips,
    naive_mean,
    snips,
    switch_doubly_robust,
)
from pairloom.exposure.position_bias import Examination, fit_position_bias, position_bias_of
from pairloom.exposure.reward_model import cross_fitted
from pairloom.exposure.sending import send_waiting
from pairloom.exposure.sinks import KafkaTopics, Record, RedisStreams, Sink, sink_of
from pairloom.exposure.swaps import RandomSwaps, fit_swaps, swaps_of
from pairloom.exposure.weights import inverse_propensity_weights, relevance_targets

__all__ = [
    "EpsilonGreedy",
    "Estimate",
    "Examination",
    "ExposureLog",
    "Feedback",
    "Impressions",
    "JoinCounts",
    "JoinedLog",
    "KafkaTopics",
    "LogStatus",
    "LoggedActions",
    "PlackettLuce",
    "RandomSwaps",
    "Ranking",
    "Record",
    "RedisStreams",
    "Sink",
    "Thompson",
    "compare_rankings",
    "cross_fitted",
    "direct_method",
    "doubly_robust",
    "evaluate_lists",
    "evaluate_policy",
    "evaluate_positions",
    "evaluate_ranking",
    "expected_examination",
    "explored_examination",
    "fit_position_bias",
    "fit_position_bias_by_model",
    "fit_swaps",
    "inverse_propensity_weights",
    "ips",
    "naive_mean",
    "position_bias_of",
    "read_exposures",
    "recover",
    "relevance_targets",
    "send_waiting",
    "sink_of",
    "snips",
    "swaps_of",
    "switch_doubly_robust",
]
