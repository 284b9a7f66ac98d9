"""Signatures, with botocore as the oracle: what it signs is let in, and nothing else."""

import hashlib
import hmac
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import KEY, head_of, secret_of, signed

from pairloom.control_plane.wire.signatures import verification
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError
from pairloom.control_plane.wire.signatures.verification import admitted, claim_of, verify
from pairloom.control_plane.wire.signatures.version2 import older_claim_of, verify_older

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
SEGMENTS = st.lists(
    st.one_of(TEXT, st.sampled_from([".", "..", "", "a b", "a+b", "%41", "~", "é", "日本", "a//b"])),
    max_size=4,
)
PARAMS = st.dictionaries(TEXT.filter(lambda name: name and not name.startswith("X-Amz")), TEXT, max_size=4)
HEADERS = st.dictionaries(
    st.from_regex(r"x-amz-meta-[a-z0-9-]{1,8}", fullmatch=True),
    st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.just(" "), max_size=12),
    max_size=3,
)
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])


def path_of(segments):
    return "/" + "/".join(quote(segment, safe="~") for segment in segments)


def check(scope, *, payload=b"", is_s3=True, now_s=None):
    head = head_of(scope)
    claim = claim_of(head)
    assert claim is not None
    assert claim.access_key == KEY
    digest = head.header("x-amz-content-sha256") if is_s3 else hashlib.sha256(payload).hexdigest()
    if claim.expires_s is not None and is_s3:
        digest = verification.UNSIGNED_PAYLOAD
    key = admitted(head, claim, secret_of, time.time() if now_s is None else now_s)
    verify(head, claim, key, digest, is_s3=is_s3)


def reason(scope, **settings):
    with pytest.raises(SignatureRefusedError) as caught:
        check(scope, **settings)
    return caught.value.reason


@given(METHODS, SEGMENTS, PARAMS, HEADERS, st.binary(max_size=20), st.booleans())
def test_what_botocore_signs_is_let_in(method, segments, params, headers, body, is_s3):
    scope = signed(method, path_of(segments), params=params, headers=headers, body=body, is_s3=is_s3)
    check(scope, payload=body, is_s3=is_s3)


@given(METHODS, SEGMENTS, PARAMS, st.booleans())
def test_what_botocore_presigns_is_let_in(method, segments, params, is_s3):
    scope = signed(method, path_of(segments), params=params, expires_s=60, is_s3=is_s3)
    check(scope, is_s3=is_s3)
    assert reason(scope, is_s3=is_s3, now_s=time.time() + 61) == "expired"


@given(SEGMENTS, st.sampled_from([{}, {"versionId": "3"}, {"partNumber": "1", "uploadId": "a b+/"}]))
def test_what_botocore_presigns_in_the_older_form_is_let_in(segments, params):
    scope = signed("GET", path_of(segments), params=params, expires_s=60, older=True)
    head = head_of(scope)
    claim = older_claim_of(head)
    assert claim is not None
    verify_older(head, claim, secret_of, time.time(), head.raw_path)
    with pytest.raises(SignatureRefusedError, match="expired"):
        verify_older(head, claim, secret_of, time.time() + 61, head.raw_path)
    with pytest.raises(SignatureRefusedError, match="wrong"):
        verify_older(head, claim, secret_of, time.time(), head.raw_path + "x")
    with pytest.raises(SignatureRefusedError, match="unknown key"):
        verify_older(head, claim, lambda _: None, time.time(), head.raw_path)


def changed(scope, name, value):
    return {**scope, name: value}


def with_header(scope, name, value):
    kept = [(key, old) for key, old in scope["headers"] if key != name.encode()]
    return {**scope, "headers": [*kept, (name.encode(), value.encode())]}


def test_nothing_that_was_signed_can_be_changed():
    scope = signed(
        "PUT", "/bucket/key", params={"partNumber": "1"}, headers={"x-amz-meta-a": "1"}, body=b"body"
    )
    check(scope)
    assert reason(changed(scope, "method", "DELETE")) == "wrong"
    assert reason(changed(scope, "raw_path", b"/bucket/other")) == "wrong"
    assert reason(changed(scope, "query_string", b"partNumber=2")) == "wrong"
    assert reason(changed(scope, "query_string", b"partNumber=1&acl")) == "wrong"
    assert reason(with_header(scope, "x-amz-meta-a", "2")) == "wrong"
    assert reason(with_header(scope, "host", "elsewhere")) == "wrong"
    assert reason(with_header(scope, "x-amz-content-sha256", "0" * 64)) == "wrong"
    assert reason(with_header(scope, "x-amz-copy-source", "/other/key")) == "malformed"


def test_a_body_is_part_of_what_is_signed():
    scope = signed("POST", "/", body=b"{}", is_s3=False)
    check(scope, payload=b"{}", is_s3=False)
    assert reason(scope, payload=b"{ }", is_s3=False) == "wrong"


def test_clocks_may_differ_by_a_quarter_of_an_hour():
    scope = signed("GET", "/", is_s3=False)
    now = time.time()
    for off_s in (-890, 890):
        check(scope, is_s3=False, now_s=now + off_s)
    for off_s in (-920, 920):
        assert reason(scope, is_s3=False, now_s=now + off_s) == "skewed"


def test_a_presigned_url_is_not_from_the_future():
    assert reason(signed("GET", "/b/k", expires_s=3600), now_s=time.time() - 1000) == "skewed"


def test_an_unknown_key():
    head = head_of(signed("GET", "/"))
    with pytest.raises(SignatureRefusedError, match="unknown key"):
        admitted(head, claim_of(head), lambda _: None, time.time())


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "Bearer token",
        "AWS AKIA:c2lnbmF0dXJl",
        "AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20130524//s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request, SignedHeaders=a;A, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20130525/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-ECDSA-P256-SHA256 Credential=A/20130524/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64,
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_read(authorization):
    scope = with_header(signed("GET", "/"), "authorization", authorization)
    with pytest.raises(SignatureRefusedError) as caught:
        claim_of(head_of(with_header(scope, "x-amz-date", "20130524T000000Z")))
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    "change",
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=0"),
        ("X-Amz-Expires=60", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=600"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5"),
        ("X-Amz-Date", "X-Amz-Day"),
    ],
)
def test_a_presigned_url_that_cannot_be_read(change):
    scope = signed("GET", "/b/k", expires_s=60)
    query = scope["query_string"].decode().replace(*change).encode()
    with pytest.raises(SignatureRefusedError) as caught:
        claim_of(head_of(changed(scope, "query_string", query)))
    assert caught.value.reason == "malformed"


def test_a_longer_life_of_a_presigned_url_is_noticed():
    scope = signed("GET", "/b/k", expires_s=60)
    query = scope["query_string"].replace(b"X-Amz-Expires=60", b"X-Amz-Expires=61")
    assert reason(changed(scope, "query_string", query)) == "wrong"


def test_signatures_are_compared_in_constant_time(monkeypatch):
    compared, compare = [], hmac.compare_digest

    def noted(a, b):
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(verification.hmac, "compare_digest", noted)
    scope = signed("GET", "/")
    check(scope)
    assert len(compared) == 1
