"""Requests signed by botocore, as the wire sees them."""

from urllib.parse import quote, unquote, urlencode, urlsplit

from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pairloom.control_plane.wire.request import RequestHead

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "127.0.0.1:8321"


def secret_of(access_key):
    return SECRET if access_key == KEY else None


def signed(method, path, *, params=None, headers=None, body=b"", is_s3=True, expires_s=None, older=False):
    """Return the ASGI scope of a request that botocore has signed; `expires_s` for a presigned one.

    `path` is percent-encoded already, as botocore's serialisers leave it.
    """
    if older and params:  # this form signs what the address holds
        path, params = f"{path}?{urlencode(params, quote_via=quote)}", None
    request = AWSRequest(
        method, f"http://{HOST}{path}", headers=headers or {}, data=body, params=params or {}
    )
    credentials = Credentials(KEY, SECRET)
    service = "s3" if is_s3 else "sagemaker"
    if older:
        HmacV1QueryAuth(credentials, expires_s).add_auth(request)
    elif expires_s is not None:
        maker = S3SigV4QueryAuth if is_s3 else SigV4QueryAuth
        maker(credentials, service, "us-east-1", expires_s).add_auth(request)
    else:
        request.context["payload_signing_enabled"] = True
        (S3SigV4Auth if is_s3 else SigV4Auth)(credentials, service, "us-east-1").add_auth(request)
    prepared = request.prepare()
    where = urlsplit(prepared.url)
    sent = {"host": HOST} | {name.lower(): value for name, value in prepared.headers.items()}
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": unquote(where.path),
        "raw_path": where.path.encode(),
        "query_string": where.query.encode(),
        "headers": [
            (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in sent.items()
        ],
    }


def head_of(scope):
    return RequestHead.of(scope)
