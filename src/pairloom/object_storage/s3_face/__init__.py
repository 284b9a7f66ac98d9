"""S3's protocol over an object store."""

from pairloom.object_storage.s3_face.application import S3Face

__all__ = ["S3Face"]
