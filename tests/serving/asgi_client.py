"""Calls an ASGI application in this process."""

import asyncio
import json
from dataclasses import dataclass


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, application):
        self.application = application

    def get(self, path, **headers):
        return self.request("GET", path, b"", headers)

    def post(self, body, content_type=None, accept=None, **headers):
        found = {"content-type": content_type, "accept": accept} | headers
        return self.request("POST", "/invocations", body, found)

    def request(self, method, path, body, headers, *, pieces=None):
        return asyncio.run(self._request(method, path, pieces or [body], headers))

    async def _request(self, method, path, pieces, headers):
        encoded = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
            if value is not None
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "query_string": b"", "headers": encoded, "scheme": "http",
            "server": ("127.0.0.1", 8080), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        left = list(pieces)
        sent = []

        async def receive():
            if not left:
                return {"type": "http.disconnect"}
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def send(message):
            sent.append(message)

        await self.application(scope, receive, send)
        start, *rest = sent
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Response(start["status"], found, b"".join(message.get("body", b"") for message in rest))
