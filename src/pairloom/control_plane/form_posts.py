"""What becomes of a form that was let in: a PutObject, and the answer that a web page waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.form_uploads import FormUpload
from pairloom.control_plane.wire.protocols.xml_values import element, xml_text
from pairloom.control_plane.wire.request import Receive, Scope, Send
from pairloom.control_plane.wire.s3_requests import S3Context

__all__ = ["keep_form_upload"]


async def keep_form_upload(
    face: Callable[[Scope, Receive, Send], Awaitable[None]],
    scope: Scope,
    upload: FormUpload,
    bucket: str,
    request_id: str,
) -> Answer:
    """Have the object store keep the file.

    Parameters
    ----------
    face : ASGI application
        Answers verified requests to S3.
    scope : ASGI scope
        Of the form.
    upload : FormUpload
    bucket : str
    request_id : str

    Returns
    -------
    Answer
        As the form asks for it (``success_action_status``, ``success_action_redirect``); or the store's refusal.
    """
    path = f"/{bucket}/{upload.key}"
    headers = {"content-length": str(len(upload.content)), **upload.headers}
    put: Scope = {
        **scope,
        "method": "PUT",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": b"",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()
        ],
        "pairloom": S3Context(upload.access_key, request_id, upload.region),
    }
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": upload.content, "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await face(put, receive, send)
    kept = {name.decode("latin-1"): value.decode("latin-1") for name, value in said[0]["headers"]}
    if said[0]["status"] != 200:
        body = b"".join(message.get("body", b"") for message in said[1:])
        return Answer(said[0]["status"], body, {k: v for k, v in kept.items() if k != "content-length"})
    return _done(upload, bucket, path, kept)


def _done(upload: FormUpload, bucket: str, path: str, kept: dict[str, str]) -> Answer:
    headers = {"etag": kept["etag"], "location": quote(path)}
    redirect = upload.fields.get("success_action_redirect", "")
    if urlsplit(redirect).scheme in ("http", "https"):
        found = urlencode({"bucket": bucket, "key": upload.key, "etag": kept["etag"]})
        return Answer(303, b"", headers | {"location": f"{redirect}{'&' if '?' in redirect else '?'}{found}"})
    status = upload.fields.get("success_action_status")
    if status != "201":
        return Answer(200 if status == "200" else 204, b"", headers)
    inside = "".join(
        element(name, xml_text(value))
        for name, value in (
            ("Location", quote(path)), ("Bucket", bucket), ("Key", upload.key), ("ETag", kept["etag"]),
        )
    )  # fmt: skip
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{element("PostResponse", inside)}'.encode()
    return Answer(201, body, headers | {"content-type": "application/xml"})
