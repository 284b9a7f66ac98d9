"""Tags, as boto3 sets and reads them."""

import pytest
from botocore.exceptions import ClientError

from pairloom.database import Resource

NAME = "Films-1"


@pytest.fixture
def client(local_service):
    return local_service.client("sagemaker")


@pytest.fixture
def arn(local_service):
    service = local_service.application.service
    found = service.arn("model", NAME)
    with service.database.transaction() as t:
        t.insert(Resource("model", NAME, found))
    return found


def tags_of(client, arn):
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


def tags(**given):
    return [{"Key": key, "Value": value} for key, value in given.items()]


def test_tags_are_added_changed_and_removed(client, arn):
    assert client.list_tags(ResourceArn=arn, MaxResults=50)["Tags"] == []
    assert client.add_tags(ResourceArn=arn, Tags=tags(team="films", stage=""))["Tags"] == tags(
        stage="", team="films"
    )
    client.add_tags(ResourceArn=arn, Tags=tags(team="books"))
    assert tags_of(client, arn) == {"team": "books", "stage": ""}
    client.delete_tags(ResourceArn=arn, TagKeys=["stage", "never"])
    assert tags_of(client, arn) == {"team": "books"}
    assert [page["Tags"] for page in client.get_paginator("list_tags").paginate(ResourceArn=arn)] == [
        tags(team="books")
    ]


def test_an_arn_with_the_name_as_it_was_given_is_found(client, arn):
    client.add_tags(ResourceArn=arn.replace("films", "Films"), Tags=tags(a="b"))
    assert tags_of(client, arn) == {"a": "b"}


def test_what_is_not_there_has_no_tags(client, arn):
    for call in (
        lambda: client.list_tags(ResourceArn=arn + "0"),
        lambda: client.add_tags(ResourceArn=arn + "0", Tags=tags(a="b")),
        lambda: client.delete_tags(ResourceArn=arn + "0", TagKeys=["a"]),
    ):
        with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found: arn:"):
            call()


def test_a_resource_has_at_most_50(client, arn):
    client.add_tags(ResourceArn=arn, Tags=tags(**{f"k{i}": "" for i in range(50)}))
    client.add_tags(ResourceArn=arn, Tags=tags(k7="again"))
    with pytest.raises(ClientError, match=r"ResourceLimitExceeded.*50 tags\. Got 51"):
        client.add_tags(ResourceArn=arn, Tags=tags(one="more"))
    assert len(tags_of(client, arn)) == 50


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (tags(a="1") + tags(a="2"), "Duplicate tag keys"),
        ([{"Key": "AWS:mine", "Value": ""}], "are reserved"),
    ],
)
def test_tags_that_cannot_be(client, arn, given, said):
    with pytest.raises(ClientError, match=f"ValidationException.*{said}"):
        client.add_tags(ResourceArn=arn, Tags=given)
    assert tags_of(client, arn) == {}


def test_a_token_that_nobody_gave(client, arn):
    with pytest.raises(ClientError, match="NextToken"):
        client.list_tags(ResourceArn=arn, NextToken="x")
