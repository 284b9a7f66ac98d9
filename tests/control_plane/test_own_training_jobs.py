"""Training jobs of programs of one's own: stopped, late, killed, failing, on several hosts; and script mode."""

import io
import json
import os
import signal
import tarfile
import time
from functools import cached_property

import pytest
from training_requests import BUCKET, channel, fm_job, own_images, own_job, put_rows

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.settings import Settings
from pairloom.control_plane.training.states import moved
from pairloom.testing.local_service import serving

GROUP = "/aws/sagemaker/TrainingJobs"
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


class Lab:
    """A service with the bucket, and the steps that tests take."""

    def __init__(self, local):
        self.local, self.service = local, local.application.service
        self.objects = self.service.objects
        self.sagemaker = local.client("sagemaker")

    @cached_property
    def logs(self):
        return self.local.client("logs")

    def create(self, request):
        self.sagemaker.create_training_job(**request)
        return request["TrainingJobName"]

    def look(self, name):
        with self.service.database.snapshot() as t:
            return t.get("training-job", name)

    def finished(self, name):
        deadline = time.monotonic() + 60
        while self.look(name).status in ("InProgress", "Stopping"):
            assert time.monotonic() < deadline, self.look(name)
            time.sleep(0.02)
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def run(self, request):
        return self.finished(self.create(request))

    def lines(self, name, host="algo-1"):
        streams = self.service.data / "logs"
        return [
            json.loads(line)["m"]
            for path in streams.rglob(f"{name}/{host}-*.jsonl")
            for line in path.read_text().splitlines()
        ]

    def wait_for_line(self, name, text):
        deadline = time.monotonic() + 60
        while not any(text in line for line in self.lines(name)):
            assert time.monotonic() < deadline, self.lines(name)
            time.sleep(0.02)

    def archive(self, key):
        """Contents by name."""
        with tarfile.open(fileobj=io.BytesIO(self.objects.open(BUCKET, key).read())) as archive:
            return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


@pytest.fixture
def lab_of(service_folder):
    """Opens a service whose image "mine" is a piece of Python."""
    stack = []

    def opened(script="", **settings):
        service = open_service(
            service_folder, Settings(images=own_images(script), describe_hold_s=0, **settings)
        )
        server = serving(Application(service.__enter__()))
        stack.append(service)
        lab = Lab(server.__enter__())
        stack.append(server)
        if not lab.objects.buckets():
            lab.objects.create_bucket(BUCKET)
        return lab

    def closed():
        while stack:
            stack.pop().__exit__(None, None, None)

    opened.close = closed
    yield opened
    closed()


def test_a_program_of_ones_own(lab_of):
    lab = lab_of("""
import json
import os
import signal
print(sys.argv[1:], os.environ["TRAINING_JOB_NAME"], os.environ["TRAINING_JOB_ARN"], os.environ["A"])
open(ROOT + "/model/m", "w").write("model")
""")
    found = lab.run(own_job("mine", Environment={"A": "b"}))
    assert found["TrainingJobStatus"] == "Completed"
    arn = "arn:aws:sagemaker:us-east-1:000000000000:training-job/mine"
    assert lab.lines("mine") == [f"['train'] mine {arn} b"]
    assert lab.archive("out/mine/output/model.tar.gz") == {"m": b"model"}


def test_a_stopped_job_keeps_what_it_has(lab_of):
    lab = lab_of("""
import signal, time
def stop(*_):
    open(ROOT + "/model/so-far", "w").write("1"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True); time.sleep(600)
""")
    name = lab.create(own_job("mine"))
    lab.wait_for_line(name, "up")
    lab.sagemaker.stop_training_job(TrainingJobName=name)
    lab.sagemaker.stop_training_job(TrainingJobName=name)
    found = lab.finished(name)
    assert found["TrainingJobStatus"] == found["SecondaryStatus"] == "Stopped"
    assert "FailureReason" not in found
    steps = [step["Status"] for step in found["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    assert lab.archive("out/mine/output/model.tar.gz") == {"so-far": b"1"}
    with pytest.raises(Exception, match="rejected because the training job is in status Stopped"):
        lab.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_takes_too_long(lab_of):
    lab = lab_of(SLEEP)
    found = lab.run(own_job("mine", StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    last = found["SecondaryStatusTransitions"][-1]
    assert last["StatusMessage"] == "Training job runtime exceeded MaxRuntimeInSeconds provided"
    assert found["BillableTimeInSeconds"] in (1, 2, 3)


def test_a_queued_job_is_stopped_and_one_that_waits_too_long_stops_itself(lab_of):
    lab = lab_of(SLEEP, n_slots=1)
    first = lab.create(own_job("first"))
    lab.wait_for_line(first, "up")
    second = lab.create(own_job("second"))
    spot = {"EnableManagedSpotTraining": True}
    limits = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}
    third = lab.create(own_job("third", StoppingCondition=limits, **spot))
    lab.sagemaker.stop_training_job(TrainingJobName=second)
    assert lab.finished(second)["SecondaryStatus"] == "Stopped"
    found = lab.finished(third)
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "TrainingStartTime" not in found
    lab.sagemaker.stop_training_job(TrainingJobName=first)
    assert lab.finished(first)["TrainingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(7)", "AlgorithmError: Exit Code: 7"),
        (
            "open(ROOT + '/output/failure', 'w').write('no luck'); sys.exit(1)",
            "AlgorithmError: no luck, exit code: 1",
        ),
        ("x = bytearray(2 << 30)", "AlgorithmError: Exit Code: 1"),
    ],
)
def test_a_failing_job_says_why_and_leaves_its_output_only(lab_of, script, reason):
    lab = lab_of("open(ROOT + '/output/data/o', 'w').write('o'); open(ROOT + '/model/m', 'w')\n" + script,
                 job_memory_bytes=1 << 30)  # fmt: skip
    found = lab.run(own_job("mine"))
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"] == reason
    assert lab.archive("out/mine/output/output.tar.gz") == {"o": b"o"}
    assert [each.key for each in lab.objects.list(BUCKET, "out/").objects] == [
        "out/mine/output/output.tar.gz"
    ]


def test_hosts_share_a_sharded_channel_and_have_logs_of_their_own(lab_of):
    lab = lab_of("print(os.environ['CURRENT_HOST'], sorted(os.listdir(ROOT + '/input/data/train')))")
    for number in range(5):
        lab.objects.put(BUCKET, f"train/{number}", io.BytesIO(b"x"))
    sharded = channel("train", s3={"S3DataDistributionType": "ShardedByS3Key"})
    resources = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    found = lab.run(own_job("mine", channels=[sharded], ResourceConfig=resources))
    assert found["TrainingJobStatus"] == "Completed"
    assert lab.lines("mine", "algo-1") == ["algo-1 ['0', '2', '4']"]
    assert lab.lines("mine", "algo-2") == ["algo-2 ['1', '3']"]
    streams = lab.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="mine/")["logStreams"]
    assert [stream["logStreamName"].split("-")[1] for stream in streams] == ["1", "2"]


def test_a_built_in_algorithm_on_two_hosts(lab_of, tmp_path):
    lab = lab_of()
    put_rows(lab.objects, tmp_path, n_files=2)
    resources = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    sharded = channel("train", s3={"S3DataDistributionType": "ShardedByS3Key"})
    found = lab.run(fm_job("fm", channels=[sharded], ResourceConfig=resources))
    assert found["TrainingJobStatus"] == "Completed", found
    assert "artifact.json" in lab.archive("out/fm/output/model.tar.gz")
    assert any("host=algo-2" in line for line in lab.lines("fm", "algo-2"))


def test_checkpoints_come_from_s3_and_go_there(lab_of):
    lab = lab_of("""
folder = ROOT + "/checkpoints"
print(sorted(os.listdir(folder)), open(folder + "/a/before").read())
open(folder + "/after", "w").write("new")
""")
    lab.objects.put(BUCKET, "ck/a/before", io.BytesIO(b"old"))
    lab.objects.put(BUCKET, "ck-other", io.BytesIO(b"not ours"))
    found = lab.run(own_job("mine", CheckpointConfig={"S3Uri": f"s3://{BUCKET}/ck"}))
    assert found["TrainingJobStatus"] == "Completed"
    assert lab.lines("mine") == ["['a'] old"]
    assert [each.key for each in lab.objects.list(BUCKET, "ck/").objects] == ["ck/a/before", "ck/after"]


def test_a_path_of_checkpoints_outside_the_job(lab_of):
    lab = lab_of()
    for number, path in enumerate(("/etc", "/opt/ml/../../etc", "/opt/ml/", "/opt/ml/model/ck")):
        config = {"S3Uri": f"s3://{BUCKET}/ck", "LocalPath": path}
        found = lab.run(own_job(f"mine-{number}", CheckpointConfig=config))
        assert found["FailureReason"].startswith("ClientError: CheckpointConfig: LocalPath must be"), found


def test_a_job_goes_on_after_the_service_was_stopped(lab_of):
    script = """
import time
folder = ROOT + "/checkpoints"
n_before = len(os.listdir(folder))
print("begin", n_before, flush=True)
if n_before == 0:
    open(folder + "/state", "w").write("1"); time.sleep(600)
open(ROOT + "/model/m", "w").write("done")
"""
    lab = lab_of(script)
    name = lab.create(own_job("mine", CheckpointConfig={"S3Uri": f"s3://{BUCKET}/ck"}))
    lab.wait_for_line(name, "begin 0")
    lab_of.close()
    lab = lab_of(script)
    found = lab.finished(name)
    assert found["TrainingJobStatus"] == "Completed", found
    assert lab.lines(name) == ["begin 0", "begin 1"]
    steps = [step["Status"] for step in found["SecondaryStatusTransitions"]]
    assert steps == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading",
        "Completed",
    ]  # fmt: skip


def test_a_job_that_may_not_begin_again_says_so(lab_of):
    lab = lab_of(SLEEP)
    name = lab.create(own_job("mine"))
    lab.wait_for_line(name, "up")
    lab_of.close()
    lab = lab_of(SLEEP)
    found = lab.finished(name)
    assert found["FailureReason"] == (
        "InternalServerError: The job must run to its end; the service was stopped while it ran. It has no "
        "CheckpointConfig to go on from; give it one, or a RetryStrategy, and create it again."
    )
    assert lab.lines(name) == ["up"]


def test_hundreds_of_expressions_and_a_job_with_everything_in_its_log(lab_of):
    lab = lab_of("print('a' * 50 + '!'); print('loss=2.5'); print('\\t\\x1b[0m ü')")
    request = own_job("mine")
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "evil", "Regex": "((?:a+)+)$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}
    ]  # fmt: skip
    found = lab.run(request)
    assert [(m["MetricName"], m["Value"]) for m in found["FinalMetricDataList"]] == [("loss", 2.5)]
    stream = lab.logs.describe_log_streams(logGroupName=GROUP)["logStreams"][0]["logStreamName"]
    events = lab.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    assert events[-1]["message"] == "#011\x1b[0m ü"


def test_files_side_by_side_where_no_archive_is_wanted(lab_of):
    lab = lab_of("open(ROOT + '/model/m', 'w').write('model'); open(ROOT + '/output/data/o', 'w').write('o')")
    output = {"S3OutputPath": f"s3://{BUCKET}/out/", "CompressionType": "NONE"}
    found = lab.run(own_job("mine", OutputDataConfig=output))
    assert found["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/mine/output/model/"
    keys = [each.key for each in lab.objects.list(BUCKET, "out/").objects]
    assert keys == ["out/mine/output/data/o", "out/mine/output/model/m"]


def test_an_output_path_whose_bucket_is_not_there(lab_of):
    lab = lab_of("pass")
    found = lab.run(own_job("mine", OutputDataConfig={"S3OutputPath": "s3://nobody-has-this/out"}))
    assert "OutputDataConfig, S3OutputPath: The specified bucket does not exist" in found["FailureReason"]


def test_a_script_from_its_archive_to_its_model(lab_of):
    lab = lab_of()
    script = b"""
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
asked = parser.parse_args()
print("training", asked.epochs, sorted(os.listdir(os.environ["SM_CHANNEL_TRAINING"])))
print("loss=0.25;")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("learned")
"""
    code = io.BytesIO()
    with tarfile.open(fileobj=code, mode="w:gz") as archive:
        member = tarfile.TarInfo("train.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    lab.objects.put(BUCKET, "code/sourcedir.tar.gz", io.BytesIO(code.getvalue()))
    lab.objects.put(BUCKET, "training/a.csv", io.BytesIO(b"1,2\n"))
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1-cpu-py310"
    request = fm_job("script", image=image, channels=[channel("training")]) | {
        "HyperParameters": {
            "sagemaker_program": '"train.py"', "epochs": "3", "sagemaker_container_log_level": "20",
            "sagemaker_submit_directory": f'"s3://{BUCKET}/code/sourcedir.tar.gz"',
            "sagemaker_job_name": '"script"', "sagemaker_region": '"us-east-1"',
        }
    }  # fmt: skip
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*?);"}]
    found = lab.run(request)
    assert found["TrainingJobStatus"] == "Completed", lab.lines("script")
    assert any(line.startswith("training 3 ") and "['a.csv']" in line for line in lab.lines("script"))
    assert lab.archive("out/script/output/model.tar.gz") == {"model.txt": b"learned"}
    assert [(m["MetricName"], m["Value"]) for m in found["FinalMetricDataList"]] == [("loss", 0.25)]
    request["HyperParameters"] |= {"sagemaker_program": '"other.py"'}
    failed = lab.run(request | {"TrainingJobName": "second"})
    assert failed["FailureReason"].startswith(
        "ClientError: Script mode: sagemaker_program must be a file of the source"
    )
    request["HyperParameters"] |= {"sagemaker_submit_directory": f'"s3://{BUCKET}/nothing"'}
    failed = lab.run(request | {"TrainingJobName": "third"})
    assert failed["FailureReason"].startswith("ClientError: The specified key does not exist.")


def test_a_script_does_not_write_into_the_bucket_through_its_files(lab_of):
    lab = lab_of("""
try:
    open(ROOT + "/input/data/train/a", "r+b").write(b"CHANGED")
except PermissionError:
    print("refused")
""")
    lab.objects.put(BUCKET, "train/a", io.BytesIO(b"content"))
    assert lab.run(own_job("mine", channels=[channel("train")]))["TrainingJobStatus"] == "Completed"
    assert lab.objects.open(BUCKET, "train/a").read() == b"content"


def test_a_command_that_has_opt_ml_written_out(lab_of):
    """As the SDK's third generation sends its scripts."""
    lab = lab_of()
    lab.objects.put(BUCKET, "drivers/run.sh", io.BytesIO(b"cat /opt/ml/input/config/hyperparameters.json; echo; "
                                                         b"echo made > /opt/ml/model/m"))  # fmt: skip
    request = fm_job("entry", image="python:3.11", channels=[channel("drivers")]) | {
        "HyperParameters": {"a": "1"}
    }
    request["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": [
            "-c",
            "chmod +x /opt/ml/input/data/drivers/run.sh && /opt/ml/input/data/drivers/run.sh",
        ],
    }
    found = lab.run(request)
    if any("it is not here" in line for line in lab.lines("entry")):
        pytest.skip("this system lets no process have mounts of its own")
    assert found["TrainingJobStatus"] == "Completed", lab.lines("entry")
    assert lab.lines("entry") == ['{"a": "1"}']
    assert lab.archive("out/entry/output/model.tar.gz") == {"m": b"made\n"}
    assert lab.objects.open(BUCKET, "drivers/run.sh").read().startswith(b"cat")


@pytest.mark.parametrize("name", [".", ".."])
def test_a_channel_that_would_be_another_folder(lab_of, name):
    lab = lab_of()
    lab.objects.put(BUCKET, "x", io.BytesIO(b"x"))
    with pytest.raises(Exception, match="must be that of a folder"):
        lab.create(own_job("mine", channels=[channel(name, f"s3://{BUCKET}/x")]))


def test_more_hosts_than_a_machine_bears(lab_of):
    resources = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1000, "VolumeSizeInGB": 1}
    with pytest.raises(Exception, match=r"ResourceLimitExceeded.*The account-level service limit"):
        lab_of().create(own_job("mine", ResourceConfig=resources))


def test_a_shim_that_is_killed_is_followed_by_another_attempt_where_that_may_be(lab_of):
    lab = lab_of("""
import time
print("begin", flush=True)
if len(os.listdir(ROOT + "/checkpoints")) == 0:
    open(ROOT + "/checkpoints/x", "w").close(); print("up", flush=True); time.sleep(600)
""")
    again = lab.create(own_job("again", CheckpointConfig={"S3Uri": f"s3://{BUCKET}/ck"}))
    lab.wait_for_line(again, "up")
    kill_shim(lab, again)
    assert lab.finished(again)["TrainingJobStatus"] == "Completed"
    assert lab.lines(again) == ["begin", "up", "begin"]


def test_a_job_that_may_not_be_repeated_and_whose_shim_is_killed(lab_of):
    lab = lab_of(SLEEP)
    name = lab.create(own_job("mine"))
    lab.wait_for_line(name, "up")
    kill_shim(lab, name)
    reason = lab.finished(name)["FailureReason"]
    assert reason.startswith(
        "InternalServerError: The job must run to its end; its processes were killed from outside."
    )


def test_a_command_that_is_killed_for_its_memory(lab_of):
    found = lab_of("import signal; os.kill(os.getpid(), signal.SIGKILL)").run(own_job("mine"))
    assert found["FailureReason"].startswith("AlgorithmError: Please use an instance type with more memory")
    assert found["FailureReason"].endswith("exit code: 137")


def test_pipe_mode_and_manifests_train_the_built_in_algorithm(lab_of, tmp_path):
    lab = lab_of()
    put_rows(lab.objects, tmp_path, n_files=3)
    names = [{"prefix": f"s3://{BUCKET}/train/"}, "part-0.pbr", "part-2.pbr"]
    lab.objects.put(BUCKET, "sets/.amazon.manifest", io.BytesIO(json.dumps(names).encode()))
    piped = channel(
        "train", InputMode="Pipe", ContentType="application/x-recordio-protobuf", ShuffleConfig={"Seed": 1}
    )
    found = lab.run(fm_job("piped", channels=[piped]))
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    listed = channel("train", f"s3://{BUCKET}/sets/.amazon.manifest",
                     s3={"S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key"})  # fmt: skip
    found = lab.run(fm_job("listed", channels=[listed]))
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")


def kill_shim(lab, name):
    about = json.loads((lab.service.data / "jobs" / name / "0001" / "shim.json").read_text())
    os.kill(about["pid"], signal.SIGKILL)


def test_jobs_that_wait_run_in_the_order_in_which_they_were_asked_for(lab_of, tmp_path):
    times = tmp_path / "times"
    lab = lab_of(f"""
import time
with open({str(times)!r}, "a") as file:
    file.write(f"begin {{os.environ['TRAINING_JOB_NAME']}}\\n"); file.flush()
    time.sleep(0.1)
    file.write(f"end {{os.environ['TRAINING_JOB_NAME']}}\\n")
""", n_slots=2)  # fmt: skip
    names = [lab.create(own_job(f"job-{number:02}")) for number in range(12)]
    assert {lab.finished(name)["TrainingJobStatus"] for name in names} == {"Completed"}
    said = [line.split() for line in times.read_text().splitlines()]
    begun = [name for what, name in said if what == "begin"]
    assert sorted(begun) == names
    assert all(abs(begun.index(name) - place) <= 1 for place, name in enumerate(names))
    n_running = 0
    for what, _ in said:
        n_running += 1 if what == "begin" else -1
        assert n_running <= 2


def test_a_job_that_is_stopped_while_the_service_stops(lab_of):
    lab = lab_of(SLEEP)
    name = lab.create(own_job("mine"))
    lab.wait_for_line(name, "up")
    with lab.service.database.transaction() as t:
        job = t.get("training-job", name)
        t.update(moved(job, "Stopping", time.time(), status="Stopping", stop_reason="stop"))
    lab_of.close()
    found = lab_of(SLEEP).finished(name)
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in found
