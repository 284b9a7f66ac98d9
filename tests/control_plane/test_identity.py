"""Who am I, and as what role."""

import pytest
from botocore.exceptions import ClientError


def test_the_caller_has_an_account_and_a_session_of_the_role(local_service):
    said = local_service.client("sts").get_caller_identity()
    assert said["Account"] == "000000000000"
    assert said["Arn"] == "arn:aws:sts::000000000000:assumed-role/PairloomExecutionRole/pairloom"


def test_the_role_of_the_session_is_there(local_service):
    role = local_service.client("iam").get_role(RoleName="PairloomExecutionRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/PairloomExecutionRole"
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "sagemaker.amazonaws.com"
    }


def test_another_role_is_not(local_service):
    with pytest.raises(ClientError, match="The role with name Admin cannot be found") as caught:
        local_service.client("iam").get_role(RoleName="Admin")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_every_action_is_allowed(local_service):
    said = local_service.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::000000000000:role/PairloomExecutionRole",
        ActionNames=["s3:GetObject", "sagemaker:CreateTrainingJob"],
    )
    assert [each["EvalDecision"] for each in said["EvaluationResults"]] == ["allowed", "allowed"]
