"""Requests that are refused, as clients of each protocol read it."""

import pytest
from botocore.exceptions import ClientError


def refused(call, **values):
    with pytest.raises(ClientError) as caught:
        call(**values)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_a_wrong_secret(local_service):
    wrong = {"aws_secret_access_key": "not the secret"}
    sagemaker = local_service.client("sagemaker", **wrong)
    assert refused(sagemaker.list_models)[::2] == ("InvalidSignatureException", 400)
    sts = local_service.client("sts", **wrong)
    assert refused(sts.get_caller_identity)[::2] == ("SignatureDoesNotMatch", 403)
    s3 = local_service.client("s3", **wrong)
    assert refused(s3.list_buckets)[::2] == ("SignatureDoesNotMatch", 403)


def test_an_unknown_key(local_service):
    unknown = {"aws_access_key_id": "AKIAUNKNOWN"}
    assert (
        refused(local_service.client("logs", **unknown).describe_log_groups)[0]
        == "UnrecognizedClientException"
    )
    assert refused(local_service.client("sts", **unknown).get_caller_identity)[0] == "InvalidClientTokenId"
    assert refused(local_service.client("s3", **unknown).list_buckets)[0] == "InvalidAccessKeyId"


def test_an_operation_that_is_not_offered_is_named(local_service):
    code, message, status = refused(local_service.client("sagemaker").describe_domain, DomainId="d-1")
    assert (code, status) == ("NotImplemented", 501)
    assert "sagemaker:DescribeDomain" in message


def test_a_list_of_what_is_not_offered_is_empty(local_service):
    assert local_service.client("sagemaker").list_domains()["Domains"] == []


def test_a_value_that_the_service_model_rules_out(local_service):
    iam = local_service.client("iam")
    code, message, status = refused(iam.get_role, RoleName="a role")
    assert (code, status) == ("ValidationError", 400)
    assert message == (
        "1 validation error detected: Value 'a role' at 'roleName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]+"
    )


def test_the_code_of_a_broken_value_is_the_services_own(local_service):
    code, message, _ = refused(local_service.client("logs").describe_log_groups, logGroupNamePrefix="a b")
    assert code == "InvalidParameterException"
    assert "at 'logGroupNamePrefix' failed to satisfy constraint" in message
    code, message, _ = refused(local_service.client("sagemaker").list_models, MaxResults=101)
    assert code == "ValidationException"
