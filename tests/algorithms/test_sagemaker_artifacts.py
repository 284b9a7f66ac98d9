"""Models that SageMaker trained: read without MXNet, written so that MXNet takes them, hostile ones refused."""

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.algorithms.sagemaker_artifacts import FILE_NAME, write_model_file
from pairloom.artifact import Artifact, load_artifact, save_artifact, save_artifact_folder
from pairloom.errors import DataError, UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.formats.matrices import rows_of_matrix
from pairloom.formats.model_archive import Limits
from pairloom.formats.mxnet_arrays import serialize_arrays

GOLDEN = Path(__file__).parent / "golden"
ROWS = rows_of_matrix(
    np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 2.5], [0, 0, 1, 1, -1], [0, 0, 0, 0, 0]], np.float32)
)
# What MXNet 1.9.1 predicts for ROWS: see golden/write_with_mxnet.py.
BY_MXNET = {
    "regressor": [2.1476709842681885, 0.9745951890945435, 1.9775002002716064, 1.1554898023605347],
    "classifier": [0.8954509496688843, 0.7260344624519348, 0.8784143924713135, 0.7605122327804565],
}
LINEAR_BY_MXNET = {
    "regressor": [1.470075249671936, -1.7053254842758179, 0.8619275093078613, 0.0014459009980782866],
    "binary": [0.8130688071250916, 0.15377099812030792, 0.7030632495880127, 0.500361442565918],
    "multiclass": [
        [0.3039436936378479, 0.5825965404510498, 0.11345984786748886],
        [0.013356289826333523, 0.8578965663909912, 0.1287470906972885],
        [0.2882084548473358, 0.1948796808719635, 0.5169119238853455],
        [0.12355399876832962, 0.5037869811058044, 0.3726590871810913],
    ],
}
V = np.arange(6, dtype=np.float32).reshape(3, 2)
ARRAYS = {"arg:v": V, "arg:w1_weight": V[:, :1], "arg:w0_weight": V[:1, 1]}


def symbol(*operators):
    return json.dumps({"nodes": [{"op": name} for name in ("null", *operators)]}).encode()


def zip_of(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return stream.getvalue()


def machine_file(arrays=ARRAYS, operator="LinearRegressionOutput", **more):
    files = {"symbol.json": symbol(operator), "params": serialize_arrays(arrays)} | more
    return zip_of(files.items())


@pytest.fixture
def pack(tmp_path):
    def packed(content):
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo(FILE_NAME)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return path

    return packed


@pytest.mark.parametrize("task", BY_MXNET)
def test_what_mxnet_wrote_predicts_what_mxnet_does(task):
    artifact = load_artifact(GOLDEN / f"factorization-machines-{task}.tar.gz")
    assert (artifact.algorithm, artifact.encoder) == ("factorization-machines", None)
    answers = artifact.model.predict(ROWS)
    np.testing.assert_allclose(answers["score"], BY_MXNET[task], rtol=1e-5)
    assert ("predicted_label" in answers) == (task == "classifier")


@pytest.mark.parametrize("task", BY_MXNET)
def test_a_model_comes_back_from_what_is_written_for_mxnet(task, tmp_path):
    artifact = load_artifact(GOLDEN / f"factorization-machines-{task}.tar.gz")
    save_artifact(artifact, tmp_path / "both.tar.gz", model_algo_1=True)
    with tarfile.open(tmp_path / "both.tar.gz") as archive:
        content = archive.extractfile(FILE_NAME).read()
        assert "artifact.json" in archive.getnames()
    save_artifact_folder(artifact, tmp_path / "folder", model_algo_1=True)
    assert (tmp_path / "folder" / FILE_NAME).read_bytes() == content
    (tmp_path / "folder" / "artifact.json").unlink()  # now SageMaker's file is all there is to go by
    again = load_artifact(tmp_path / "folder")
    assert np.array_equal(again.model.predict(ROWS)["score"], artifact.model.predict(ROWS)["score"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["symbol.json", "params", "meta.json"]
        written = json.loads(archive.read("symbol.json"))
    with tarfile.open(GOLDEN / f"factorization-machines-{task}.tar.gz") as archive:
        golden = json.loads(zipfile.ZipFile(archive.extractfile(FILE_NAME)).read("symbol.json"))
    assert sorted(node["op"] for node in written["nodes"]) == sorted(node["op"] for node in golden["nodes"])
    assert written["nodes"][-1]["name"] == golden["nodes"][-1]["name"] == "out"


def test_the_centres_that_mxnet_wrote_and_those_that_people_write_by_hand(tmp_path):
    artifact = load_artifact(GOLDEN / "kmeans.tar.gz")
    assert (artifact.algorithm, artifact.model.n_features) == ("kmeans", 5)
    answers = artifact.model.predict(ROWS)
    assert answers["closest_cluster"].tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(answers["distance_to_cluster"], [0, 1.5, 3**0.5, 0], atol=1e-6)
    save_artifact_folder(artifact, tmp_path, model_algo_1=True)
    with tarfile.open(GOLDEN / "kmeans.tar.gz") as archive:
        assert (tmp_path / FILE_NAME).read_bytes() == archive.extractfile(FILE_NAME).read()


@pytest.mark.parametrize("task", LINEAR_BY_MXNET)
def test_a_linear_learner_predicts_what_mxnet_does(task, tmp_path):
    artifact = load_artifact(GOLDEN / f"linear-learner-{task}.tar.gz")
    assert artifact.algorithm == "linear-learner"
    answers = artifact.model.predict(ROWS)
    np.testing.assert_allclose(answers["score"], LINEAR_BY_MXNET[task], rtol=1e-5, atol=1e-6)
    labels = {"binary": [1, 0, 1, 1], "multiclass": [1, 1, 2, 1]}.get(task)
    assert (answers["predicted_label"].tolist() if labels else None) == labels
    (tmp_path / FILE_NAME).write_bytes(write_model_file("linear-learner", artifact.model))
    again = load_artifact(tmp_path).model.predict(ROWS)
    assert np.array_equal(again["score"], answers["score"])


def linear_file(weights, bias, operator="LinearRegressionOutput", **more):
    params = serialize_arrays({"arg:fc0_weight": weights, "arg:fc0_bias": bias})
    return zip_of(({"mx-mod-symbol.json": symbol(operator), "mx-mod-0000.params": params} | more).items())


def test_what_a_linear_learner_is_may_be_said_or_told(pack):
    weights, bias = V[:1], V[0, :1]
    said = json.dumps({"model": {"predictor_type": "binary_classifier", "threshold": 0.7}}).encode()
    machine = load_artifact(
        pack(linear_file(weights, bias, "FullyConnected", **{"manifest.json": said}))
    ).model.machine
    assert (machine.task, machine.loss, machine.threshold) == ("binary", "logistic", 0.7)
    plain = pack(linear_file(weights, bias, "FullyConnected"))
    assert load_artifact(plain, told={"predictor_type": "regressor"}).model.machine.task == "regression"
    with pytest.raises(DataError, match="Say predictor_type, one of binary_classifier, regressor"):
        load_artifact(plain)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((V, V[0, :1]), "a bias for every output"),
        ((V[0], V[0, :1]), "an array of 2 dimensions"),
        ((V[:1] + np.float32(np.nan), V[0, :1]), "finite numbers"),
        ((V[:0], V[0, :0]), "a bias for every output"),
    ],
)
def test_linear_learners_that_are_none(pack, arrays, message):
    with pytest.raises(DataError, match=message):
        load_artifact(pack(linear_file(*arrays)))


def test_the_components_that_mxnet_wrote(tmp_path):
    artifact = load_artifact(GOLDEN / "pca.tar.gz")
    assert (artifact.algorithm, artifact.model.n_features) == ("pca", 5)
    components, _ = np.linalg.qr(np.random.RandomState(7).normal(size=(5, 2)))
    rows = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 2.5], [0, 0, 1, 1, -1], [0, 0, 0, 0, 0]])
    expected = (rows - [0.1, 0.2, 0.3, 0.4, 0.5]) @ components
    answers = artifact.model.predict(ROWS)["projection"]
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    (tmp_path / FILE_NAME).write_bytes(write_model_file("pca", artifact.model))
    assert np.array_equal(load_artifact(tmp_path).model.predict(ROWS)["projection"], answers)


@pytest.mark.parametrize(
    "arrays",
    [{"s": V[0], "v": V, "mean": V[0]}, {"s": V[:, 0], "v": V}, {"s": V[0, :0], "v": V[:, :0]}],
)
def test_components_that_do_not_fit(pack, arrays):
    with pytest.raises(DataError, match="as many means and singular values"):
        load_artifact(pack(serialize_arrays(arrays)))


def test_cut_predictions_stay_cut(tmp_path):
    machine = FactorizationMachine.from_arrays(
        "regression", 9.0, V[:, 0], V, label_range=(1.0, 5.0), clip_predictions=True
    )
    save_artifact(
        Artifact("factorization-machines", FactorizationMachinesModel(machine)), tmp_path / "model.tar.gz"
    )
    (tmp_path / FILE_NAME).write_bytes(
        write_model_file("factorization-machines", FactorizationMachinesModel(machine))
    )
    assert load_artifact(tmp_path).model.predict(rows_of_matrix(V[:, :1]))["score"].max() == 5.0


def test_a_dense_model_has_its_factors_the_other_way_round(pack):
    dense = {"v": V.T.copy(), "Linear_Plus_Bias_weight": V[:, :1].T.copy(), "Linear_Plus_Bias_bias": V[:1, 1]}
    rows = rows_of_matrix(np.eye(3, dtype=np.float32))
    expected = load_artifact(pack(machine_file())).model.predict(rows)["score"]
    assert np.array_equal(load_artifact(pack(machine_file(dense))).model.predict(rows)["score"], expected)


def test_bias_and_linear_weights_may_be_absent(pack):
    model = load_artifact(pack(machine_file({"v": V}))).model
    assert model.machine.bias == 0.0
    assert not model.machine.weights.any()


@pytest.mark.parametrize(
    ("operator", "meta", "told", "task"),
    [
        ("LogisticRegressionOutput", None, None, "classification"),
        ("sigmoid", None, None, "classification"),
        ("MAERegressionOutput", None, None, "regression"),
        (
            "MakeLoss",
            {"training_parameters": {"predictor_type": "binary_classifier"}},
            None,
            "classification",
        ),
        ("MakeLoss", None, {"predictor_type": "regressor"}, "regression"),
        ("LinearRegressionOutput", None, {"predictor_type": "binary_classifier"}, "classification"),
    ],
)
def test_what_it_predicts_is_found_or_told(pack, operator, meta, told, task):
    more = {} if meta is None else {"meta.json": json.dumps(meta).encode()}
    assert load_artifact(pack(machine_file(operator=operator, **more)), told=told).model.machine.task == task


HUGE = struct.pack("<QQQIii2q", 0x112, 0, 1, 0xF993FAC9, 0, 2, 2**40, 2**40) + bytes(100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "model_algo-1, byte 0"),
        (b"\x80\x04\x95pickled", "magic number 0x112"),
        (b"PK\x03\x04 and no more", "a sound zip"),
        (serialize_arrays({"other": V}), "Got a file with array 'other'"),
        (serialize_arrays([V, V]), "Got a file with 2 arrays without names"),
        (serialize_arrays([V[0]]), "field 'centers': expected an array of 2 dimensions"),
        (serialize_arrays([V + np.float32(np.inf)]), "field 'centers': expected finite numbers"),
        (serialize_arrays([V[:0]]), "centers of at least one cluster and feature"),
        (zip_of([("symbol.json", b"{}")]), "a zip with one file of parameters"),
        (zip_of([("params", HUGE)]), "dimensions that the file can hold"),
        (machine_file(operator="MakeLoss"), "Say predictor_type, 'binary_classifier' or 'regressor'"),
        (machine_file(**{"symbol.json": b"{"}), "symbol.json: expected JSON"),
        (machine_file(**{"symbol.json": b"[" * 100_000}), "symbol.json: expected JSON"),
        (machine_file(**{"symbol.json": b"[]"}), "a symbol that ends in one of"),
        (machine_file(**{"meta.json": b'{"training_parameters":{"predictor_type":"x"}}'}), "predictor_type 'x'"),
        (machine_file(**{"meta.json": b'{"clip_predictions": [5, 1]}'}), "expected two numbers"),
        (machine_file(ARRAYS | {"arg:v": V[:2]}), "a weight for every row of factors"),
        (machine_file(ARRAYS | {"arg:v": V[0]}), "an array of 2 dimensions. Got 1 dimensions"),
        (machine_file(ARRAYS | {"arg:v": V * np.float32(np.nan)}), "finite numbers"),
        (machine_file(ARRAYS | {"arg:w0_weight": V.ravel()}), "a bias of one number"),
        (machine_file(ARRAYS | {"arg:w1_weight": V[:, :1].astype(np.float64) + 1e300}), "finite numbers"),
    ],
)  # fmt: skip
def test_files_that_are_no_model(pack, content, message):
    with pytest.raises(DataError) as caught:
        load_artifact(pack(content))
    assert message in str(caught.value)
    assert FILE_NAME in str(caught.value)


def test_a_zip_with_a_name_twice(pack):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zip_of([("params", b""), ("params", b"")])
    with pytest.raises(DataError, match="'params' twice"):
        load_artifact(pack(content))


def test_a_bomb_in_the_zip(pack):
    content = zip_of([("symbol.json", bytes(3 << 20)), ("params", bytes(3 << 20))])
    with pytest.raises(DataError, match="at most 200 bytes for each packed one"):
        load_artifact(pack(content), limits=Limits(ratio_free_bytes=2 << 20))
    many = zip_of((f"{i}", b"") for i in range(20))
    with pytest.raises(DataError, match="at most 10 files"):
        load_artifact(pack(many), limits=Limits(n_members=10))


def test_every_truncation_is_refused(pack):
    content = machine_file()
    for end in range(0, len(content), 23):
        with pytest.raises(DataError):
            load_artifact(pack(content[:end]))


def test_an_algorithm_without_such_a_form():
    with pytest.raises(UserError, match="SageMaker's form is known for"):
        write_model_file("no-such", None)
