"""Batch transform: files of rows in, files of answers out, by the scoring path of the endpoint."""

from pairloom.serving.transform.job import TransformJob, TransformResult
from pairloom.serving.transform.settings import TransformSettings

__all__ = ["TransformJob", "TransformResult", "TransformSettings"]
