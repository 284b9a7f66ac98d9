"""Data capture of an endpoint: from what a configuration asks for to objects in S3."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.control_plane.hosted.locations import parse_s3_url
from pairloom.hosting.capture import CaptureSettings, CaptureWriter
from pairloom.object_storage import Attributes

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["capture_settings", "capture_writer"]

JSON_LINES = Attributes(content_type="application/jsonlines")


def capture_settings(asked: Mapping[str, Any]) -> CaptureSettings:
    """Read a ``DataCaptureConfig``."""
    modes = {option["CaptureMode"] for option in asked["CaptureOptions"]}
    types = asked.get("CaptureContentTypeHeader", {})
    return CaptureSettings(
        percentage=float(asked["InitialSamplingPercentage"]),
        inputs=bool(modes & {"Input", "InputAndOutput"}),
        outputs=bool(modes & {"Output", "InputAndOutput"}),
        csv_types=tuple(each.lower() for each in types.get("CsvContentTypes", [])),
        json_types=tuple(each.lower() for each in types.get("JsonContentTypes", [])),
    )


def capture_writer(service: Service, endpoint: str, variant: str, asked: Mapping[str, Any]) -> CaptureWriter:
    """Return what writes down the requests of a variant, to ``DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/``."""
    bucket, prefix = parse_s3_url(asked["DestinationS3Uri"], "DestinationS3Uri")
    home = "/".join(part for part in (prefix.rstrip("/"), endpoint, variant) if part)
    spool = service.data / "capture" / endpoint / variant

    def hand_on(path: Path, key: str) -> None:
        service.objects.put(bucket, f"{home}/{key}", path, attributes=JSON_LINES)

    return CaptureWriter(
        spool,
        capture_settings(asked),
        random.SystemRandom(),
        hand_on,
        longest_s=service.settings.capture_flush_s,
    )
