"""The one table of specs: what learns each, and what a reader of files should make of its column."""

from __future__ import annotations

from typing import Any, Literal

from pairloom.encoding.bucket_feature import BucketFeature
from pairloom.encoding.date_feature import DateFeature
from pairloom.encoding.features import Feature
from pairloom.encoding.id_features import IdFeature, MultiFeature
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text
from pairloom.encoding.standard_feature import StandardFeature
from pairloom.encoding.text_feature import TextFeature

__all__ = ["FEATURES", "READ_AS", "feature_of"]

FEATURES: dict[type[Spec], Any] = {
    Id: IdFeature,
    Multi: MultiFeature,
    Bucket: BucketFeature,
    Standard: StandardFeature,
    Date: DateFeature,
    Text: TextFeature,
}

READ_AS: dict[type[Spec], Literal["id", "number", "text"]] = {
    Id: "id",
    Multi: "text",
    Bucket: "number",
    Standard: "number",
    Date: "id",
    Text: "text",
}


def feature_of(spec: Spec) -> Feature:
    """Begin to learn a column."""
    return FEATURES[type(spec)](spec)
