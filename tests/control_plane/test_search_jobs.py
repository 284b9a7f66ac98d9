"""Search over training jobs that ran."""

import pytest
from training_requests import BUCKET, fm_job, put_rows


@pytest.fixture
def search(local_service, tmp_path):
    objects = local_service.application.service.objects
    objects.create_bucket(BUCKET)
    put_rows(objects, tmp_path)
    sagemaker = local_service.client("sagemaker")
    jobs = {"fm-a": {"epochs": "2"}, "fm-b": {"epochs": "10"}}
    for name, hyperparameters in jobs.items():
        tags = [{"Key": "made-for", "Value": name}]
        sagemaker.create_training_job(**fm_job(name, hyperparameters=hyperparameters, Tags=tags))
    for name in jobs:
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)

    def names(*filters, **more):
        conditions = [dict(zip(("Name", "Operator", "Value"), one, strict=True)) for one in filters]
        found = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": conditions}, **more)
        return [result["TrainingJob"]["TrainingJobName"] for result in found["Results"]]

    return names


def test_by_what_was_asked_and_what_came_of_it(search):
    by_name = {"SortBy": "TrainingJobName", "SortOrder": "Ascending"}
    assert search(("TrainingJobStatus", "Equals", "Completed"), **by_name) == ["fm-a", "fm-b"]
    assert search(("HyperParameters.epochs", "GreaterThan", "9")) == ["fm-b"]
    assert search(("Tags.made-for", "Equals", "fm-a")) == ["fm-a"]
    assert search(("Metrics.train:rmse:epoch", "Exists", "x"), ("Metrics.none", "NotExists", "x"), **by_name)
    assert search(("InputDataConfig.ChannelName", "Equals", "train"), SortBy="CreationTime") == [
        "fm-b",
        "fm-a",
    ]
    assert search(("TrainingJobName", "Contains", "fm"), ("Metrics.none", "Exists", "x")) == []
