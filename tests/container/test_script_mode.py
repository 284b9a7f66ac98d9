"""Scripts of somebody's own: what they find, how they fail, and archives that would get out."""

import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

import pairloom
from pairloom.container.script_mode.source import unpack
from pairloom.container.script_mode.variables import arguments_of, meant
from pairloom.errors import UserError

SOURCE = str(Path(pairloom.__file__).resolve().parents[1])


def packed(path, members):
    """An archive; a member is contents, or a TarInfo."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def linking(to, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, to
    return member


class Script:
    """A job in a folder whose code is an archive."""

    def __init__(self, root, script, hyperparameters=None, members=(), **changes):
        self.root = root
        for name in ("input/config", "input/data/train", "model", "output/data", "code"):
            (root / name).mkdir(parents=True)
        given = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"s3://b/sourcedir.tar.gz"'}
        self.configure("hyperparameters", {**given, **(hyperparameters or {}), **changes})
        self.configure("inputdataconfig", {"train": {"TrainingInputMode": "File"}})
        self.configure("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"]})
        packed(root / "input/config/sourcedir.tar.gz", [("train.py", script.encode()), *members])

    def configure(self, name, content):
        (self.root / f"input/config/{name}.json").write_text(json.dumps(content))

    def start(self, **environment):
        surroundings = {
            "PYTHONPATH": SOURCE,
            "PAIRLOOM_ML_ROOT": str(self.root),
            "PATH": "/usr/bin:/bin",
            **environment,
        }
        command = [sys.executable, "-m", "pairloom.container.script_mode"]
        return subprocess.Popen(
            command,
            env=surroundings,
            cwd=self.root / "code",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **environment):
        process = self.start(**environment)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, out, err

    @property
    def failure(self):
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else None


def test_a_script_finds_what_the_toolkit_promises(tmp_path):
    script = """
import json, os, sys, helper
print("ARGUMENTS", json.dumps(sys.argv[1:]))
print("VARIABLES", json.dumps({n: v for n, v in os.environ.items() if n.startswith("SM_")}))
open(os.path.join(os.environ["SM_MODEL_DIR"], "m"), "w").write(helper.WORD)
"""
    hyperparameters = {
        "epochs": "3",
        "b": "0.5",
        "name": '"a b"',
        "flag": "true",
        "list": "[1, 2]",
        "bare": "word",
    }
    job = Script(tmp_path, script, hyperparameters, [("helper.py", b"WORD = 'helped'"), ("deep/x.txt", b"x")])
    code, out, err = job.run(SM_NUM_CPUS="2")
    assert (code, job.failure) == (0, None), err
    said = dict(line.split(" ", 1) for line in out.splitlines() if line.startswith(("ARG", "VAR")))
    assert json.loads(said["ARGUMENTS"]) == [
        "-b", "0.5", "--bare", "word", "--epochs", "3", "--flag", "True", "--list", "[1, 2]", "--name", "a b",
    ]  # fmt: skip
    found = json.loads(said["VARIABLES"])
    assert found["SM_CHANNELS"] == '["train"]'
    assert found["SM_CHANNEL_TRAIN"] == str(tmp_path / "input/data/train")
    assert found["SM_MODEL_DIR"] == str(tmp_path / "model")
    assert found["SM_HP_EPOCHS"] == "3"
    assert found["SM_HP_NAME"] == "a b"
    assert json.loads(found["SM_HPS"]) == {
        "epochs": 3, "b": 0.5, "name": "a b", "flag": True, "list": [1, 2], "bare": "word",
    }  # fmt: skip
    assert found["SM_NUM_CPUS"] == "2"
    assert found["SM_USER_ENTRY_POINT"] == "train.py"
    promised = """CHANNELS HPS USER_ARGS CURRENT_HOST HOSTS NUM_CPUS NUM_GPUS NUM_NEURONS MODEL_DIR OUTPUT_DATA_DIR
        OUTPUT_DIR INPUT_DIR INPUT_CONFIG_DIR INPUT_DATA_CONFIG RESOURCE_CONFIG NETWORK_INTERFACE_NAME MODULE_NAME
        MODULE_DIR
        USER_ENTRY_POINT FRAMEWORK_MODULE FRAMEWORK_PARAMS LOG_LEVEL TRAINING_ENV IS_HETERO CURRENT_INSTANCE_TYPE
        CURRENT_INSTANCE_GROUP"""
    assert {f"SM_{name}" for name in promised.split()} <= set(found)
    assert json.loads(found["SM_TRAINING_ENV"])["channel_input_dirs"] == {
        "train": str(tmp_path / "input/data/train")
    }
    assert (tmp_path / "model/m").read_text() == "helped"
    assert (tmp_path / "output/success").exists()


def test_a_failing_script_says_why(tmp_path):
    code, _, err = (job := Script(tmp_path, "print('so far'); raise ValueError('no data')", {"k": "1"})).run()
    assert code == 1
    assert "ValueError: no data" in err
    assert job.failure.startswith('ExecuteUserScriptError:\nExitCode 1\nErrorMessage "')
    assert 'ValueError: no data"\nCommand "' in job.failure
    assert job.failure.endswith('train.py -k 1"')


def test_a_script_that_is_asked_to_stop(tmp_path):
    script = """
import os, signal, sys, time
def stop(*_):
    os.write(1, b"stopping\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True); time.sleep(600)
"""
    process = Script(tmp_path, script).start()
    try:
        while process.stdout.readline() != "up\n":
            assert process.poll() is None
        process.terminate()
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "stopping\n"), err


def test_a_script_ends_with_who_runs_it(tmp_path):
    process = Script(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(600)").start()
    try:
        while not (line := process.stdout.readline()).strip().isdecimal():
            assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 10
    status = Path(f"/proc/{line.strip()}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("named", ['"../../x.py"', '"/etc/passwd"', '"missing.py"', "5", '""'])
def test_an_entry_point_that_is_none(tmp_path, named):
    job = Script(tmp_path, "pass", sagemaker_program=named)
    assert job.run()[0] == 2
    assert job.failure.startswith("ClientError\nScript mode: sagemaker_program must be ")


@pytest.mark.parametrize("named", ["/etc", "s3://b/k", "/opt/ml/../../etc", "/opt/ml/input/data/nothing"])
def test_a_source_that_is_nowhere(tmp_path, named):
    job = Script(tmp_path, "pass", sagemaker_submit_directory=json.dumps(named))
    (tmp_path / "input/config/sourcedir.tar.gz").unlink()
    assert job.run()[0] == 2
    assert job.failure.startswith("ClientError\nScript mode: sagemaker_submit_directory must ")


def test_a_source_in_a_channel(tmp_path):
    job = Script(tmp_path, "pass", sagemaker_submit_directory='"/opt/ml/input/data/code"')
    (tmp_path / "input/config/sourcedir.tar.gz").unlink()
    (tmp_path / "input/data/code").mkdir()
    (tmp_path / "input/data/code/train.py").write_text("print('from the channel')")
    code, out, _ = job.run()
    assert (code, "from the channel" in out) == (0, True)


def test_a_shell_script(tmp_path):
    job = Script(tmp_path, "", members=[("run.sh", b"echo said $1 $2")], sagemaker_program='"run.sh"', a="1")
    code, out, _ = job.run()
    assert (code, out.splitlines()[-1]) == (0, "said -a 1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no-such-package-of-ours==9", "are not all installed here"),
        ("numpy==0.0.1", "are not all installed here"),
        ("https://example.com/x.whl", "must name a package, for nothing is fetched"),
        ("x @ https://example.com/x", "must name a package, for nothing is fetched"),
        ("-e .", "must name a package"),
        ("--index-url http://localhost", "must name a package"),
        ("./local", "must name a package"),
    ],
)
def test_requirements_that_are_not_there_are_not_fetched(tmp_path, line, message):
    job = Script(tmp_path, "pass", members=[("requirements.txt", f"# ours\n{line}\n".encode())])
    assert job.run()[0] == 2
    assert message in job.failure


def test_requirements_that_are_there(tmp_path):
    job = Script(tmp_path, "print('ran')", members=[("requirements.txt", b"numpy>=1.26  # arrays\n\n")])
    code, out, err = job.run()
    assert (code, "ran" in out) == (0, True), err


def test_a_policy_that_is_none(tmp_path):
    job = Script(tmp_path, "pass", members=[("requirements.txt", b"numpy")])
    assert job.run(PAIRLOOM_SCRIPT_REQUIREMENTS="always")[0] == 2
    assert "must be check or install" in job.failure


@pytest.mark.parametrize(
    "members",
    [
        [("../x", b"x")],
        [("/tmp/x", b"x")],
        [("a/../../x", b"x")],
        [("link", linking("/etc"))],
        [("link", linking("../x"))],
        [("a/link", linking("../../x"))],
        [("link", linking("/etc")), ("link/passwd", b"x")],
        [("one", linking("two")), ("two", linking(".."))],
        [("a", linking("b")), ("b", linking("c/d")), ("c", linking(".")), ("d", linking("e")), ("e", linking("../.."))],
        [("loop", linking("loop"))],
        [("hard", linking("/etc/passwd", tarfile.LNKTYPE))],
        [("hard", linking("missing", tarfile.LNKTYPE))],
        [("fifo", linking("", tarfile.FIFOTYPE))],
        [("device", linking("", tarfile.CHRTYPE))],
        [("file", b"x"), ("file/below", b"x")],
    ],
    ids=lambda members: "+".join(name for name, _ in members),
)  # fmt: skip
def test_archives_that_would_get_out_are_refused(tmp_path, members):
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    before = sorted(path for path in tmp_path.rglob("*"))
    archive = packed(tmp_path / "archive", members)
    with pytest.raises(UserError, match="sagemaker_submit_directory must be an archive with"):
        unpack(archive, home)
    archive.unlink()
    outside = sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(home))
    assert outside == [path for path in before if path != home]


def test_links_within_the_source_are_kept(tmp_path):
    archive = packed(
        tmp_path / "archive",
        [("a/b.py", b"b"), ("c.py", linking("a/b.py")), ("a/d.py", linking("../c.py")),
         ("h.py", linking("a/b.py", tarfile.LNKTYPE)), ("./", linking("", tarfile.DIRTYPE))],
    )  # fmt: skip
    home = tmp_path / "home"
    unpack(archive, home)
    assert {name: (home / name).read_text() for name in ("c.py", "a/d.py", "h.py")} == dict.fromkeys(
        ("c.py", "a/d.py", "h.py"), "b"
    )


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b" + b"\0" * 50])
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(UserError, match="an archive that can be read"):
        unpack(tmp_path / "archive", tmp_path / "home")


def test_an_archive_that_is_cut_off(tmp_path):
    archive = packed(tmp_path / "archive", [("a", bytes(range(256)) * 4000)])
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(UserError, match="an archive that can be read"):
        unpack(archive, tmp_path / "home")


def test_an_archive_of_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("pairloom.container.script_mode.source.LARGEST_BYTES", 1000)
    with pytest.raises(UserError, match="1,000 bytes in all"):
        unpack(packed(tmp_path / "archive", [("a", bytes(600)), ("b", bytes(600))]), tmp_path / "home")


def test_words_of_the_sdk_are_parted_from_those_of_the_script():
    own, sdk = meant({"sagemaker_program": '"x.py"', "n": "3", "s": '"q"', "broken": '{"a"', "none": "null"})
    assert sdk == {"sagemaker_program": "x.py"}
    assert own == {"n": 3, "s": "q", "broken": '{"a"', "none": None}
    assert arguments_of({"m": {"b": 1, "a": 2}}) == ["-m", "a=2,b=1"]
