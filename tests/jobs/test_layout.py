"""What a job finds when it starts, and inputs that cannot become files."""

import json
import sys

import pytest
from attempts import RunningJob, file_channel, file_of, python_job

from pairloom.errors import PlatformError, UserError
from pairloom.jobs.attempt_files import AttemptFiles
from pairloom.jobs.launching import open_attempt
from pairloom.jobs.layout import lay_out
from pairloom.jobs.specification import Channel, InputFile, safe_name

SHOW = """import json, os, pathlib, sys
root = pathlib.Path(sys.argv[1])
print(json.dumps({
    "files": sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()),
    "config": {p.stem: json.loads(p.read_text()) for p in (root / "input" / "config").iterdir()},
    "root": os.environ["PAIRLOOM_ML_ROOT"], "argument": sys.argv[1], "here": os.getcwd(),
    "mine": os.environ["MINE"],
}))
"""


def lay(tmp_path, channels, **more):
    folder = tmp_path / "0001"
    attempt = open_attempt(folder)
    try:
        job = python_job("pass", channels=channels, **more)
        lay_out(job, AttemptFiles(folder), dict.fromkeys(job.hosts, tmp_path / "log"))
    finally:
        attempt.close()
    return AttemptFiles(folder)


def test_a_job_finds_its_tree(tmp_path):
    folder = tmp_path / "objects"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.csv").write_text("1")
    (folder / "inner" / "b.csv").write_text("2")
    channel = file_channel("train", folder, words={"ContentType": "text/csv", "TrainingInputMode": "File"})
    job = python_job(
        SHOW,
        channels=[channel],
        hyperparameters={"k": "1"},
        environment={"MINE": "yes"},
        instance_type="ml.c5.xlarge",
        archives={"code/sourcedir.tar.gz": file_of(folder / "a.csv")},
        configuration={"checkpointconfig": {"LocalPath": "/opt/ml/checkpoints"}},
        checkpoints=tmp_path,
    )
    with RunningJob(tmp_path / "0001", job) as running:
        running.wait()
        said = json.loads(running.lines()[0])
    root = str(running.files.host("algo-1"))
    assert said["root"] == said["argument"] == root
    assert said["here"] == f"{root}/code"
    assert said["mine"] == "yes"
    assert said["files"][:1] == ["code/sourcedir.tar.gz"]
    assert {"input/data/train/a.csv", "input/data/train/inner/b.csv"} < set(said["files"])
    config = said["config"]
    assert config["hyperparameters"] == {"k": "1"}
    assert config["inputdataconfig"] == {"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}}
    assert config["checkpointconfig"] == {"LocalPath": "/opt/ml/checkpoints"}
    assert config["resourceconfig"]["current_host"] == "algo-1"
    assert config["resourceconfig"]["hosts"] == ["algo-1"]
    assert config["resourceconfig"]["current_instance_type"] == "ml.c5.xlarge"


def test_files_of_a_sharded_channel_are_dealt_to_the_hosts(tmp_path):
    channel = Channel("train", "File", tuple((content_file(f"f{n}"),) for n in range(5)), is_sharded=True)
    whole = Channel("test", "File", ((content_file("t"),),))
    files = lay(tmp_path, [channel, whole], hosts=("algo-1", "algo-2"))
    names = {
        h: sorted(p.name for p in (files.host(h) / "input/data/train").iterdir())
        for h in ("algo-1", "algo-2")
    }
    assert names == {"algo-1": ["f0", "f2", "f4"], "algo-2": ["f1", "f3"]}
    assert all((files.host(host) / "input/data/test/t").exists() for host in ("algo-1", "algo-2"))


def test_too_few_objects_for_the_hosts(tmp_path):
    channel = Channel("train", "File", ((content_file("only"),),), is_sharded=True)
    with pytest.raises(UserError, match=r"must hold an object for each of 2 hosts, .* Got 1\."):
        lay(tmp_path, [channel], hosts=("algo-1", "algo-2"))


@pytest.mark.parametrize("names", [("dir", "dir/x"), ("dir/x", "dir"), ("same", "same")])
def test_names_that_exclude_each_other(tmp_path, names):
    channel = Channel("train", "File", tuple((content_file(name),) for name in names))
    with pytest.raises(
        UserError, match=r"Channel 'train': .* another object takes that name or a folder of it"
    ):
        lay(tmp_path, [channel])


def test_a_disk_that_takes_nothing(tmp_path):
    def full(target):
        raise OSError(28, "No space left on device")

    with pytest.raises(PlatformError, match=r"must be writable and have room\. Got: No space left on device"):
        lay(tmp_path, [Channel("train", "File", ((InputFile("a", full),),))])


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "..", ".", "", "/", "a\0b", "x" * 256, "/".join("ab" for _ in range(2000))]
)
def test_names_that_lead_elsewhere(name):
    with pytest.raises(UserError, match="s3://b/k: "):
        safe_name(name, "s3://b/k")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a//b", "a/b"),
        ("/etc/passwd", "etc/passwd"),
        ("a b\n/ü", "a b\n/ü"),
        ("...", "..."),
        ("x" * 255, "x" * 255),
    ],
)
def test_names_that_become_files(name, safe):
    assert safe_name(name, "k") == safe


def test_python_is_this_one():
    assert python_job("pass").command[0] == sys.executable


def content_file(name):
    return InputFile(name, lambda target: target.write_text(name))
