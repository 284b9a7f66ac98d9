"""``model.tar.gz``: what goes in comes out, and nothing from a bad archive reaches the disk or runs."""

import io
import json
import tarfile

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import ABOUT, Artifact, load_artifact, save_artifact, save_artifact_folder
from pairloom.encoding import FeatureEncoder
from pairloom.errors import DataError, UserError
from pairloom.fm.model import FactorizationMachine

RAW = {"user": [1, 2, 2], "item": ["a", "b", "a"]}


@pytest.fixture
def artifact():
    random = np.random.default_rng(0)
    encoder = FeatureEncoder(["user", "item"]).fit(RAW)
    width = encoder.n_features_out_
    weights, factors = random.normal(size=width), random.normal(size=(width, 3))
    machine = FactorizationMachine.from_arrays(
        "regression", 3.5, weights.astype(np.float32), factors.astype(np.float32)
    )
    return Artifact(
        "factorization-machines",
        FactorizationMachinesModel(machine),
        encoder,
        "rating",
        {"num_factors": "3"},
        {"test": {"rmse": 0.9}},
    )


def scores(artifact):
    (batch,) = artifact.encoder.encode(RAW)
    return artifact.model.predict(batch)["score"]


def test_what_is_loaded_is_what_was_saved(artifact, tmp_path):
    path = tmp_path / "new" / "model.tar.gz"
    save_artifact(artifact, path)
    again = load_artifact(path)
    assert np.array_equal(scores(again), scores(artifact))
    assert (again.algorithm, again.label) == ("factorization-machines", "rating")
    assert again.hyperparameters == {"num_factors": "3"}
    assert again.metrics == {"test": {"rmse": 0.9}}
    assert [entry.name for entry in path.parent.iterdir()] == ["model.tar.gz"]


def test_the_same_model_makes_the_same_bytes(artifact, tmp_path):
    for name in ("first.tar.gz", "again.tar.gz"):
        save_artifact(artifact, tmp_path / name)
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "again.tar.gz").read_bytes()


def test_a_folder_holds_what_an_archive_holds(artifact, tmp_path):
    save_artifact_folder(artifact, tmp_path / "model")
    save_artifact(artifact, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        packed = {member.name: archive.extractfile(member).read() for member in archive}
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == packed
    assert np.array_equal(scores(load_artifact(tmp_path / "model")), scores(artifact))


def test_a_model_that_cannot_be_written_leaves_the_old_one(artifact, tmp_path):
    save_artifact_folder(artifact, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Unwritable:
        def save(self, folder):
            (folder / "model.json").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        save_artifact_folder(Artifact("factorization-machines", Unwritable()), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unpacked_folder_is_taken_too(artifact, tmp_path):
    save_artifact(artifact, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        archive.extractall(tmp_path / "folder", filter="data")
    assert np.array_equal(scores(load_artifact(tmp_path / "folder")), scores(artifact))


def test_a_model_by_itself_is_an_artifact_without_an_encoder(artifact, tmp_path):
    artifact.model.save(tmp_path)
    assert load_artifact(tmp_path).encoder is None


def archive_of(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "folder/inside", ".."])
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    path = tmp_path / "model.tar.gz"
    archive_of(path, [(tarfile.TarInfo(name), b"x")])
    with pytest.raises(DataError, match="plain files side by side"):
        load_artifact(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_plain_files_are_taken(kind, tmp_path):
    path = tmp_path / "model.tar.gz"
    member = tarfile.TarInfo("model.json")
    member.type, member.linkname = kind, "/etc/passwd"
    archive_of(path, [(member, b"")])
    with pytest.raises(DataError, match="plain files side by side"):
        load_artifact(path)


def changed(artifact, tmp_path, name, change):
    """Save an artifact with one of its files changed."""
    save_artifact(artifact, tmp_path / "whole.tar.gz")
    with tarfile.open(tmp_path / "whole.tar.gz") as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive.getmembers()]
    path = tmp_path / "changed.tar.gz"
    archive_of(path, [(m, change(content) if m.name == name else content) for m, content in members])
    return path


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (ABOUT, lambda _: b"{", "sound metadata"),
        (ABOUT, lambda _: b"[]", "sound metadata"),
        (ABOUT, lambda c: c.replace(b'"version": 1', b'"version": 99', 1), "version 1 to 1. Got 99"),
        (ABOUT, lambda c: json.dumps(json.loads(c) | {"algorithm": "no-such"}).encode(), "no-such"),
        ("encoder.safetensors", lambda c: c[:-1], "a safetensors file"),
        ("encoder.safetensors", lambda _: b"", "a safetensors file"),
        ("model.safetensors", lambda c: c[: len(c) // 2], "a safetensors file"),
        ("model.json", lambda _: b"null", "a model of format"),
    ],
)
def test_damaged_contents_get_one_error(artifact, tmp_path, name, change, message):
    path = changed(artifact, tmp_path, name, change)
    with pytest.raises(UserError, match=message):
        load_artifact(path)


def test_a_cut_archive_is_refused_unless_padding_alone_is_gone(artifact, tmp_path):
    save_artifact(artifact, tmp_path / "whole.tar.gz")
    whole, expected = (tmp_path / "whole.tar.gz").read_bytes(), scores(artifact)
    path, n_refused = tmp_path / "cut.tar.gz", 0
    lengths = range(0, len(whole), max(1, len(whole) // 40))
    for length in lengths:
        path.write_bytes(whole[:length])
        try:
            assert np.array_equal(scores(load_artifact(path)), expected)
        except UserError:
            n_refused += 1
    assert n_refused > 0.8 * len(lengths)
