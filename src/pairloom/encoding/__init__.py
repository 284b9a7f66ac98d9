"""Raw columns to sparse rows."""

from pairloom.encoding.encoder import FeatureEncoder
from pairloom.encoding.relational import Related, RelationalEncoder
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text

__all__ = [
    "Bucket",
    "Date",
    "FeatureEncoder",
    "Id",
    "Multi",
    "Related",
    "RelationalEncoder",
    "Spec",
    "Standard",
    "Text",
]
