"""The ASGI application: one port for every service.

A request's service is found, its signature verified, its body read and checked; then it goes to the operation, or
to the object store if it is for S3.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import unquote

from pairloom.control_plane import resources
from pairloom.control_plane.form_posts import keep_form_upload
from pairloom.control_plane.operations import Call, Principal, handler_of
from pairloom.control_plane.service import Service
from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.awaited_content import closing_where_awaited
from pairloom.control_plane.wire.errors import AwsError, told_to_clients
from pairloom.control_plane.wire.form_uploads import is_form_upload, read_form_upload
from pairloom.control_plane.wire.models import WireService, wire_service
from pairloom.control_plane.wire.protocols import error_answer, protocol_of, validation_code
from pairloom.control_plane.wire.protocols.query import form_of
from pairloom.control_plane.wire.request import BodyRoom, Receive, RequestHead, Scope, Send, read_body
from pairloom.control_plane.wire.routing import S3, likely_service, named_operation, service_of
from pairloom.control_plane.wire.s3_requests import path_style, verified_s3
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError, refusal
from pairloom.control_plane.wire.signatures.verification import Claim, admitted, claim_of, verify
from pairloom.control_plane.wire.signatures.version2 import OlderClaim, older_claim_of
from pairloom.control_plane.wire.unoffered import answer_unoffered
from pairloom.control_plane.wire.validation import check_input
from pairloom.object_storage.s3_face import S3Face

__all__ = ["Application", "Asgi"]

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
MAX_BODY_BYTES = {"sagemaker-runtime": 32 << 20}
DEFAULT_MAX_BODY_BYTES = 8 << 20
ALL_BODIES_BYTES = 512 << 20
"""Of all requests together whose bodies are in memory; those to S3 are not."""
HEALTH = "/_pairloom/health"
CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
LOG = logging.getLogger("pairloom.control_plane")

assert resources.__name__  # importing it offers the operations


class Application:
    """Answers requests to every service.

    Parameters
    ----------
    service : Service
    s3_face : ASGI application, optional
        Answers verified requests to S3; see `pairloom.control_plane.wire.s3_requests` for what it gets. By default
        the face of the service's object store.
    """

    def __init__(self, service: Service, s3_face: Asgi | None = None) -> None:
        self.service = service
        self._room = BodyRoom(ALL_BODIES_BYTES)
        self.s3_face = s3_face or S3Face(
            service.objects, account_id=service.account_id, region=service.region
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"The service speaks HTTP, not {scope['type']}.")
        if scope["path"] == HEALTH:
            await _send(send, Answer(200, b'{"status": "ok"}', {"content-type": "application/json"}))
            return
        receive, send = closing_where_awaited(scope, receive, send)
        request_id = str(uuid.uuid4())
        started = False

        async def send_noting(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        service_id, head = None, None
        try:
            head = RequestHead.of(scope)
            claim, refused = _claim(head)
            service_id = service_of(head, claim.service if isinstance(claim, Claim) else None)
            if isinstance(claim, OlderClaim):
                service_id = S3
            try:
                if claim is None and not (service_id == S3 and is_form_upload(head)):
                    raise refused
                await self._let_in(
                    service_id, scope, head, claim, receive=receive, send=send_noting, request_id=request_id
                )
            except SignatureRefusedError as error:
                raise refusal(service_id, error) from error
        except AwsError as error:
            if started:
                raise
            await _send(send, _refusal(service_id, error, request_id, head, scope["method"]))
        except Exception as error:
            told = told_to_clients(error, request_id)
            if told.status != 400:
                LOG.exception("request %s: %s %s", request_id, scope["method"], scope["path"])
            if started:
                raise
            await _send(send, _refusal(service_id, told, request_id, head, scope["method"]))

    async def _let_in(
        self,
        service_id: str,
        scope: Scope,
        head: RequestHead,
        claim: Claim | OlderClaim | None,
        *,
        receive: Receive,
        send: Send,
        request_id: str,
    ) -> None:
        """Send a request where it belongs; there its claim, or the policy of a form, is verified first of all."""
        if claim is None:
            await _send(send, await self._answer_form(scope, head, receive, request_id))
        elif service_id == S3 or isinstance(claim, OlderClaim):
            await self._answer_s3(scope, head, claim, receive, send, request_id=request_id)
        else:
            await _send(send, await self._answer(wire_service(service_id), head, claim, receive, request_id))

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop what goes on beside requests, when the server says so."""
        await receive()
        try:
            await self.service.start()
        except Exception as error:
            LOG.exception("start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(
        self, service: WireService, head: RequestHead, claim: Claim, receive: Receive, request_id: str
    ) -> Answer:
        key = admitted(head, claim, self._secret_of, self.service.clock())
        limit = MAX_BODY_BYTES.get(service.id, DEFAULT_MAX_BODY_BYTES)
        with self._room.place() as place:
            body = await read_body(head, receive, limit, place)
            verify(head, claim, key, hashlib.sha256(body).hexdigest(), is_s3=False)
            return await self._operate(service, head, claim.access_key, body, request_id)

    async def _operate(
        self, service: WireService, head: RequestHead, access_key: str, body: bytes, request_id: str
    ) -> Answer:
        protocol = protocol_of(service, head)
        form = form_of(head, body) if protocol.has_form else {}
        target = named_operation(service, head, form)
        handler = handler_of(service.id, target.operation.name)
        if handler is None:
            return protocol.answer(target, answer_unoffered(target), request_id)
        values = protocol.read(target, head, body)
        check_input(target.operation.input_shape, values, validation_code(service))
        call = Call(values, self.service, self._principal(access_key), head.headers, request_id)
        if inspect.iscoroutinefunction(handler):
            output = await handler(call)
        else:
            output = await asyncio.to_thread(cast("Callable[[Call], dict[str, Any]]", handler), call)
        return protocol.answer(target, output, request_id)

    async def _answer_s3(
        self,
        scope: Scope,
        head: RequestHead,
        claim: Claim | OlderClaim,
        receive: Receive,
        send: Send,
        *,
        request_id: str,
    ) -> None:
        scope, receive = verified_s3(
            scope,
            head,
            claim,
            receive,
            secret_of=self._secret_of,
            now_s=self.service.clock(),
            request_id=request_id,
        )
        await self.s3_face(scope, receive, send)

    async def _answer_form(
        self, scope: Scope, head: RequestHead, receive: Receive, request_id: str
    ) -> Answer:
        bucket = unquote(path_style(head)).strip("/")
        if not bucket or "/" in bucket:
            raise AwsError(
                "MethodNotAllowed", "The specified method is not allowed against this resource.", 405
            )
        with self._room.place() as place:
            upload = await read_form_upload(
                head, receive, bucket, secret_of=self._secret_of, now_s=self.service.clock(), place=place
            )
            return await keep_form_upload(self.s3_face, scope, upload, bucket, request_id)

    def _secret_of(self, access_key: str) -> str | None:
        credentials = self.service.credentials
        return credentials.secret_key if access_key == credentials.access_key else None

    def _principal(self, access_key: str) -> Principal:
        service = self.service
        arn = f"arn:aws:sts::{service.account_id}:assumed-role/{service.settings.role_name}/pairloom"
        return Principal(access_key, arn)


def _claim(head: RequestHead) -> tuple[Claim | OlderClaim | None, SignatureRefusedError]:
    """Read the claim; or why there is none, which cannot be worded before the service is known."""
    try:
        return claim_of(head) or older_claim_of(head), SignatureRefusedError("missing")
    except SignatureRefusedError as error:
        return None, error


def _refusal(
    service_id: str | None, error: AwsError, request_id: str, head: RequestHead | None, method: str
) -> Answer:
    if service_id is None:
        service_id = S3 if head is None else likely_service(head)
    return error_answer(service_id, error, request_id, head, method)


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.encode(), _header_value(name, value)) for name, value in answer.headers.items()]
    if isinstance(answer.body, bytes):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body})
        return
    async for part in answer.body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _header_value(name: str, value: str) -> bytes:
    if CONTROL.search(value):
        raise ValueError(f"The header {name} of an answer must hold no control characters.")
    return value.encode("latin-1")
