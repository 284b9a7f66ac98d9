"""``model.tar.gz``: what goes in comes out, and nothing from a bad archive reaches the disk or runs."""

import errno
import io
import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import ABOUT, Artifact, load_artifact, save_artifact, save_artifact_folder
from pairloom.encoding import FeatureEncoder
from pairloom.errors import DataError, PlatformError, UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.formats.model_archive import Limits

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


def test_the_same_model_makes_the_same_bytes(artifact, tmp_path, monkeypatch):
    for name, seconds in (("first.tar.gz", 1e9), ("again.tar.gz", 2e9)):
        monkeypatch.setattr("time.time", lambda seconds=seconds: seconds)
        save_artifact(artifact, tmp_path / name)
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "again.tar.gz").read_bytes()


def test_a_folder_holds_what_an_archive_holds(artifact, tmp_path):
    save_artifact_folder(artifact, tmp_path / "model")
    save_artifact(artifact, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        packed = {member.name: archive.extractfile(member).read() for member in archive}
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == packed
    assert np.array_equal(scores(load_artifact(tmp_path / "model")), scores(artifact))


def test_what_a_killed_process_left_is_taken_away(artifact, tmp_path):
    (tmp_path / ".saving-x").mkdir()
    (tmp_path / ".saving-x" / "model.json").write_text("half")
    save_artifact_folder(artifact, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "artifact.json", "encoder.safetensors", "model.json", "model.safetensors",
    ]  # fmt: skip


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


def refused_in(folder, path, monkeypatch, **limits):
    """Load an archive with all temporary files in `folder` and return the one sentence and what is left there."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(DataError) as caught:
        load_artifact(path, limits=Limits(**limits))
    return str(caught.value), list(folder.iterdir())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../model.json", b"x", b"0")], "plain files side by side"),
        ([("/model.json", b"x", b"0")], "plain files side by side"),
        ([("model.json", b"", b"1")], "a hard link"),
        ([("model.json", b"", b"2")], "a symbolic link"),
        ([("model.json", b"", b"3")], "a device"),
        ([("model.json", b"", b"6")], "a FIFO"),
        ([("model.json", b"x", b"0"), ("model.json", b"y", b"0")], "'model.json' twice"),
        ([("model.json", bytes(3 << 20), b"0")], "at most 2,000,000 bytes in all"),
    ],
)
def test_a_hostile_archive_leaves_nothing_behind(members, message, tmp_path, monkeypatch):
    path, work = tmp_path / "model.tar.gz", tmp_path / "work"
    work.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", len(content)
            archive.addfile(member, io.BytesIO(content))
    sentence, left = refused_in(work, path, monkeypatch, total_bytes=2_000_000)
    assert message in sentence
    assert left == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model.tar.gz", "work"]


def test_a_bomb_is_stopped_by_the_limits_everyone_gets(tmp_path, monkeypatch):
    path, work = tmp_path / "model.tar.gz", tmp_path / "work"
    work.mkdir()
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("model.json")
        member.size = 400 << 20
        archive.addfile(member, Zeros(member.size))
    assert path.stat().st_size < 4 << 20
    sentence, left = refused_in(work, path, monkeypatch)
    assert "at most 200 bytes for each packed one" in sentence
    assert left == []


class Zeros(io.RawIOBase):
    def __init__(self, n_bytes):
        self.left = n_bytes

    def readinto(self, buffer):
        n = min(len(buffer), self.left)
        buffer[:n] = bytes(n)
        self.left -= n
        return n


def test_a_full_disk_is_no_fault_of_the_archive(artifact, tmp_path, monkeypatch):
    save_artifact(artifact, tmp_path / "model.tar.gz")

    class Full(io.RawIOBase):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", **more: Full() if "x" in mode else opened(path, mode, **more)
    )
    with pytest.raises(PlatformError, match=r"No space left on device\. Free space there"):
        load_artifact(tmp_path / "model.tar.gz")


def test_what_cannot_be_opened_is_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder"):
        load_artifact(tmp_path / "folder")
