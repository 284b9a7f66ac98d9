"""The adapter beside plain xgboost: the same model to the last bit, and what the adapter adds."""

import json
import pickle
import subprocess
import sys
import tarfile
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import xgboost
from scipy.sparse import csr_matrix

from pairloom.algorithms.report import BatchMeasured, ChannelScored, EpochEnded, StopTraining, TrainingEnded
from pairloom.algorithms.xgboost import XGBoost
from pairloom.algorithms.xgboost.matrices import read_channel
from pairloom.algorithms.xgboost.model import XGBoostModel
from pairloom.artifact import load_artifact
from pairloom.collective import ALONE
from pairloom.errors import DataError, MissingExtraError, UserError
from pairloom.rows import RowBatch
from pairloom.testing.cases import CASES, batched
from pairloom.testing.contract_suite.resuming import KeptStates, Killed

REGRESSOR, CLASSIFIER, CLASSES = (case for case in CASES if case.algorithm_name == "xgboost")


def csr(rows):
    return csr_matrix((rows.values, rows.indices, rows.indptr), (rows.n_rows, rows.n_features))


def plain(rows, n_rounds=8, categories=(), **parameters):
    kinds = ["c" if i in categories else "q" for i in range(rows.n_features)] if categories else None
    matrix = xgboost.DMatrix(
        csr(rows), rows.labels, weight=rows.weights, feature_types=kinds, enable_categorical=bool(categories)
    )
    return xgboost.train({"nthread": 1, **parameters}, matrix, n_rounds)


def fitted(rows, n_rounds=8, **asked):
    strings = {name: str(value) for name, value in asked.items()}
    return XGBoost({"num_round": str(n_rounds), **strings}).fit({"train": batched(rows)})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"tree_method": "exact", "max_depth": 4},
        {"tree_method": "approx", "max_bin": 64},
        {"booster": "dart", "rate_drop": 0.3, "one_drop": 1},
        {"booster": "gblinear", "updater": "coord_descent"},
        {"subsample": 0.6, "colsample_bytree": 0.5, "seed": 7},
        {"monotone_constraints": "(1,0,-1)", "interaction_constraints": "[[0, 1], [2, 3, 4]]"},
        {"grow_policy": "lossguide", "max_leaves": 8, "num_parallel_tree": 2, "lambda": 3.0, "alpha": 0.1},
        {"objective": "reg:pseudohubererror", "base_score": 12.0},
        {"objective": "count:poisson", "max_delta_step": 0.7},
    ],
    ids=lambda parameters: "-".join(map(str, parameters.values())) or "defaults",
)
def test_predictions_are_those_of_plain_xgboost(parameters):
    rows = replace(REGRESSOR.train, labels=np.abs(REGRESSOR.train.labels))
    theirs = plain(rows, **parameters).predict(xgboost.DMatrix(csr(REGRESSOR.test)))
    ours = fitted(rows, **parameters).predict(REGRESSOR.test)
    np.testing.assert_array_equal(ours["score"], theirs)


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_classes_are_those_of_plain_xgboost(objective):
    theirs = plain(CLASSES.train, objective=objective, num_class=3)
    answers = fitted(CLASSES.train, objective=objective, num_class=3).predict(CLASSES.test)
    np.testing.assert_array_equal(answers["score"], theirs.predict(xgboost.DMatrix(csr(CLASSES.test))))


def test_weights_and_categories_are_those_of_plain_xgboost():
    random = np.random.default_rng(3)
    x = random.random((600, 3)).astype(np.float32)
    x[:, 1] = random.integers(0, 9, 600)
    labels = (np.isin(x[:, 1], (0, 3, 7)) * 5 + x[:, 0]).astype(np.float32)
    rows = RowBatch(
        np.arange(0, 1801, 3), np.tile(np.arange(3, dtype=np.int32), 600), x.ravel(), 3, labels,
        random.random(600).astype(np.float32),
    )  # fmt: skip
    theirs = plain(rows, categories=[1], tree_method="hist")
    ours = fitted(rows, pairloom_categorical_features="1")
    expected = theirs.predict(
        xgboost.DMatrix(csr(rows), feature_types=["q", "c", "q"], enable_categorical=True)
    )
    np.testing.assert_array_equal(ours.predict(rows)["score"], expected)
    assert ours.booster.feature_types == ["q", "c", "q"]
    broken = rows.values.copy()
    broken[3 * 41 + 1] = 2.5
    with pytest.raises(
        DataError, match=r"Channel 'train', row 42: expected the number of a category.*column 1"
    ):
        fitted(replace(rows, values=broken), pairloom_categorical_features="1")


def test_rows_beyond_the_memory_limit_make_the_same_model(monkeypatch):
    rows = REGRESSOR.train
    held = fitted(rows, max_depth=3)
    opened = []

    def source():
        opened.append(True)
        yield from batched(rows)()

    from pairloom.algorithms.xgboost import algorithm

    monkeypatch.setattr(
        algorithm, "read_channel", lambda name, source, limit, tell: read_channel(name, source, 10_000, tell)
    )
    on_disk = XGBoost({"num_round": "8", "max_depth": "3"}).fit({"train": source, "validation": source})
    np.testing.assert_array_equal(
        on_disk.predict(REGRESSOR.test)["score"], held.predict(REGRESSOR.test)["score"]
    )
    assert len(opened) > 2
    with pytest.raises(UserError, match=r"channel 'train' must fit into 'pairloom_memory_limit_mb'.*'exact'"):
        XGBoost({"num_round": "1", "tree_method": "exact"}).fit({"train": source})


@pytest.mark.filterwarnings("ignore:.*Unknown file format")
def test_plain_xgboost_loads_the_artifact(tmp_path):
    model = CLASSIFIER.fit_short(5)
    model.save(tmp_path)
    booster = xgboost.Booster(model_file=tmp_path / "xgboost-model")
    matrix = xgboost.DMatrix(csr(CLASSIFIER.test))
    np.testing.assert_array_equal(booster.predict(matrix), model.predict(CLASSIFIER.test)["score"])
    assert json.loads((tmp_path / "model.json").read_text())["objective"] == "binary:logistic"


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_model_file_of_plain_xgboost_is_loaded(tmp_path, form):
    booster = plain(CLASSES.train, objective="multi:softprob", num_class=3)
    (tmp_path / "xgboost-model").write_bytes(booster.save_raw(form))
    model = XGBoostModel.load(tmp_path)
    expected = booster.predict(xgboost.DMatrix(csr(CLASSES.test)))
    np.testing.assert_array_equal(model.predict(CLASSES.test)["score"], expected)


def test_an_archive_of_a_model_file_alone_is_recognised(tmp_path):
    booster = plain(CLASSIFIER.train, objective="binary:logistic")
    (tmp_path / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "xgboost-model", "xgboost-model")
    artifact = load_artifact(tmp_path / "model.tar.gz")
    assert artifact.algorithm == "xgboost"
    expected = booster.predict(xgboost.DMatrix(csr(CLASSIFIER.test)))
    np.testing.assert_array_equal(artifact.model.predict(CLASSIFIER.test)["score"], expected)


def test_early_stopping_keeps_the_best_round():
    asked = {"num_round": "200", "eta": "0.5", "early_stopping_rounds": "4", "eval_metric": "mae,rmse"}
    events = []
    channels = {"train": batched(REGRESSOR.train), "validation": batched(REGRESSOR.test)}
    model = XGBoost(asked).fit(channels, report=events.append)
    scores = [event.validation["rmse"] for event in events if isinstance(event, EpochEnded)]
    best = int(np.argmin(scores))
    assert len(scores) == best + 1 + 4 < 200
    assert model.booster.num_boosted_rounds() == best + 1
    assert model.booster.attr("best_iteration") == str(best)
    assert events[-1] == ChannelScored("validation", events[best].validation)
    assert isinstance(events[-2], TrainingEnded)
    short = XGBoost({**asked, "num_round": str(best + 1)}).fit(channels)
    np.testing.assert_array_equal(
        model.predict(REGRESSOR.test)["score"], short.predict(REGRESSOR.test)["score"]
    )
    with pytest.raises(UserError, match="channel 'validation' is required by 'early_stopping_rounds'"):
        XGBoost(asked).fit({"train": batched(REGRESSOR.train)})


@pytest.mark.parametrize(
    "parameters",
    [{"early_stopping_rounds": "3", "eta": "0.9"}, {"subsample": "0.5", "pairloom_deterministic": "true"},
     {"booster": "dart", "rate_drop": "0.5", "pairloom_deterministic": "true"}],
    ids=["early stopping", "sampled rows", "dropped trees"],
)  # fmt: skip
def test_a_kill_at_any_round_is_not_seen_in_the_model(tmp_path, parameters):
    asked = {"num_round": "12", "max_depth": "3", **parameters}
    channels = {"train": batched(REGRESSOR.train), "validation": batched(REGRESSOR.test)}
    undisturbed = XGBoost(asked).fit(channels).predict(REGRESSOR.test)["score"]
    for number in (0, 2, 5):
        folder = tmp_path / str(number)
        folder.mkdir()
        kept = KeptStates(folder)

        def kill(event, number=number):
            if isinstance(event, EpochEnded) and event.epoch == number:
                raise Killed

        with pytest.raises(Killed):
            XGBoost(asked).fit(channels, report=kill, checkpoints=kept)
        resumed = XGBoost(asked).fit(channels, checkpoints=kept).predict(REGRESSOR.test)["score"]
        np.testing.assert_array_equal(resumed, undisturbed)


def test_a_stop_while_rows_are_read_gives_a_model_of_one_round(monkeypatch):
    from pairloom.algorithms.xgboost import matrices

    monkeypatch.setattr(matrices, "TELL_EVERY_S", -1.0)
    monkeypatch.setattr(matrices, "CHUNK_BYTES", 1)
    events = []

    def stop(event):
        events.append(event)
        if isinstance(event, BatchMeasured):
            raise StopTraining

    model = REGRESSOR.fit(stop)
    assert model.booster.num_boosted_rounds() == 1
    assert next(event.n_rows for event in events if isinstance(event, EpochEnded)) == 400


def test_metrics_of_the_container_are_measured_too():
    events = []
    XGBoost(
        {
            "num_round": "3",
            "objective": "multi:softmax",
            "num_class": "3",
            "eval_metric": "f1,merror,balanced_accuracy",
        }
    ).fit({"train": batched(CLASSES.train)}, report=events.append)
    metrics = next(event.metrics for event in events if isinstance(event, EpochEnded))
    assert list(metrics) == ["f1", "merror", "balanced_accuracy"]
    assert metrics["balanced_accuracy"] == pytest.approx(1 - metrics["merror"], abs=0.01)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"objective": "multi:softmax"}, "'num_class' is required by objective 'multi:softmax'"),
        ({"num_class": "3"}, "'num_class' must be left out for objective 'reg:squarederror'. Got 3"),
        ({"eval_metric": "rmse,acuracy"}, "Got 'acuracy'. Did you mean 'accuracy'?"),
        ({"eval_metric": "error@2"}, "'eval_metric' must be error@ and a threshold in [0, 1]. Got 'error@2'"),
        ({"eval_metric": "rmse@2"}, "'eval_metric' must be rmse without a number behind it"),
        ({"monotone_constraints": "(1,2)"}, "'monotone_constraints' must be -1, 0 or 1 for every column"),
        ({"interaction_constraints": "[[0,-1]]"}, "'interaction_constraints' must be groups of columns"),
        ({"interaction_constraints": "[" * 5000}, "'interaction_constraints' must be groups of columns"),
        ({"pairloom_categorical_features": "a"}, "must be columns counted from 0, as 0,3,17. Got 'a'"),
        ({"updater": "shotgun"}, "for booster 'gbtree'. Got 'shotgun'"),
        ({"tree_method": "exact", "grow_policy": "lossguide"}, "'grow_policy' must be 'depthwise'"),
        ({"_kfold": "5"}, "'_kfold' must be left out. Train a job for each fold instead"),
        ({"process_type": "update"}, "'process_type' must be 'default'"),
        ({"base_score": "1", "objective": "binary:logistic"}, "'base_score' must be in (0, 1)"),
    ],
)
def test_what_cannot_be_asked(asked, message):
    with pytest.raises(UserError) as refused:
        XGBoost({"num_round": "1", **asked})
    assert message in str(refused.value)


def test_what_cannot_be_trained_on():
    rows = {"train": batched(REGRESSOR.train)}
    with pytest.raises(UserError, match="channel 'code' must be left out: code of one's own is not run"):
        XGBoost({"num_round": "1"}).fit({**rows, "code": batched(REGRESSOR.train)})
    with pytest.raises(UserError, match=r"must name columns in \[0, 7\], the width of the rows. Got 9"):
        XGBoost({"num_round": "1", "interaction_constraints": "[[0,9]]"}).fit(rows)
    with pytest.raises(UserError, match=r"must name at most 8 columns.*Got 9"):
        XGBoost({"num_round": "1", "monotone_constraints": f"({','.join('1' * 9)})"}).fit(rows)
    with pytest.raises(
        DataError, match=r"Channel 'train', row 1: expected a class.*\[0, 2\] for 'multi:softmax'"
    ):
        fitted(REGRESSOR.train, objective="multi:softmax", num_class=3)
    with pytest.raises(DataError, match=r"expected a label in \[0, 1\] for 'binary:logistic'"):
        fitted(REGRESSOR.train, objective="binary:logistic")

    class Two:
        size = 2

        def __getattr__(self, name):
            return getattr(ALONE, name)

    with pytest.raises(UserError, match=r"must be trained on one host. Got 2"):
        XGBoost({"num_round": "1"}).fit(rows, collective=Two())


def test_what_the_library_refuses_is_one_sentence():
    with pytest.raises(UserError, match=r"^XGBoost: the library refused: [^\[\n]*$"):
        fitted(
            REGRESSOR.train,
            tree_method="hist",
            updater="grow_colmaker,prune,sync",
            max_leaves=3,
            grow_policy="lossguide",
        )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            pickle.dumps({"a": 1}),
            "Got a pickle, as SageMaker's images before 1.3 write it, which could run code",
        ),
        (b"binf" + bytes(100), "Got the old binary form"),
        (b"", "expected a value"),
        (b'{"learner": {}}', "expected a member 'learner_model_param'"),
        (b"{" * 10_000, "expected"),
        (b'{"a":' * 10_000, "expected"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "xgboost-model").write_bytes(content)
    with pytest.raises(DataError) as refused:
        XGBoostModel.load(tmp_path)
    assert message in str(refused.value)
    assert "xgboost-model" in str(refused.value)


def test_indices_that_lead_out_of_a_tree_are_refused(tmp_path):
    whole = json.loads(CLASSIFIER.fit_short(2).booster.save_raw("json"))
    changes = [
        ("left_children", 0, 10_000), ("left_children", 0, 0), ("right_children", 0, -1), ("split_indices", 0, 8),
        ("split_indices", 0, -3), ("parents", 1, 5), ("split_conditions", -1, float("nan")), ("split_type", 0, 7),
    ]  # fmt: skip
    for name, at, value in changes:
        document = json.loads(json.dumps(whole))
        document["learner"]["gradient_booster"]["model"]["trees"][0][name][at] = value
        (tmp_path / "xgboost-model").write_text(json.dumps(document))
        with pytest.raises(DataError, match="tree 0, "):
            XGBoostModel.load(tmp_path)


FUZZ = """
    import sys, numpy as np
    from pathlib import Path
    from pairloom.algorithms.xgboost.model import XGBoostModel
    from pairloom.errors import DataError
    from pairloom.testing.cases import CASES
    folder, case = Path(sys.argv[1]), next(c for c in CASES if c.name == sys.argv[2])
    booster = case.fit_short(2).booster
    random = np.random.default_rng(int(sys.argv[3]))
    loaded = refused = 0
    for form in ("ubj", "json"):
        whole = bytes(booster.save_raw(form))
        for _ in range(int(sys.argv[4])):
            data = bytearray(whole)
            for at in random.integers(0, len(data), random.integers(1, 4)):
                data[at] = random.integers(0, 256) if form == "ubj" else random.choice(list(b"0123456789-.,[]{}e"))
            if random.random() < 0.2:
                del data[random.integers(0, len(data)) : random.integers(0, len(data))]
            (folder / "xgboost-model").write_bytes(data)
            try:
                model = XGBoostModel.load(folder)
                model.predict(case.test.part(0, 50))
                loaded += 1
            except DataError:
                refused += 1
    print(loaded, refused)
"""


@pytest.mark.parametrize("case", [REGRESSOR.name, CLASSES.name])
def test_damaged_models_are_scored_or_refused_and_never_crash(tmp_path, case):
    command = [sys.executable, "-c", textwrap.dedent(FUZZ), str(tmp_path), case, "5", "150"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    loaded, refused = map(int, done.stdout.split())
    assert loaded + refused == 300
    assert min(loaded, refused) > 20


def test_without_the_extra_it_is_described_but_not_trained(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    assert XGBoost({"num_round": "2"}).hyperparameters.num_round == 2
    message = (
        r"Algorithm 'xgboost' needs an optional library. Install it with: pip install 'pairloom\[xgboost\]'"
    )
    with pytest.raises(MissingExtraError, match=message):
        REGRESSOR.make().fit(REGRESSOR.channels)


def test_importing_the_algorithm_does_not_import_the_library():
    code = "import sys, pairloom.algorithms.xgboost; print('xgboost' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
