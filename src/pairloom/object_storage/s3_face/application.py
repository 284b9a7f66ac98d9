"""The S3 protocol over an object store, for requests whose signature was verified."""

from __future__ import annotations

import logging
from typing import BinaryIO

from pairloom.object_storage.errors import StorageError, StorageFullError
from pairloom.object_storage.interface import ObjectStore
from pairloom.object_storage.s3_face.bodies import LeftError
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault, error_xml, fault_of
from pairloom.object_storage.s3_face.requests import Answer, Receive, Request, Scope, Send
from pairloom.object_storage.s3_face.routing import operation_of

__all__ = ["S3Face"]

STEP_BYTES = 1 << 20
ONE_LINE = dict.fromkeys([*range(32), 127], " ")
"""A header that a client names in its query must not become two."""
LOG = logging.getLogger("pairloom.object_storage")


class S3Face:
    """An ASGI application.

    It gets path-style requests without aws-chunked; ``scope["pairloom"]`` is a
    `pairloom.object_storage.s3_face.requests.Context`. When the content of a request is not what was signed, `receive`
    raises in place of its last piece: nothing of it is kept, and the exception goes back to who called.

    Parameters
    ----------
    store : ObjectStore
    account_id : str
        Twelve digits: owner of every bucket.
    region : str
    """

    def __init__(
        self, store: ObjectStore, *, account_id: str = "000000000000", region: str = "us-east-1"
    ) -> None:
        self.face = Face(store, account_id, region)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id: str = scope["pairloom"].request_id
        try:
            request = Request.of(scope, receive)
            self.face.check_owner(request)
            answer = await operation_of(request)(self.face, request)
        except LeftError:
            return
        except (S3Fault, StorageError) as error:
            fault = fault_of(error) if isinstance(error, StorageError) else error
            answer = _refusal(fault, scope, request_id)
        except StorageFullError as error:
            LOG.error("request %s: %s", request_id, error)
            answer = _refusal(S3Fault("InsufficientStorage", str(error)), scope, request_id)
        except OSError:
            LOG.exception("request %s: %s %s", request_id, scope["method"], scope["path"])
            text = f"The object store failed; the service's log tells more of request {request_id}."
            answer = _refusal(S3Fault("InternalError", text), scope, request_id)
        await self._send(answer, scope["method"], request_id, send)

    async def _send(self, answer: Answer, method: str, request_id: str, send: Send) -> None:
        headers = {"x-amz-request-id": request_id, **answer.headers}
        if answer.status not in (204, 304):
            headers.setdefault("content-length", str(len(answer.body)))
        encoded = [
            (name.encode("latin-1"), value.translate(ONE_LINE).encode("latin-1", "replace"))
            for name, value in headers.items()
        ]
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
            if answer.file is not None:
                await self._send_file(answer.file, answer.n_bytes, send)
            body = b"" if method == "HEAD" else answer.body
            await send({"type": "http.response.body", "body": body})
        finally:
            if answer.file is not None:
                answer.file.close()

    async def _send_file(self, file: BinaryIO, n_bytes: int, send: Send) -> None:
        left = n_bytes
        while left:
            step = await self.face.in_thread(file.read, min(STEP_BYTES, left))
            left -= len(step)
            await send({"type": "http.response.body", "body": step, "more_body": True})

    def close(self) -> None:
        """End the threads."""
        self.face.threads.shutdown()


def _refusal(fault: S3Fault, scope: Scope, request_id: str) -> Answer:
    if fault.status == 304:
        return Answer(304, {"etag": f'"{fault.fields["ETag"]}"'})
    if scope["method"] == "HEAD":
        return Answer(fault.status, {"content-type": "application/xml"})
    headers = {"content-type": "application/xml"}
    if fault.code == "InvalidRange" and "ActualObjectSize" in fault.fields:
        headers["content-range"] = f"bytes */{fault.fields['ActualObjectSize']}"
    return Answer(fault.status, headers, error_xml(fault, scope["path"], request_id))
