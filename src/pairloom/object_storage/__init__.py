"""Where the service keeps data sets and models: buckets of objects, in a folder or in any S3."""

from pairloom.object_storage.folder import FolderStore
from pairloom.object_storage.interface import ObjectStore, Source, Staged
from pairloom.object_storage.objects import (
    Attributes,
    BucketInfo,
    Condition,
    Listing,
    ObjectInfo,
    PartInfo,
    UploadInfo,
)
from pairloom.object_storage.opening import open_object_store

__all__ = [
    "Attributes",
    "BucketInfo",
    "Condition",
    "FolderStore",
    "Listing",
    "ObjectInfo",
    "ObjectStore",
    "PartInfo",
    "Source",
    "Staged",
    "UploadInfo",
    "open_object_store",
]
