"""Raw columns to sparse rows."""

from pairloom.encoding.encoded_rows import EncodedRows
from pairloom.encoding.encoder import FeatureEncoder
from pairloom.encoding.relations import DaysSinceFirst, History, Related
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text

__all__ = [
    "Bucket",
    "Date",
    "DaysSinceFirst",
    "EncodedRows",
    "FeatureEncoder",
    "History",
    "Id",
    "Multi",
    "Related",
    "Spec",
    "Standard",
    "Text",
]
