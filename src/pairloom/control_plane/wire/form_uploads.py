"""Uploads to S3 by a form of a web page: a signed policy says what may be sent, by whom and until when.

References
----------
AWS, "Browser-based uploads using POST", with signatures of version 4 and of version 2.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, cast

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.protocols.times import seconds_of
from pairloom.control_plane.wire.request import Place, Receive, RequestHead
from pairloom.control_plane.wire.signatures.canonical import ALGORITHM, sign, signing_key
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError

__all__ = ["FormUpload", "is_form_upload", "read_form_upload"]

LARGEST_FILE_BYTES = 32 << 20
"""A file stands in memory until all of it has come; what is larger takes a presigned PUT."""
LARGEST_FIELDS_BYTES = 64 << 10
UNCOVERED = {"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"}
"""Fields that a policy need not name."""
HEADERS = {
    "content-type",
    "content-disposition",
    "content-encoding",
    "cache-control",
    "expires",
    "content-language",
}


@dataclass(frozen=True, slots=True)
class FormUpload:
    """A file that may be kept.

    Parameters
    ----------
    access_key, region : str
        Whose signature the policy has, and for which region; empty in the older form.
    key : str
    content : bytes
    headers : mapping
        Of the PutObject that the form stands for.
    fields : mapping
        Of the form, names in lower case.
    """

    access_key: str
    region: str
    key: str
    content: bytes = field(repr=False)
    headers: Mapping[str, str]
    fields: Mapping[str, str] = field(repr=False)


def is_form_upload(head: RequestHead) -> bool:
    """Tell whether a request is a form."""
    return head.method == "POST" and head.header("content-type").lower().startswith("multipart/form-data")


async def read_form_upload(
    head: RequestHead,
    receive: Receive,
    bucket: str,
    *,
    secret_of: Callable[[str], str | None],
    now_s: float,
    place: Place,
) -> FormUpload:
    """Read a form; the file only when the policy before it holds.

    Raises
    ------
    SignatureRefusedError, AwsError
    """
    parts = _Parts(head, receive, place)
    fields: dict[str, str] = {}
    while (part := await parts.next_head()) is not None and part.name != "file":
        if part.name in fields:
            raise AwsError(
                "InvalidArgument", f"A form must have each field once. Got '{part.name[:64]}' again."
            )
        value = await parts.content(LARGEST_FIELDS_BYTES)
        try:
            fields[part.name] = value.decode()
        except UnicodeDecodeError as error:
            raise AwsError("InvalidArgument", f"The field '{part.name[:64]}' must be UTF-8.") from error
    if part is None:
        raise AwsError("InvalidArgument", "POST requires exactly one file upload per request.")
    access_key, region = _verify(fields, secret_of)
    least, most = _check_policy(fields | {"bucket": bucket}, now_s)
    content = await parts.content(min(most, LARGEST_FILE_BYTES))
    if len(content) < least:
        raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    headers = {
        name: value for name, value in fields.items() if name in HEADERS or name.startswith("x-amz-meta-")
    }
    key = fields.get("key", "").replace("${filename}", part.filename)
    if not key or "\x00" in key:
        raise AwsError("InvalidArgument", "Bucket POST must contain a field named 'key'.")
    return FormUpload(access_key, region, key, content, headers, fields)


def _verify(fields: Mapping[str, str], secret_of: Callable[[str], str | None]) -> tuple[str, str]:
    policy = fields.get("policy", "").encode()
    if not policy:
        raise SignatureRefusedError("missing")
    if "x-amz-signature" in fields:
        access_key, _, scope = fields.get("x-amz-credential", "").partition("/")
        parts = scope.split("/")
        if (
            fields.get("x-amz-algorithm") != ALGORITHM
            or len(parts) != 4
            or parts[2:] != ["s3", "aws4_request"]
        ):
            raise SignatureRefusedError(
                "malformed", f"A form must have x-amz-algorithm {ALGORITHM} and x-amz-credential."
            )
        secret, region, given = secret_of(access_key), parts[1], fields["x-amz-signature"]
        expected = sign(signing_key(secret, scope), policy) if secret is not None else ""
    else:
        access_key, region, given = fields.get("awsaccesskeyid", ""), "", fields.get("signature", "")
        secret = secret_of(access_key)
        digest = hmac.digest(secret.encode(), policy, "sha1") if secret is not None else b""
        expected = base64.b64encode(digest).decode()
    if secret is None:
        raise SignatureRefusedError("unknown key")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise SignatureRefusedError("wrong")
    return access_key, region


def _check_policy(fields: Mapping[str, str], now_s: float) -> tuple[int, int]:
    """Hold the fields against the policy; returns the least and the most bytes that the file may have."""
    try:
        policy: Any = json.loads(base64.b64decode(fields["policy"], validate=True))
        expires_s = seconds_of(policy["expiration"])
        conditions: list[Any] = [*policy["conditions"]]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise AwsError("InvalidPolicyDocument", "The policy must hold expiration and conditions.") from error
    if expires_s is None or now_s >= expires_s:
        raise _against("Policy expired.")
    least, most, covered = 0, LARGEST_FILE_BYTES, {"bucket", *UNCOVERED}
    for condition in conditions:
        match condition:
            case ["content-length-range", int(low), int(high)]:
                least, most = max(least, low), min(most, high)
            case [str(word), str(name), str(wanted)] if word in ("eq", "starts-with") and name[:1] == "$":
                got = fields.get(name[1:].lower(), "")
                if not (got == wanted if word == "eq" else got.startswith(wanted)):
                    raise _against(f"Policy Condition failed: {json.dumps(condition)[:200]}")
                covered.add(name[1:].lower())
            case dict() if condition:
                for name, wanted in cast("dict[str, Any]", condition).items():
                    if fields.get(name.lower()) != wanted:
                        raise _against(f"Policy Condition failed: {json.dumps(condition)[:200]}")
                    covered.add(name.lower())
            case _:
                raise AwsError(
                    "InvalidPolicyDocument", f"A condition is none: {json.dumps(condition)[:200]}."
                )
    extra = sorted(name for name in fields if name not in covered and not name.startswith("x-ignore-"))
    if extra:
        raise _against(f"Extra input fields: {', '.join(extra)[:200]}")
    return least, most


def _against(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {why}", 403)


@dataclass(frozen=True, slots=True)
class _PartHead:
    name: str
    filename: str


class _Parts:
    """Takes a multipart body apart as it comes."""

    def __init__(self, head: RequestHead, receive: Receive, place: Place) -> None:
        message = Message()
        message["content-type"] = head.header("content-type")
        boundary = message.get_boundary("")
        if not re.fullmatch(r"[\x20-\x7e]{1,70}", boundary):
            raise AwsError("MalformedPOSTRequest", "A form must name its boundary.")
        self._mark = f"\r\n--{boundary}".encode()
        self._receive, self._place = receive, place
        self._buffer, self._more = bytearray(b"\r\n"), True
        self._begun = False

    async def next_head(self) -> _PartHead | None:
        """Return the head of the next part; None at the end."""
        if not self._begun:
            await self._until(self._mark, LARGEST_FIELDS_BYTES)
            self._begun = True
        if await self._until(b"\r\n", 4) == b"--":
            return None
        message = Message()
        for line in (await self._until(b"\r\n\r\n", 8192)).decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            message[name.strip()] = value.strip()
        name = message.get_param("name", header="content-disposition")
        filename = message.get_param("filename", "", header="content-disposition")
        if not isinstance(name, str) or not isinstance(filename, str):
            raise AwsError("MalformedPOSTRequest", "Every part of a form must have a name.")
        return _PartHead(name.lower(), re.split(r"[/\\]", filename)[-1])

    async def content(self, most: int) -> bytes:
        """Return the content of the part."""
        return await self._until(self._mark, most)

    async def _until(self, mark: bytes, most: int) -> bytes:
        searched = 0
        while (end := self._buffer.find(mark, searched)) < 0:
            searched = max(len(self._buffer) - len(mark) + 1, 0)
            if searched > most:
                raise AwsError("EntityTooLarge", f"A part of the form must be of at most {most} bytes.")
            if not self._more:
                raise AwsError(
                    "MalformedPOSTRequest",
                    "The body of your POST request is not well-formed multipart/form-data.",
                )
            message = await self._receive()
            if message["type"] != "http.request":
                raise AwsError("RequestTimeout", "The client went away before the end of its request.")
            self._place.take(len(message.get("body", b"")))
            self._buffer += message.get("body", b"")
            self._more = message.get("more_body", False)
        if end > most:
            raise AwsError("EntityTooLarge", f"A part of the form must be of at most {most} bytes.")
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found
