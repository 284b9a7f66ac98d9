"""Models, configurations and endpoints through the stock client."""

import json
import os
import signal
import threading
import time

import pytest
from botocore.exceptions import ClientError
from hosted_clients import IMAGE, ONE, own_workers, until


def refused(call, **values):
    with pytest.raises(ClientError) as caught:
        call(**values)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"]


def test_a_model_is_deployed_answers_and_is_deleted(hosting):
    began = time.monotonic()
    told = hosting.deploy("one", "regressor")
    assert time.monotonic() - began < 20  # 2 s, on a quiet machine
    assert told["EndpointArn"] == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/one"
    (variant,) = told["ProductionVariants"]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (1.0, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    answer = hosting.ask("one", CustomAttributes="trace=7", InferenceId="id-1")
    assert answer["ContentType"] == "application/json"
    assert (answer["InvokedProductionVariant"], answer["CustomAttributes"]) == ("v1", "trace=7")
    assert "score" in json.loads(answer["Body"].read())["predictions"][0]
    assert hosting.ask("one", Accept="text/csv")["ContentType"] == "text/csv"
    assert own_workers()
    hosting.sagemaker.delete_endpoint(EndpointName="one")
    code, message = refused(hosting.sagemaker.describe_endpoint, EndpointName="one")
    assert code == "ValidationException"
    assert message.startswith('Could not find endpoint "arn:')
    assert refused(hosting.runtime.invoke_endpoint, EndpointName="one", Body=b"")[0] == "ValidationError"
    until(lambda: not own_workers())
    until(lambda: not list((hosting.service.data / "endpoints").iterdir()))
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName="one")
    hosting.sagemaker.delete_model(ModelName="regressor")


def test_requests_are_divided_and_a_variant_can_be_named(hosting):
    hosting.model("regressor")
    hosting.model("classifier")
    hosting.config(
        "ab",
        {"VariantName": "old", "ModelName": "regressor", "InitialVariantWeight": 3.0},
        {"VariantName": "new", "ModelName": "classifier", "InitialVariantWeight": 1.0},
    )
    hosting.endpoint("ab")
    answered = [hosting.ask("ab")["InvokedProductionVariant"] for _ in range(80)]
    assert 5 <= answered.count("new") <= 40
    assert "predicted_label" in hosting.score("ab", TargetVariant="new")
    assert "predicted_label" not in hosting.score("ab", TargetVariant="old")
    code, message = refused(
        hosting.runtime.invoke_endpoint, EndpointName="ab", Body=ONE, TargetVariant="other"
    )
    assert (code, "old, new" in message) == ("ValidationError", True)
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="ab",
        DesiredWeightsAndCapacities=[
            {"VariantName": "old", "DesiredWeight": 0.0},
            {"VariantName": "new", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    variants = {each["VariantName"]: each for each in hosting.settled("ab")["ProductionVariants"]}
    assert variants["new"]["CurrentInstanceCount"] == 2
    assert variants["old"]["CurrentWeight"] == 0.0
    assert {hosting.ask("ab")["InvokedProductionVariant"] for _ in range(10)} == {"new"}


def test_what_a_model_refuses_is_a_model_error(hosting):
    hosting.deploy("one", "regressor")
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        hosting.ask("one", b"{")
    error = caught.value.response
    assert error["OriginalStatusCode"] == 400
    assert json.loads(error["OriginalMessage"])["error"] == "BadRequest"
    assert error["LogStreamArn"].endswith("/aws/sagemaker/Endpoints/one")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["Error"]["Message"].startswith("Received client error (400) from primary with message")
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        hosting.ask("one", content_type="text/html")
    assert caught.value.response["OriginalStatusCode"] == 415


def test_an_answer_comes_as_a_stream_of_events(hosting):
    hosting.deploy("one", "regressor")
    answer = hosting.runtime.invoke_endpoint_with_response_stream(
        EndpointName="one", Body=ONE, ContentType="application/json"
    )
    body = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    assert "score" in json.loads(body)["predictions"][0]
    assert answer["InvokedProductionVariant"] == "v1"
    with pytest.raises(hosting.runtime.exceptions.ModelError):
        hosting.runtime.invoke_endpoint_with_response_stream(EndpointName="one", Body=b"{")


def test_a_model_that_cannot_be_loaded_fails_with_a_reason(hosting):
    hosting.model("broken")
    hosting.config("bad", "broken")
    told = hosting.endpoint("bad")
    assert told["EndpointStatus"] == "Failed"
    assert "expected" in told["FailureReason"]
    code, message = refused(hosting.runtime.invoke_endpoint, EndpointName="bad", Body=ONE)
    assert (code, "Failed" in message) == ("ValidationError", True)
    hosting.model("mislabelled", "regressor", image="1.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest")
    hosting.config("mislabelled", "mislabelled")
    assert "kmeans" in hosting.endpoint("mislabelled")["FailureReason"]
    hosting.sagemaker.delete_endpoint(EndpointName="bad")


class Asking:
    """Asks again and again in threads, and keeps what is answered."""

    def __init__(self, hosting, endpoint, n_threads=3):
        self.hosting, self.endpoint, self.answers, self.faults = hosting, endpoint, [], []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(n_threads)]

    def _run(self):
        while not self._end.is_set():
            try:
                self.answers.append("predicted_label" in self.hosting.score(self.endpoint))
            except Exception as fault:
                self.faults.append(fault)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_an_update_loses_no_request_and_a_bad_one_is_rolled_back(hosting):
    hosting.deploy("live", "regressor")
    hosting.model("classifier")
    hosting.model("broken")
    hosting.config("next", "classifier")
    hosting.config("worse", "broken")
    with Asking(hosting, "live") as asking:
        until(lambda: len(asking.answers) > 10)
        hosting.sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="next")
        told = hosting.settled("live")
        assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "next")
        assert "predicted_label" in hosting.score("live")
        hosting.sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="worse")
        told = hosting.settled("live")
        assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "next")
        assert "expected" in told["FailureReason"]
        n_before = len(asking.answers)
        until(lambda: len(asking.answers) > n_before + 10)
    assert asking.faults == []
    assert asking.answers[0] is False
    assert asking.answers[-1] is True
    generations = list((hosting.service.data / "endpoints").glob("*/*"))
    assert len(generations) <= 2


def test_kills_of_workers_under_load_lose_no_request(hosting):
    hosting.deploy("live", "regressor")
    pool = hosting.service.endpoints.get("live").deployment.variants["v1"].pool
    with Asking(hosting, "live", 4) as asking:
        for _ in range(4):
            n_before = len(asking.answers)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
            until(lambda n_before=n_before: len(asking.answers) > n_before + 8)
    assert asking.faults == []
    assert pool.n_deaths >= 4


def test_an_endpoint_that_is_changing_cannot_be_changed(hosting):
    hosting.deploy("live", "regressor")
    hosting.model("classifier")
    hosting.config("next", "classifier")
    hosting.sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="next")
    code, message = refused(hosting.sagemaker.update_endpoint, EndpointName="live", EndpointConfigName="next")
    assert (code, "Cannot update in-progress endpoint" in message) == ("ValidationException", True)
    assert hosting.settled("live")["EndpointConfigName"] == "next"
    hosting.sagemaker.delete_endpoint(EndpointName="live")


def test_an_endpoint_is_deleted_while_it_is_created(hosting):
    hosting.model("regressor")
    hosting.config("one", "regressor")
    hosting.sagemaker.create_endpoint(EndpointName="one", EndpointConfigName="one")
    hosting.sagemaker.delete_endpoint(EndpointName="one")
    waiter = hosting.sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName="one", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    until(lambda: not own_workers())


def test_descriptions_and_lists_tell_what_was_put_in(hosting):
    environment = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
    hosting.model("regressor", Environment=environment)
    told = hosting.sagemaker.describe_model(ModelName="regressor")
    assert told["PrimaryContainer"]["Environment"] == environment
    assert told["ExecutionRoleArn"].endswith("PairloomExecutionRole")
    hosting.config("one", "regressor", Tags=[{"Key": "team", "Value": "a"}])
    told = hosting.sagemaker.describe_endpoint_config(EndpointConfigName="one")
    assert told["ProductionVariants"][0]["InstanceType"] == "ml.t2.medium"
    hosting.endpoint("one")
    assert hosting.ask("one")["ContentType"] == "text/csv"
    for name in ("m-1", "m-2", "m-3"):
        hosting.model(name, "regressor")
    names, token = [], {}
    while True:
        page = hosting.sagemaker.list_models(
            NameContains="m-", SortBy="Name", SortOrder="Ascending", MaxResults=2, **token
        )
        names += [each["ModelName"] for each in page["Models"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == ["m-1", "m-2", "m-3"]
    assert [
        each["EndpointStatus"]
        for each in hosting.sagemaker.list_endpoints(StatusEquals="InService")["Endpoints"]
    ] == ["InService"]
    assert hosting.sagemaker.list_endpoint_configs()["EndpointConfigs"][0]["EndpointConfigName"] == "one"
    assert refused(hosting.sagemaker.list_models, NextToken="nonsense")[0] == "ValidationException"


def test_the_texts_that_clients_match(hosting):
    sagemaker = hosting.sagemaker
    hosting.model("regressor")
    assert "Cannot create already existing model" in refused(hosting.model, name="regressor")[1]
    for call, values in (
        (sagemaker.describe_model, {"ModelName": "none"}),
        (sagemaker.delete_model, {"ModelName": "none"}),
        (sagemaker.describe_endpoint_config, {"EndpointConfigName": "none"}),
        (sagemaker.delete_endpoint_config, {"EndpointConfigName": "none"}),
        (sagemaker.describe_endpoint, {"EndpointName": "none"}),
        (sagemaker.delete_endpoint, {"EndpointName": "none"}),
        (sagemaker.create_endpoint, {"EndpointName": "e", "EndpointConfigName": "none"}),
    ):
        code, message = refused(call, **values)
        assert code == "ValidationException"
        assert "Could not find" in message
    code, message = refused(hosting.model, name="other", data="nowhere")
    assert (code, message) == (
        "ValidationException",
        "Could not find model data at s3://models/nowhere/model.tar.gz.",
    )
    assert "Requested image" in refused(hosting.model, name="other", data="regressor", image="my-image")[1]
    assert "not found" in refused(hosting.runtime.invoke_endpoint, EndpointName="none", Body=b"")[1]
    with pytest.raises(ClientError, match="Could not find model"):
        hosting.config("one", "none")


def test_what_is_not_offered_is_refused_by_name(hosting):
    hosting.model("regressor")
    plain = {
        "VariantName": "v",
        "ModelName": "regressor",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
    }
    scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    output = {
        "S3OutputPath": "s3://models/a",
        "NotificationConfig": {"SuccessTopic": "arn:aws:sns:us-east-1:000000000000:t"},
    }
    for variants, more, named in (
        ([plain | {"ManagedInstanceScaling": scaling}], {}, "ManagedInstanceScaling"),
        ([plain | {"AcceleratorType": "ml.eia1.medium"}], {}, "AcceleratorType"),
        ([plain, plain], {}, "names of their own"),
        ([plain | {"InitialVariantWeight": 0.0}], {}, "InitialVariantWeight"),
        ([plain], {"ShadowProductionVariants": [plain]}, "ShadowProductionVariants"),
        ([plain], {"AsyncInferenceConfig": {"OutputConfig": output}}, "NotificationConfig"),
    ):
        code, message = refused(
            hosting.sagemaker.create_endpoint_config,
            EndpointConfigName="c",
            ProductionVariants=variants,
            **more,
        )
        assert (code, named in message) == ("ValidationException", True), message
    hosting.config("c", "regressor")
    canary = {
        "Type": "CANARY", "WaitIntervalInSeconds": 1, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }  # fmt: skip
    for deployment, named in (
        ({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}}, "TrafficRoutingConfiguration"),
        ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, "AutoRollbackConfiguration"),
    ):
        code, message = refused(
            hosting.sagemaker.create_endpoint,
            EndpointName="e",
            EndpointConfigName="c",
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary | {"Type": "ALL_AT_ONCE"}}
            }
            | deployment,
        )
        assert (code, named in message) == ("ValidationException", True), message
    two = [{"Image": IMAGE, "ModelDataUrl": "s3://models/regressor/model.tar.gz"}] * 2
    assert "pipelines" in refused(hosting.sagemaker.create_model, ModelName="two", Containers=two)[1]
    many = [{"Image": IMAGE, "ModelDataUrl": "s3://models/", "Mode": "MultiModel"}]
    assert "MultiModel" in refused(hosting.sagemaker.create_model, ModelName="many", Containers=many)[1]


def test_idle_workers_end_and_the_first_request_wakes_them(local_service, hosting):
    hosting.deploy("sleepy", "regressor")
    pool = hosting.service.endpoints.get("sleepy").deployment.variants["v1"].pool
    object.__setattr__(pool.limits, "idle_s", 0.1)
    until(lambda: pool.asleep)
    assert "score" in hosting.score("sleepy")
