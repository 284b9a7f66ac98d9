"""The object store in a folder of this machine."""

from pairloom.object_storage.folder.store import FolderStore

__all__ = ["FolderStore"]
