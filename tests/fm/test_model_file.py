"""Model files: bit-equal round trips, and clear errors for whatever is not one."""

import io
import json
import struct
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairloom.errors import DataError, UserError
from pairloom.fm import model_file
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.model_file import FORMAT_VERSION, load_model, save_model
from reference.fm_rows import random_rows

GOLDEN = Path(__file__).parent / "golden"
NAMES = ["model", "model.tar.gz"]


def make_model(n_features: int = 7, n_factors: int = 3) -> FactorizationMachine:
    rng = np.random.default_rng(0)
    return FactorizationMachine.from_arrays(
        "regression", 0.1, rng.normal(size=n_features).astype(np.float32),
        rng.normal(size=(n_features, n_factors)).astype(np.float32), label_range=(1.0, 5.0),
        clip_predictions=True, metadata={"feature_names": ["ä", "b"], "label_scale": [3.5, 1.25]},
    )  # fmt: skip


def assert_same(model: FactorizationMachine, other: FactorizationMachine) -> None:
    assert (model.task, model.bias, model.n_factors) == (other.task, other.bias, other.n_factors)
    assert (model.label_range, model.clip_predictions) == (other.label_range, other.clip_predictions)
    assert dict(model.metadata) == dict(other.metadata)
    assert model.table.tobytes() == other.table.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_bit_for_bit(tmp_path, name):
    model, extra = (
        make_model(),
        {"encoder.ends": np.arange(4), "encoder.data": np.frombuffer(b"abc", np.uint8)},
    )
    save_model(model, tmp_path / name, extra_arrays=extra)
    loaded, arrays = load_model(tmp_path / name)
    assert_same(loaded, model)
    assert arrays.keys() == extra.keys()
    for key, array in extra.items():
        np.testing.assert_array_equal(arrays[key], array)
    rows = random_rows(20, 7)
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))


@pytest.mark.parametrize("name", NAMES)
def test_saving_replaces_what_is_there_and_leaves_nothing_else(tmp_path, name):
    save_model(make_model(3), tmp_path / name)
    save_model(make_model(5), tmp_path / name)
    assert load_model(tmp_path / name)[0].n_features == 5
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == ({"model", "model.json", "model.safetensors"} if name == "model" else {name})


def test_a_model_of_version_1_is_read():
    model, _ = load_model(GOLDEN / "model-v1.tar.gz")
    assert_same(model, make_model())


@pytest.mark.parametrize("name", NAMES)
def test_only_rows_that_are_not_zero_are_stored(tmp_path, name):
    model = make_model(1000, 50)
    model.table[np.r_[0:400, 402:999]] = 0
    save_model(model, tmp_path / name)
    assert_same(load_model(tmp_path / name)[0], model)
    assert sum(path.stat().st_size for path in [tmp_path / name, *(tmp_path / name).rglob("*")]) < 10_000


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured by /proc")
def test_the_width_that_a_file_claims_takes_no_memory(tmp_path):
    model = make_model(1000, 50)
    model.table[3:] = 0
    save_model(model, tmp_path / "model")
    change(tmp_path / "model", n_features=4_000_000)
    before = resident_mb()
    loaded, _ = load_model(tmp_path / "model")
    assert loaded.n_features == 4_000_000
    assert resident_mb() - before < 100  # of 1,280 MB
    rows = random_rows(20, 1000)
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))


def test_a_model_of_zeros_comes_back(tmp_path):
    model = make_model()
    model.table[:] = 0
    save_model(model, tmp_path / "model")
    assert_same(load_model(tmp_path / "model")[0], model)


@pytest.mark.parametrize("rows", [[0, 7], [3, 2], [2, 2], [-1, 2], [1]])
def test_stored_rows_that_do_not_fit(folder, rows):
    arrays = {"weights": np.zeros(2, np.float32), "factors": np.zeros((2, 3), np.float32)}
    (folder / "model.safetensors").write_bytes(safetensors_of(rows=np.array(rows, np.int32), **arrays))
    with pytest.raises(DataError, match="finite float32 weights"):
        load_model(folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    save_model(make_model(), tmp_path / "model")
    return tmp_path / "model"


def change(folder: Path, **fields) -> Path:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return folder


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "other"}, "a model of format 'pairloom-fm'"),
        ({"version": FORMAT_VERSION + 1}, r"version 1 to \d.*Load it with a newer Pairloom"),
        ({"version": "1"}, "version 1 to"),
        ({"version": 0}, "version 1 to"),
        ({"n_features": 8}, "finite float32 weights"),
        ({"n_features": None}, "complete metadata"),
        ({"n_features": float("inf")}, "complete metadata"),
        ({"n_factors": -1}, "finite float32 weights"),
        ({"task": "clustering"}, "finite float32 weights"),
        ({"task": ["regression"]}, "finite float32 weights"),
        ({"bias": float("nan")}, "finite float32 weights"),
        ({"bias": 1e300}, "finite float32 weights"),
        ({"bias": "0.5x"}, "complete metadata"),
        ({"label_range": [1]}, "complete metadata"),
        ({"label_range": {"a": 1}}, "complete metadata"),
    ],
)
def test_metadata_that_does_not_fit(folder, fields, message):
    with pytest.raises(DataError, match=message):
        load_model(change(folder, **fields))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"3", b"null", b"[" * 100_000])
def test_metadata_that_is_no_object(folder, content):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(DataError):
        load_model(folder)


def safetensors_of(**arrays) -> bytes:
    from safetensors.numpy import save

    return save(arrays)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 100_000_001) + b" " * 100,
        struct.pack("<Q", 2) + b"[]",
        safetensors_of(weights=np.zeros(7, np.float32)),
        safetensors_of(weights=np.zeros(7), factors=np.zeros((7, 3))),
        safetensors_of(weights=np.zeros(7, np.float32), factors=np.zeros((3, 7), np.float32)),
        safetensors_of(weights=np.full(7, np.nan, np.float32), factors=np.zeros((7, 3), np.float32)),
        safetensors_of(weights=np.zeros(7, np.float32), factors=np.full((7, 3), np.inf, np.float32)),
    ],
)
def test_arrays_that_do_not_fit(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError):
        load_model(folder)


def test_files_that_are_missing(tmp_path, folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"a model with model\.safetensors"):
        load_model(folder)
    with pytest.raises(UserError, match=r"nowhere\.tar\.gz"):
        load_model(tmp_path / "nowhere.tar.gz")


def archive_of(path: Path, members: list[tarfile.TarInfo], contents: list[bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in zip(members, contents, strict=True):
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_members_that_climb_out_or_link_are_not_followed(tmp_path, folder):
    contents = [(folder / name).read_bytes() for name in ("model.json", "model.safetensors")]
    climbing = [tarfile.TarInfo(f"../{name}") for name in ("model.json", "model.safetensors")]
    with pytest.raises(DataError, match=r"plain files side by side. Got '\.\./model\.json'"):
        load_model(archive_of(tmp_path / "a.tar.gz", climbing, contents))
    link = tarfile.TarInfo("model.json")
    link.type, link.linkname = tarfile.SYMTYPE, str(folder / "model.json")
    arrays = tarfile.TarInfo("model.safetensors")
    with pytest.raises(DataError, match=r"a symbolic link 'model\.json'"):
        load_model(archive_of(tmp_path / "b.tar.gz", [link, arrays], [b"", contents[1]]))
    assert {path.name for path in tmp_path.iterdir()} == {"model", "a.tar.gz", "b.tar.gz"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_damaged_archive_is_an_error_or_the_model(tmp_path, data):
    path = tmp_path / "model.tar.gz"
    save_model(make_model(), path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 5))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with suppress(DataError):
        model, _ = load_model(path)
        assert np.isfinite(model.table).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_scale_comes_back(tmp_path, name):
    scale = np.array([1, 5, 1, 300], np.float32)
    save_model(replace(make_model(), feature_scale=scale), tmp_path / name)
    np.testing.assert_array_equal(load_model(tmp_path / name)[0].feature_scale, scale)


@pytest.mark.parametrize(
    "scale", [np.zeros(7), np.full(7, np.nan), np.ones(8), np.ones((7, 1)), np.full(7, np.inf)]
)
def test_a_feature_scale_that_cannot_be_is_refused(tmp_path, scale):
    save_model(replace(make_model(), feature_scale=scale.astype(np.float32)), tmp_path)
    with pytest.raises(DataError, match="finite float32 weights"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_larger_than_the_metadata_declares_are_not_read(tmp_path, name):
    zeros = np.zeros(40 << 20, np.uint8)
    save_model(make_model(), tmp_path / name, extra_arrays={"bomb": zeros})
    if name == "model":
        change(tmp_path / name, extra_bytes=10)
    else:
        save_model(make_model(), tmp_path / "folder", extra_arrays={"bomb": zeros})
        change(tmp_path / "folder", extra_bytes=10)
        with tarfile.open(tmp_path / name, "w:gz") as archive:  # the arrays first
            for part in ("model.safetensors", "model.json"):
                archive.add(tmp_path / "folder" / part, part)
    before = resident_mb()
    with pytest.raises(DataError, match=r"at most [\d,]+ bytes of model.safetensors. Got 41,"):
        load_model(tmp_path / name)
    assert resident_mb() - before < 30


def test_saving_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    save_model(make_model(3), tmp_path / "model")

    def no_space(path, tensors):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_file, "write_tensors", no_space)
    with pytest.raises(OSError, match="No space"):
        save_model(make_model(5), tmp_path / "model")
    monkeypatch.undo()
    assert load_model(tmp_path / "model")[0].n_features == 3
    assert {path.name for path in tmp_path.rglob("*")} == {"model", "model.json", "model.safetensors"}
