"""Search over models and endpoints, by names, nested members and tags."""


def names(answer, member, name):
    return [result[member][name] for result in answer["Results"]]


def where(name, value, operator="Equals"):
    return {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}


def test_models_and_endpoints_are_found(hosting):
    hosting.deploy("films", "regressor")
    hosting.model("classifier")
    search = hosting.sagemaker.search
    found = search(Resource="Model", SearchExpression=where("ModelName", "class", "Contains"))
    assert [result["Model"]["Model"]["ModelName"] for result in found["Results"]] == ["classifier"]
    found = search(Resource="Model", SortBy="ModelName", SortOrder="Ascending")
    assert [result["Model"]["Model"]["ModelName"] for result in found["Results"]] == [
        "classifier",
        "regressor",
    ]
    arn = hosting.sagemaker.describe_endpoint(EndpointName="films")["EndpointArn"]
    hosting.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "films"}])
    for expression in (
        where("Tags.team", "films"),
        where("EndpointStatus", "InService"),
        where("ProductionVariants.VariantName", "v1"),
    ):
        assert names(
            search(Resource="Endpoint", SearchExpression=expression), "Endpoint", "EndpointName"
        ) == ["films"]
    assert search(Resource="Endpoint", SearchExpression=where("EndpointStatus", "Failed"))["Results"] == []
