"""Nothing in the package can run code that a model, a message or a data file brings along."""

import ast
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, load_artifact, save_artifact
from pairloom.fm.model import FactorizationMachine

SOURCE = Path(__file__).resolve().parents[2] / "src" / "pairloom"
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "code",
    "runpy",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "exec_module",
    "load_module",
    "run_path",
    "read_pickle",
    "to_pickle",
}
ALLOWED = {"re.compile"}
EXCEPTIONS = {"client_environment/start_up/sitecustomize.py": ["spec.loader.exec_module"]}
"""Runs in a user's own program, and imports what that program's environment names by the same name."""


def found_in(tree):
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield module
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if (
                name in CALLS and ast.unparse(node.func) not in ALLOWED
            ):
                yield ast.unparse(node.func)
            case ast.keyword(arg="allow_pickle" | "weights_only", value=value) if (
                ast.unparse(value) != "False"
            ):
                yield ast.unparse(node)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "pd.read_pickle(f)",
        "np.load(f, allow_pickle=True)",
    ],
)
def test_the_scan_finds_what_it_looks_for(text):
    assert list(found_in(ast.parse(text)))


def test_no_module_of_the_package_can_run_what_it_reads():
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file): list(found_in(ast.parse(file.read_text(encoding="utf-8")))) for file in files}
    expected = {str(SOURCE / file): names for file, names in EXCEPTIONS.items()}
    assert {file: names for file, names in found.items() if names} == expected


def test_code_beside_a_model_is_left_alone(tmp_path, monkeypatch):
    machine = FactorizationMachine.from_arrays(
        "regression", 0.0, np.ones(2, np.float32), np.ones((2, 1), np.float32)
    )
    path = tmp_path / "model.tar.gz"
    save_artifact(Artifact("factorization-machines", FactorizationMachinesModel(machine)), path)
    load_artifact(path)  # what the package imports by itself is not what is looked for
    with tarfile.open(path) as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive.getmembers()]
    touch = b"open(%r, 'w')\n" % str(tmp_path / "ran")
    pickled = b"cpathlib\nPath.touch\n(cpathlib\nPath\n(V%s\ntRtR." % str(tmp_path / "ran").encode()
    for name in ("inference.py", "sitecustomize.py", "__init__.py", "numpy.py", "model.pkl", "a.pth"):
        members.append((tarfile.TarInfo(name), pickled if name.endswith(".pkl") else touch))
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    events = []
    recording = [True]

    def listen(event, arguments):
        if recording[0] and event in (
            "exec",
            "compile",
            "pickle.find_class",
            "os.system",
            "subprocess.Popen",
        ):
            events.append((event, str(arguments)))

    sys.addaudithook(listen)
    assert load_artifact(path).model.n_features == 2
    recording[0] = False
    assert [event for event in events if "pairloom-model-" in event[1] or event[0] != "exec"] == []
    assert not (tmp_path / "ran").exists()
