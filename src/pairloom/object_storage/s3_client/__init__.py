"""The object store in any S3."""

from pairloom.object_storage.s3_client.places import Target, target_of
from pairloom.object_storage.s3_client.store import S3Store

__all__ = ["S3Store", "Target", "target_of"]
