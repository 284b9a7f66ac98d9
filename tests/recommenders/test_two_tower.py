"""What `TwoTower` alone promises; what it shares with the others is in test_recommenders."""

import subprocess
import sys

import numpy as np
import pytest
from movielens_tables import cold_ndcg, events, films, viewers, without_a_fifth_of_the_films

from pairloom.errors import DivergenceError, MissingExtraError, UserError
from pairloom.recommenders import Popularity, TwoTower, load_recommender
from pairloom.recommenders.attributes import Attributes
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.recommenders.interactions import Histories
from pairloom.recommenders.two_tower.batches import multi_label_batches, pair_batches
from pairloom.recommenders.two_tower.query_tower import QueryTower
from pairloom.recommenders.two_tower.tower_inputs import TowerInputs

RNG = np.random.default_rng(0)
# Users of even number take items of even number; names and makers tell which.
PAIRS = [
    (user, item) for user in range(40) for item in RNG.permutation(20)[:10].tolist() if (user - item) % 2 == 0
]
EVENTS = {"user": [user for user, _ in PAIRS], "item": [item for _, item in PAIRS]}
ITEMS = {
    "item": list(range(24)),
    "title": [f"{'evening walk' if item % 2 == 0 else 'oddly bright'} part {item}" for item in range(24)],
    "maker": [f"m{item % 4}" for item in range(24)],
    "price": [float(item % 2) * 50 + item for item in range(24)],
    "picture": np.array([[1.0, item % 2, 0.5] for item in range(24)]),
}
USERS = {"user": list(range(44)), "club": ["even" if user % 2 == 0 else "odd" for user in range(44)]}
QUICK = {
    "n_factors": 8,
    "epochs": 25,
    "batch_size": 64,
    "learning_rate": 0.02,
    "validation_share": 0.0,
    "n_buckets": 64,
}


def quick(**more):
    return TwoTower(**{**QUICK, **more})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"hidden": 12, "text": "title"},
        {"loss": "multi-label", "batch_size": 16},
        {"all_items": True},
        {"loss": "multi-label", "batch_size": 16, "all_items": True},
        {"normalize": False, "temperature": 1.0},
        {"user_ids": True},
        {"item_ids": False},
        {"binary": False},
    ],
    ids=str,
)
def test_tastes_are_told_apart(more):
    model = quick(**more).fit(EVENTS, items=ITEMS)
    for user in (0, 1, 7):
        items = model.recommend(user, n=3, only=range(20)).items
        assert (items % 2 == user % 2).all()
    assert (model.recommend(history=[3, 5, 7], n=4).items % 2 == 1).all()
    new = model.recommend(history=[2, 4, 6], n=2, only=range(20, 24)).items.tolist()
    assert set(new) == {20, 22}  # nobody took them


def test_a_user_is_answered_by_attributes_alone():
    model = quick(epochs=40).fit(EVENTS, users=USERS, items=ITEMS)
    for user in (40, 41):
        found = model.recommend(user, n=4, reasons=True)
        assert (found.items % 2 == user % 2).all()
    assert model.recommend("who?", n=1, reasons=True).reasons == ["popular"]


def test_numpy_gives_what_torch_gives():
    import torch

    from pairloom.recommenders.two_tower.network import TwoTowerNetwork, layers

    inputs = np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)
    none = TowerInputs.of(Attributes(5, {}), None, None, 8)
    for normalize, temperature, hidden in ((True, 0.1, ()), (True, 0.5, (7,)), (False, 1.0, (7, 5))):
        network = TwoTowerNetwork(
            none, none, n_columns=6, hidden=hidden, n_outputs=4, normalize=normalize, temperature=temperature,
            item_ids=True, user_ids=False,
        )  # fmt: skip
        network.query_layers = layers([6, *hidden, 4])
        linear = [layer for layer in network.query_layers if hasattr(layer, "weight")]
        tower = QueryTower(
            tuple(layer.weight.detach().numpy() for layer in linear),
            tuple(layer.bias.detach().numpy() for layer in linear),
            normalize, temperature,
        )  # fmt: skip
        expected = network.queries(torch.from_numpy(inputs)).detach().numpy()
        queries = tower(inputs)
        np.testing.assert_allclose(queries[:, :-1], expected, rtol=1e-5, atol=1e-6)
        assert (queries[:, -1] == 1).all()
        item = np.random.default_rng(2).normal(size=5).astype(np.float32)
        slope = tower.slope(inputs[0], item)
        for column in range(6):
            moved = np.stack([inputs[0], inputs[0]])
            moved[:, column] += [1e-3, -1e-3]
            high, low = tower(moved) @ item
            assert slope[column] == pytest.approx((high - low) / 2e-3, rel=2e-2, abs=2e-2)


def test_contributions_add_up_to_the_score_of_a_deep_tower():
    model = quick(hidden=(12,)).fit(EVENTS, items=ITEMS)
    for item in (0, 9, 23):
        added = model.explain(item, history=[1, 2, 3])
        found = model.recommend(history=[1, 2, 3], n=24)
        scores = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
        bias = model._item_vectors[model.items_.number(item), -1]
        assert added.scores.sum() == pytest.approx(scores[item] - bias, rel=1e-4, abs=1e-5)


def test_a_loaded_model_answers_without_torch(tmp_path):
    model = quick(hidden=(12,)).fit(EVENTS, users=USERS, items=ITEMS)
    model.save(tmp_path / "model")
    expected = model.recommend([0, 41], n=3)
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from pairloom.recommenders import load_recommender\n"
        f"model = load_recommender({str(tmp_path / 'model')!r})\n"
        "model.update({'user': [0], 'item': ['new']})\n"
        "found = model.recommend([0, 41], n=3)\n"
        "print(found.items.tolist(), [f'{score:.4f}' for score in found.scores])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    after = (
        load_recommender(tmp_path / "model").update({"user": [0], "item": ["new"]}).recommend([0, 41], n=3)
    )
    assert done.stdout.strip() == f"{after.items.tolist()} {[f'{score:.4f}' for score in after.scores]}"
    assert expected.items[expected.users == 41].tolist() == [int(i) for i in after.items[after.users == 41]]


def test_training_without_torch_names_the_extra(monkeypatch):
    for module in [name for name in sys.modules if name.startswith("pairloom.recommenders.two_tower.")]:
        if module.endswith(("training", "network")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Training two towers .* pip install 'pairloom\[torch\]'"):
        quick().fit(EVENTS)


def test_training_stops_where_what_is_held_back_gets_no_better_and_the_best_is_kept():
    rng = np.random.default_rng(3)
    noise = {"user": rng.integers(0, 60, 900), "item": rng.integers(0, 80, 900)}
    model = quick(epochs=40, validation_share=0.5, patience=2, learning_rate=0.05).fit(noise)
    ndcg = model.epochs_[:, 1]
    assert len(ndcg) < 40
    assert ndcg[:-2].max() >= ndcg[-2:].max()
    fixed = quick(epochs=4).fit(noise)
    assert len(fixed.epochs_) == 4
    assert np.isnan(fixed.epochs_[:, 1]).all()
    assert fixed.epochs_[-1, 0] < fixed.epochs_[0, 0]


def test_a_seed_gives_the_same_and_leaves_torch_as_it_was():
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    before = torch.get_num_threads()
    first, second = (quick(n_jobs=1).fit(EVENTS, items=ITEMS) for _ in range(2))
    np.testing.assert_array_equal(first._item_vectors, second._item_vectors)
    assert torch.get_num_threads() == before
    assert (torch.rand(3) == expected).all()
    other = quick(random_state=1).fit(EVENTS, items=ITEMS)
    assert np.abs(other._item_vectors - first._item_vectors).max() > 0.01


def test_large_tables_learn_by_sparse_updates(monkeypatch):
    from pairloom.recommenders.two_tower import network

    monkeypatch.setattr(network, "LARGE_TABLE", 8)
    model = quick(epochs=40).fit(EVENTS, items=ITEMS)
    assert (model.recommend(history=[3, 5, 7], n=4).items % 2 == 1).all()


def histories():
    rng = np.random.default_rng(0)
    offsets = np.concatenate(([0], np.cumsum(rng.integers(0, 9, 30))))
    items = np.concatenate([np.sort(rng.permutation(12)[:n]) for n in np.diff(offsets)]).astype(np.int32)
    return Histories(offsets.astype(np.int64), items, rng.random(len(items)).astype(np.float32) + 0.1, 12)


def test_batches_never_show_what_is_to_be_found():
    whole, rng = histories(), np.random.default_rng(1)
    pairs = list(zip(whole.owners().tolist(), whole.items.tolist(), strict=True))
    found = []
    for batch in pair_batches(whole, 7, 0.2, 100, rng):
        for row, (user, target) in enumerate(zip(batch.users.tolist(), batch.targets.tolist(), strict=True)):
            shown = batch.histories.of(row)[0].tolist()
            assert target not in shown
            assert set(shown) <= set(whole.of(user)[0].tolist()) - {target}
            found.append((user, target))
    assert sorted(found) == sorted(pairs)
    for batch in multi_label_batches(whole, 7, 0.5, 3, rng):
        for row, user in enumerate(batch.users.tolist()):
            shown = batch.histories.of(row)[0].tolist()
            targets = batch.targets[batch.target_rows == row].tolist()
            assert targets
            assert not set(shown) & set(targets)
            assert set(shown) | set(targets) <= set(whole.of(user)[0].tolist())


def test_long_histories_are_shown_in_part():
    n = 2000
    whole = Histories(np.array([0, n]), np.arange(n, dtype=np.int32), np.ones(n, np.float32), n)
    rng = np.random.default_rng(0)
    lengths = [len(batch.histories.items) for batch in pair_batches(whole, 500, 0.1, 50, rng)]
    assert all(35 * 500 < length < 65 * 500 for length in lengths)


def test_the_loss_is_the_corrected_softmax():
    """The slow twin of one step: every score, correction and mask one by one."""
    import torch

    from pairloom.recommenders.two_tower import training

    whole = histories()
    none = TowerInputs.of(Attributes(12, {}), None, None, 8)
    users = TowerInputs.of(Attributes(30, {}), None, None, 8)
    recipe = training.Recipe(
        4,
        (),
        True,
        0.5,
        True,
        False,
        "in-batch",
        False,
        1,
        6,
        0.01,
        0.0,
        0.3,
        0.0,
        100,
        0.0,
        1,
        False,
        "cpu",
        1,
        0,
    )
    trainer = training._Trainer(whole, none, users, recipe)
    batch = next(pair_batches(whole, 6, 0.3, 100, np.random.default_rng(0)))
    with torch.no_grad():
        value = float(trainer._loss(batch))
        vectors = trainer._all_items().astype(np.float64)
        queries = trainer.network.queries(trainer._inputs(batch.users, batch.histories)).numpy()
    counts = np.bincount(whole.items, minlength=12) / len(whole.items)
    among = sorted(set(batch.targets.tolist()))
    total = 0.0
    for row, (user, target) in enumerate(zip(batch.users.tolist(), batch.targets.tolist(), strict=True)):
        has = set(whole.of(user)[0].tolist()) - {target}
        corrected = {
            item: queries[row] @ vectors[item, :-1] + vectors[item, -1] - np.log(1 - (1 - counts[item]) ** 6)
            for item in among
            if item not in has
        }
        highest = max(corrected.values())
        log_sum = highest + np.log(sum(np.exp(score - highest) for score in corrected.values()))
        weight = whole.of(user)[1][whole.of(user)[0].tolist().index(target)]
        total += weight * (log_sum - corrected[target])
    assert value == pytest.approx(total / batch.target_weights.mean() / 6, rel=1e-4)


def test_codes_of_8_bits_give_the_same_lists(tmp_path):
    expected = quick().fit(EVENTS, items=ITEMS).recommend([0, 1, 2], n=5)
    model = quick(retrieval="int8").fit(EVENTS, items=ITEMS)
    model.save(tmp_path / "model")
    for found in (model, load_recommender(tmp_path / "model")):
        assert found.recommend([0, 1, 2], n=5).items.tolist() == expected.items.tolist()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_factors": 0}, "'n_factors' must be 1 or more. Got 0"),
        ({"hidden": (4, 0)}, "'hidden' must be 1 or more. Got 0"),
        ({"hidden": "many"}, "'hidden' must be numbers of units. Got 'many'"),
        ({"batch_size": 0}, "'batch_size' must be 1 or more"),
        ({"temperature": 0}, "'temperature' must be a finite number above 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' must be a finite number above 0"),
        ({"history_dropout": 1.0}, r"'history_dropout' must be in \[0, 1\)"),
        ({"l2": -1}, "'l2' must be a finite number of 0 or more"),
        ({"loss": "x"}, "'loss' must be one of in-batch, multi-label. Got 'x'"),
    ],
)
def test_settings_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(UserError, match=f"TwoTower: {message}"):
        TwoTower(**parameters)


def test_what_cannot_be_learned_is_said():
    with pytest.raises(
        UserError, match=r"must have item_ids or a table of items with attributes\. Got neither"
    ):
        quick(item_ids=False).fit(EVENTS)
    with pytest.raises(UserError, match=r"'text' must name columns of a table\. Got 'colour'"):
        quick(text=["colour"]).fit(EVENTS, items=ITEMS)
    with pytest.raises(UserError, match=r"'device' must be one that Torch has here. Got 'cuda:99'"):
        quick(device="cuda:99").fit(EVENTS)
    with pytest.raises(
        DivergenceError, match=r"the loss left the finite numbers in epoch \d+. Lower 'learning_rate'"
    ):
        quick(learning_rate=1e30, normalize=False).fit(EVENTS)


def test_one_user_and_one_item_are_enough():
    model = quick(epochs=2).fit({"user": [1], "item": [5]})
    assert model.recommend(1, n=3, seen=True).items.tolist() == [5]
    assert len(model.recommend(1)) == 0


def test_progress_is_told_on_request(capsys):
    quick(epochs=2, verbose=True).fit(EVENTS)
    told = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in told] == ["TwoTower: epoch 1", "TwoTower: epoch 2"]


@pytest.fixture(scope="module")
def split(data_folder):
    return split_by_user(events(data_folder))


def test_quality_on_films(data_folder, split):
    model = TwoTower(loss="multi-label", epochs=14, validation_share=0.0).fit(
        split.train, items=films(data_folder)
    )
    assert evaluate(model, split).means()["ndcg"] > 0.39  # popularity 0.214


@pytest.mark.slow
def test_quality_on_films_with_the_defaults(data_folder, split):
    for users, floor in ((None, 0.42), (viewers(data_folder), 0.41)):
        model = TwoTower().fit(split.train, users=users, items=films(data_folder))
        assert evaluate(model, split).means()["ndcg"] > floor


def test_films_that_nobody_rated_are_found(data_folder):
    known, cold = without_a_fifth_of_the_films(events(data_folder))
    table = films(data_folder)
    model = TwoTower(loss="multi-label", epochs=14, validation_share=0.0, id_dropout=0.5).fit(
        known, items=table
    )
    shuffled = dict(table, item=np.random.default_rng(0).permutation(table["item"]))
    by_chance = cold_ndcg(Popularity().fit(known, items=shuffled), cold)
    found = cold_ndcg(model, cold)
    assert found > 0.2
    assert found > 2 * by_chance
