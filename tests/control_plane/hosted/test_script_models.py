"""Models of somebody's own code, as SageMaker's framework containers run them."""

import io
import json
import tarfile

import pytest
from botocore.exceptions import ClientError
from hosted_clients import BUCKET

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import json
import os
import time

from beside import FACTOR


def model_fn(folder):
    with open(os.path.join(folder, "weights.json")) as file:
        return json.load(file)


def input_fn(body, content_type):
    assert content_type == "application/json"
    return json.loads(body)


def predict_fn(asked, model):
    if asked == "hang":
        time.sleep(600)
    if asked == "die":
        os.kill(os.getpid(), 9)
    if asked == "memory":
        return len(bytearray(1 << 34))
    if asked == "secrets":
        return sorted(name for name in os.environ if "AWS" in name)
    return [FACTOR * each + model["bias"] for each in asked]


def output_fn(prediction, accept):
    return json.dumps({"answer": prediction}), "application/json"
"""


def packed(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return stream.getvalue()


@pytest.fixture
def deploy(hosting):
    def deploy(model, source=None, program="inference.py", **more):
        hosting.objects.put(BUCKET, "script/model.tar.gz", packed(model))
        environment = {
            "SAGEMAKER_PROGRAM": program,
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        } | more
        if source is not None:
            hosting.objects.put(BUCKET, "source.tar.gz", packed(source))
            environment["SAGEMAKER_SUBMIT_DIRECTORY"] = f"s3://{BUCKET}/source.tar.gz"
        hosting.model("script", image=IMAGE, Environment=environment)
        hosting.config("script", "script")
        return hosting.endpoint("script")

    return deploy


WHOLE = {"weights.json": '{"bias": 1}', "code/inference.py": SCRIPT, "code/beside.py": "FACTOR = 10"}


def asked(hosting, what):
    return json.loads(hosting.ask("script", json.dumps(what).encode())["Body"].read())["answer"]


def test_the_functions_of_a_script_answer(hosting, deploy):
    told = deploy(WHOLE)
    assert told["EndpointStatus"] == "InService", told
    assert asked(hosting, [1, 2]) == [11, 21]
    assert asked(hosting, "secrets") == []
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        hosting.ask("script", b"{")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert asked(hosting, [3]) == [31]
    logs = hosting.client("logs")
    group = "/aws/sagemaker/Endpoints/script"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
    )
    assert any("JSONDecodeError" in event["message"] for event in events["events"])


def test_a_request_that_kills_its_worker_is_refused_and_the_worker_replaced(hosting, deploy):
    deploy(WHOLE)
    pool = hosting.service.endpoints.get("script").deployment.variants["v1"].pool
    before = pool.pids
    with pytest.raises(hosting.runtime.exceptions.ModelError):
        asked(hosting, "die")
    assert asked(hosting, [1]) == [11]
    assert pool.n_deaths == 1
    assert pool.pids != before


def test_a_request_that_hangs_ends_by_the_clock(hosting, deploy, monkeypatch):
    monkeypatch.setattr("pairloom.control_plane.hosted.variants.INVOCATION_S", 1.0)
    deploy(WHOLE)
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        asked(hosting, "hang")
    assert caught.value.response["OriginalStatusCode"] in (0, 504)
    assert asked(hosting, [1]) == [11]


def test_memory_has_a_limit(quick_hosting, monkeypatch):
    import msgspec

    service = quick_hosting.service
    service.settings = msgspec.structs.replace(service.settings, job_memory_bytes=2 << 30)
    quick_hosting.objects.put(BUCKET, "script/model.tar.gz", packed(WHOLE))
    quick_hosting.model("script", image=IMAGE, Environment={"SAGEMAKER_PROGRAM": "inference.py"})
    quick_hosting.config("script", "script")
    assert quick_hosting.endpoint("script")["EndpointStatus"] == "InService"
    with pytest.raises(quick_hosting.runtime.exceptions.ModelError):
        asked(quick_hosting, "memory")
    assert asked(quick_hosting, [1]) == [11]


def test_defaults_read_and_write_arrays(hosting, deploy):
    script = (
        "import numpy as np\ndef model_fn(folder):\n    return lambda rows: np.asarray(rows).sum(axis=1)\n"
    )
    deploy({"weights.json": "{}"}, {"inference.py": script})
    answer = hosting.ask("script", b"1,2\n3,4\n", "text/csv")
    assert json.loads(answer["Body"].read()) == [3.0, 7.0]
    answer = hosting.ask("script", b"[[1, 2], [3, 4]]", Accept="text/csv")
    assert answer["Body"].read() == b"3\n7\n"
    for body, content_type, status in ((b"[", "application/json", 400), (b"x", "image/png", 415)):
        with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
            hosting.ask("script", body, content_type)
        assert caught.value.response["OriginalStatusCode"] == status


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ({"code/inference.py": "x ="}, {}, "SyntaxError"),
        ({"code/inference.py": "import sys\nsys.exit(3)"}, {}, "SystemExit"),
        ({"code/inference.py": "a = 1"}, {}, "model_fn"),
        ({"code/inference.py": "def model_fn(folder):\n    raise RuntimeError('no weights')"}, {}, "no weights"),
        ({"weights.json": "{}"}, {}, "SAGEMAKER_SUBMIT_DIRECTORY"),
        (WHOLE, {"program": "../../../etc/passwd"}, "SAGEMAKER_PROGRAM"),
        (WHOLE, {"SAGEMAKER_SUBMIT_DIRECTORY": "/etc"}, "SAGEMAKER_SUBMIT_DIRECTORY"),
        ({"../outside": "x"}, {}, "names within it"),
        (WHOLE | {"code/requirements.txt": "no-such-package-anywhere==1.0"}, {}, "requirements"),
    ],
)  # fmt: skip
def test_a_script_that_cannot_be_loaded_fails_with_a_reason(model, more, said, hosting, deploy):
    told = deploy(model, **more)
    assert told["EndpointStatus"] == "Failed"
    assert said in told["FailureReason"]


def test_a_source_that_is_not_there_is_refused(hosting):
    hosting.objects.put(BUCKET, "script/model.tar.gz", packed(WHOLE))
    missing = {"SAGEMAKER_PROGRAM": "a.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/nowhere"}
    with pytest.raises(ClientError, match="Could not find the source"):
        hosting.model("script", image=IMAGE, Environment=missing)
