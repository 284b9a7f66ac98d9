"""boto3, unmodified: the newest, and one from before checksums were sent unasked."""

import pytest


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param("boto3-1.34", marks=pytest.mark.xdist_group("boto3-1.34")),
        pytest.param("sagemaker-2", marks=pytest.mark.xdist_group("sagemaker-2")),
    ],
)
def test_waiters_see_every_change(clients, liked, environment):
    name = environment.replace(".", "-")
    found = clients.run(environment, "waiters.py", liked.train, liked.test, liked.n_features, name).answer
    assert found["status"] == "Completed"
    assert found["times"] == sorted(found["times"])
    assert found["transitions"] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert found["tags"] == {"team": "films", "stage": "try"}
    assert found["found"] == [name]
    assert found["stopped"] == ["Stopped", "Stopped"]
    assert found["failed"].startswith("WaiterError: ClientError")
    assert "num_factors" in found["failed"]
    assert 0 <= found["scores"][0]["score"] <= 1
    assert found["variant"] == "AllTraffic"
    assert found["updated"] == ["InService", f"{name}-2"]
    assert found["listed"] == [name]
    assert [stream.startswith(f"{name}/algo-1") for stream in found["streams"]] == [True]
    assert found["jobs"] == [name, f"{name}-failed", f"{name}-stopped"]
    refusals = found["refusals"]
    assert "Cannot create already existing model" in refusals["twice"]
    assert refusals["missing model"].startswith("ValidationException: Could not find model")
    assert refusals["missing job"] == "ValidationException: Requested resource not found."
    assert refusals["missing object"].startswith("NoSuchKey: ")
    assert refusals["bad body"].startswith("ValidationError: ")
