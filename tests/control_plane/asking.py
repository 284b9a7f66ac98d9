"""Requests of any operation, straight to the application: signed by botocore, or not, or wrongly."""

import asyncio
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from pairloom.control_plane.wire.models import wire_service

HOST = "127.0.0.1:8321"


@dataclass
class Said:
    status: int
    headers: dict
    body: bytes

    def error(self, protocol_name):
        """Code and message, as botocore reads them."""
        response = {"status_code": self.status, "headers": HeadersDict(self.headers), "body": self.body}
        read = create_parser(protocol_name).parse(response, None)["Error"]
        return read["Code"], read["Message"]


def request_of(service_id, name, values, protocol_name=None):
    """Return the request that botocore makes of an operation's input, unsigned."""
    service = wire_service(service_id)
    serialiser = create_serializer(protocol_name or service.protocol, include_validation=False)
    made = serialiser.serialize_to_request(values, service.model.operation_model(name))
    query = made["query_string"]
    pairs = query.items() if isinstance(query, dict) else query
    expanded = [
        (key, each) for key, value in pairs for each in (value if isinstance(value, list) else [value])
    ]
    body = urlencode(made["body"]) if isinstance(made["body"], dict) else made["body"]
    return raw_request(
        made["method"], made["url_path"], body, made["headers"], query=urlencode(expanded, quote_via=quote)
    )


def raw_request(method, path, body=b"", headers=None, *, query=""):
    """Return any request, unsigned."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    return AWSRequest(method, url, headers=dict(headers or {}), data=body)


def sign(request, signing_name, access_key, secret_key):
    """Sign a request in its headers."""
    request.context["payload_signing_enabled"] = True
    maker = S3SigV4Auth if signing_name == "s3" else SigV4Auth
    maker(Credentials(access_key, secret_key), signing_name, "us-east-1").add_auth(request)
    return request


def scope_of(request, body=None):
    """Return the ASGI scope of a request."""
    prepared = request.prepare()
    where = urlsplit(prepared.url)
    headers = {"host": HOST} | {name.lower(): value for name, value in prepared.headers.items()}
    headers["content-length"] = str(len(prepared.body or b"" if body is None else body))
    return {
        "type": "http", "method": prepared.method, "scheme": "http", "path": unquote(where.path),
        "raw_path": where.path.encode(), "query_string": where.query.encode(),
        "headers": [(name.encode(), str(value).encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip


def ask(application, request, *, body=None):
    """Call the application; `body` is sent in place of the one that was signed."""
    given = request.prepare().body if body is None else body
    sent = given.encode() if isinstance(given, str) else bytes(given or b"")
    messages, said = [{"type": "http.request", "body": sent, "more_body": False}], []

    async def receive():
        return messages.pop(0)

    async def send(message):
        said.append(message)

    asyncio.run(application(scope_of(request, sent), receive, send))
    headers = {name.decode(): value.decode("latin-1") for name, value in said[0]["headers"]}
    return Said(said[0]["status"], headers, b"".join(message["body"] for message in said[1:]))
