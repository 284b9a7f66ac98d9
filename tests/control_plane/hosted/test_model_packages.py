"""The registry through the stock client."""

import pytest
from botocore.exceptions import ClientError
from hosted_clients import BUCKET, IMAGE


@pytest.fixture
def registry(hosting):
    hosting.sagemaker.create_model_package_group(
        ModelPackageGroupName="films", ModelPackageGroupDescription="About films."
    )
    return hosting.sagemaker


def specification(model="regressor", image=IMAGE):
    return {
        "Containers": [
            {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{model}/model.tar.gz", "Environment": {"A": "1"}}
        ],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }


def register(sagemaker, group="films", **more):
    asked = {"ModelPackageGroupName": group, "InferenceSpecification": specification()} | more
    return sagemaker.create_model_package(**asked)["ModelPackageArn"]


def refused(call, **values):
    with pytest.raises(ClientError) as caught:
        call(**values)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_versions_are_counted_approved_and_deployed(registry, hosting):
    first = register(registry, CustomerMetadataProperties={"team": "a", "old": "x"})
    second = register(registry, ModelApprovalStatus="Approved")
    assert first == "arn:aws:sagemaker:us-east-1:000000000000:model-package/films/1"
    assert second.endswith("films/2")
    told = registry.describe_model_package(ModelPackageName=first)
    assert (told["ModelPackageVersion"], told["ModelApprovalStatus"]) == (1, "PendingManualApproval")
    assert told["ModelPackageStatus"] == "Completed"
    assert told["InferenceSpecification"] == specification()
    container = {
        "ModelPackageName": first,
        "Environment": {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"},
    }
    code, message = refused(hosting.sagemaker.create_model, ModelName="film", PrimaryContainer=container)
    assert (code, "must be Approved" in message) == ("ValidationException", True)
    registry.update_model_package(
        ModelPackageArn=first,
        ModelApprovalStatus="Approved",
        ApprovalDescription="Good.",
        CustomerMetadataProperties={"stage": "live"},
        CustomerMetadataPropertiesToRemove=["old"],
    )
    told = registry.describe_model_package(ModelPackageName=first)
    assert (told["ModelApprovalStatus"], told["ApprovalDescription"]) == ("Approved", "Good.")
    assert told["CustomerMetadataProperties"] == {"team": "a", "stage": "live"}
    hosting.sagemaker.create_model(ModelName="film", PrimaryContainer=container)
    assert hosting.sagemaker.describe_model(ModelName="film")["PrimaryContainer"] == container
    hosting.config("film", "film")
    assert hosting.endpoint("film")["EndpointStatus"] == "InService"
    assert hosting.ask("film")["ContentType"] == "text/csv"


def test_lists_searches_and_deletions(registry):
    arns = [register(registry, ModelApprovalStatus=status) for status in ("Approved", "Rejected", "Approved")]
    listed = registry.list_model_packages(ModelPackageGroupName="films", ModelApprovalStatus="Approved")
    assert [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]] == [arns[2], arns[0]]
    assert registry.list_model_packages()["ModelPackageSummaryList"] == []
    name = registry.create_model_package(ModelPackageName="alone", InferenceSpecification=specification())
    assert [
        each["ModelPackageName"] for each in registry.list_model_packages()["ModelPackageSummaryList"]
    ] == ["alone"]
    assert (
        registry.describe_model_package(ModelPackageName="alone")["ModelPackageArn"]
        == name["ModelPackageArn"]
    )
    found = registry.search(
        Resource="ModelPackageGroup",
        SearchExpression={
            "Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": "films"}]
        },
    )["Results"]
    assert found[0]["ModelPackageGroup"]["ModelPackageGroupDescription"] == "About films."
    (group,) = registry.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert group["ModelPackageGroupStatus"] == "Completed"
    told = registry.batch_describe_model_package(ModelPackageArnList=[arns[0], arns[0] + "9"])
    assert list(told["ModelPackageSummaries"]) == [arns[0]]
    assert list(told["BatchDescribeModelPackageErrorMap"]) == [arns[0] + "9"]
    assert (
        refused(registry.delete_model_package_group, ModelPackageGroupName="films")[0] == "ConflictException"
    )
    for arn in arns:
        registry.delete_model_package(ModelPackageName=arn)
    assert register(registry).endswith("films/4")
    registry.delete_model_package(ModelPackageName="films/4")
    registry.delete_model_package_group(ModelPackageGroupName="films")
    assert (
        "does not exist" in refused(registry.describe_model_package_group, ModelPackageGroupName="films")[1]
    )


def test_what_cannot_be_registered_is_refused(registry):
    assert "already exists" in refused(registry.create_model_package_group, ModelPackageGroupName="films")[1]
    assert "does not exist" in refused(register, sagemaker=registry, group="none")[1]
    missing = {"InferenceSpecification": specification("nowhere")}
    assert "Could not find model data" in refused(register, sagemaker=registry, **missing)[1]
    unknown = {"InferenceSpecification": specification(image="my-image")}
    assert "Requested image" in refused(register, sagemaker=registry, **unknown)[1]
    both = {"ModelPackageName": "x"}
    assert "and not both" in refused(register, sagemaker=registry, **both)[1]
    assert refused(registry.describe_model_package, ModelPackageName="none")[0] == "ValidationException"
