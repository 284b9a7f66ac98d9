"""Raw columns to sparse rows."""

from pairloom.encoding.encoder import FeatureEncoder
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text

__all__ = ["Bucket", "Date", "FeatureEncoder", "Id", "Multi", "Spec", "Standard", "Text"]
