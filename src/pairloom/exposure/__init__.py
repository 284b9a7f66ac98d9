"""Exposure and feedback: what was shown, what came of it, and what that says about what was not shown."""

from pairloom.exposure.events import Feedback, Impressions
from pairloom.exposure.joined import JoinCounts, JoinedLog, read_exposures
from pairloom.exposure.log import ExposureLog, LogStatus, recover

__all__ = [
    "ExposureLog",
    "Feedback",
    "Impressions",
    "JoinCounts",
    "JoinedLog",
    "LogStatus",
    "read_exposures",
    "recover",
]
