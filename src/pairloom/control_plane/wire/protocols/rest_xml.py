"""S3's errors. What S3 reads and answers is the object store's own."""

from __future__ import annotations

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.protocols.xml_values import element, xml_text

__all__ = ["s3_error"]


def s3_error(error: AwsError, request_id: str, *, bare: bool) -> Answer:
    """Write ``<Error>``; an answer to HEAD is `bare`, without a body."""
    inside = element("Code", xml_text(error.code)) + element("Message", xml_text(error.message))
    inside += "".join(element(name, xml_text(str(value))) for name, value in error.fields.items())
    inside += element("RequestId", request_id)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{element("Error", inside)}'.encode()
    headers = {"content-type": "application/xml", "x-amz-request-id": request_id}
    return Answer(error.status or 400, b"" if bare else body, headers)
