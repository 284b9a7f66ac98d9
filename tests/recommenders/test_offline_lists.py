"""Lists of all users in a folder: the same as asked for one by one, and gone on with after a kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.cli import run
from pairloom.errors import DataError, UserError
from pairloom.recommenders import ImplicitALS, ItemToItem

SOURCES = Path(__file__).resolve().parents[2] / "src"
KILLED = """
import sys, time
from pairloom.recommenders import ItemToItem
model = ItemToItem.load(sys.argv[1])
def told(n):
    print("done", flush=True)
    time.sleep(60 if told.calls else 0)
    told.calls += 1
told.calls = 0
model.recommend_all(sys.argv[2], n=7, shard_users=50, on_progress=told)
"""


@pytest.fixture(scope="module")
def clicks():
    rng = np.random.default_rng(0)
    return {"user": rng.integers(0, 230, 4000), "item": (150 * rng.random(4000) ** 2).astype(int)}


@pytest.fixture(scope="module")
def model(clicks):
    return ItemToItem().fit(clicks)


def read(folder):
    return pa.concat_tables([pq.read_table(path) for path in sorted(Path(folder).glob("part-*.parquet"))])


@pytest.mark.parametrize("kind", [ItemToItem, lambda: ImplicitALS(n_factors=8, epochs=2, retrieval="int8")])
def test_lists_are_those_of_asking_one_by_one(kind, clicks, tmp_path):
    model = kind().fit(clicks)
    told = []
    made = model.recommend_all(tmp_path, n=7, shard_users=100, block=[3], on_progress=told.append)
    assert told == [100, 100, 30]
    assert (made.n_users, made.n_rows, made.n_shards, made.n_kept) == (230, 230 * 7, 3, 0)
    table = read(tmp_path)
    users = model.users_.values(np.arange(230))
    right = model.recommend(users, n=7, block=[3])
    for name, values in right.to_dict().items():
        np.testing.assert_allclose(table[name].to_numpy(), values, rtol=1e-6)
    assert json.loads((tmp_path / "lists.json").read_text())["complete"] is True


def test_ids_that_are_text_and_users_without_events(tmp_path):
    events = {"user": ["ann", "bob", "ann"], "item": ["x", "x", "y"]}
    model = ItemToItem().fit(events, users={"user": ["ann", "bob", "cleo"], "age": [1, 2, 3]})
    model.recommend_all(tmp_path, n=5)
    rows = read(tmp_path).to_pylist()
    assert {(row["user"], row["item"]) for row in rows} == {("bob", "y"), ("cleo", "x"), ("cleo", "y")}


def test_a_killed_run_is_gone_on_with(model, tmp_path):
    model.save(tmp_path / "model")
    folder = tmp_path / "lists"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "model"), str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
    )
    try:
        assert process.stdout.readline() == b"done\n"
        assert process.stdout.readline() == b"done\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert json.loads((folder / "lists.json").read_text())["complete"] is False
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("part-*.parquet")}
    assert len(finished) == 2
    (folder / ".part-1-part-00002.parquet").write_bytes(b"half a file")
    made = ItemToItem.load(tmp_path / "model").recommend_all(folder, n=7, shard_users=50)
    assert (made.n_users, made.n_shards, made.n_kept) == (130, 5, 2)
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    assert not list(folder.glob(".*"))
    model.recommend_all(tmp_path / "at once", n=7, shard_users=50)
    assert read(folder).equals(read(tmp_path / "at once"))
    assert model.recommend_all(folder, n=7, shard_users=50).n_rows == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 8}, "Got another settings: n 7 before and 8 now"),
        ({"seen": True}, "seen False before and True now"),
        ({"block": [1]}, "block"),
        ({"boosts": {5: 2.0}}, "boosts"),
        ({"shard_users": 60}, "another shard_users: 50 before and 60 now"),
    ],
)
def test_a_folder_of_other_settings_is_refused(model, tmp_path, change, message):
    model.recommend_all(tmp_path, n=7, shard_users=50)
    with pytest.raises(UserError, match=message):
        model.recommend_all(tmp_path, **{"n": 7, "shard_users": 50, **change})


def test_a_folder_of_another_model_or_of_something_else_is_refused(model, clicks, tmp_path):
    model.recommend_all(tmp_path / "lists", n=7)
    other = ItemToItem().fit(clicks)
    assert other.recommend_all(tmp_path / "lists", n=7).n_kept == 1
    with pytest.raises(UserError, match="Got another fingerprint"):
        other.update({"user": [0], "item": [149]}).recommend_all(tmp_path / "lists", n=7)
    with pytest.raises(UserError, match="Got another model"):
        ImplicitALS(n_factors=4, epochs=1).fit(clicks).recommend_all(tmp_path / "lists", n=7)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.parquet").write_bytes(b"")
    with pytest.raises(UserError, match="must be empty or hold lists"):
        model.recommend_all(tmp_path / "full", n=7)
    (tmp_path / "lists" / "lists.json").write_text('{"format": 3')
    with pytest.raises(DataError, match=r"lists\.json"):
        model.recommend_all(tmp_path / "lists", n=7)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"shard_users": 0}])
def test_sizes_below_one_are_refused(model, tmp_path, wrong):
    with pytest.raises(UserError, match="must be 1 or more"):
        model.recommend_all(tmp_path, **wrong)


def test_the_command_writes_them_and_goes_on(model, tmp_path, capsys):
    model.save(tmp_path / "model.tar.gz")
    command = ["recommender", "lists", str(tmp_path / "model.tar.gz"), "--output", str(tmp_path / "lists")]
    command += ["--top", "3", "--shard-users", "100", "--block", "1,2", "--threads", "2"]
    assert run(command) == 0
    assert "690 rows of 230 users written" in capsys.readouterr().out
    assert run(command) == 0
    assert "3 finished before" in capsys.readouterr().out
    assert not {1, 2} & set(read(tmp_path / "lists")["item"].to_pylist())
    assert run([*command, "--seen"]) != 0
    assert "seen False before and True now" in capsys.readouterr().err
    assert run([*command[:-1], "0"]) != 0
    assert "--threads must be 1 or more" in capsys.readouterr().err
