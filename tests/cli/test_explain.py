"""``pairloom explain`` and ``pairloom describe``."""

import re

import pytest

from pairloom.algorithms.catalogue import algorithm
from pairloom.cli import run


def terms_of(printed):
    lines = [re.fullmatch(r"(.+?) +([+-]\d+\.\d{4})", line) for line in printed.splitlines()[1:]]
    return [(line[1], float(line[2])) for line in lines]


def test_terms_of_raw_values_add_up_to_the_score(trained, capsys):
    assert run(["explain", str(trained.raw), "user=5", "item=3"]) == 0
    *terms, (last, score) = terms_of(capsys.readouterr().out)
    assert last == "score"
    assert {name for name, _ in terms} == {"bias", "user=5", "item=3", "user=5 x item=3"}
    assert sum(value for _, value in terms) == pytest.approx(score, abs=3e-4)


def test_a_row_of_a_file_is_the_same_row(trained, tmp_path, capsys):
    rows = tmp_path / "rows.csv"
    rows.write_text("user,item\n1,1\n5,3\n")
    assert run(["explain", str(trained.raw), "--rows", str(rows), "--row", "2"]) == 0
    by_file = capsys.readouterr().out
    assert run(["explain", str(trained.raw), "user=5", "item=3"]) == 0
    assert capsys.readouterr().out == by_file


def test_smaller_terms_are_added_up(trained, capsys):
    assert (
        run(["explain", str(trained.sparse), "--rows", str(trained.files / "test.libsvm"), "--top", "1"]) == 0
    )
    *terms, (_, score) = terms_of(capsys.readouterr().out)
    assert [name for name, _ in terms][2] == "2 smaller terms"
    assert sum(value for _, value in terms) == pytest.approx(score, abs=3e-4)


def test_raw_columns_interact_by_field_or_three_at_a_time(tmp_path, capsys):
    table = tmp_path / "clicks.csv"
    lines = [f"{i % 3},{i % 4},{i % 5},{int(i % 3 == i % 4)}" for i in range(240)]
    table.write_text("\n".join(["a,b,c,clicked", *lines]) + "\n")
    for kind, n_terms in (("field-aware", 1 + 3 + 3), ("order-3", 1 + 3 + 3 + 1)):
        model = str(tmp_path / f"{kind}.tar.gz")
        asked = ["--num-factors", "2", "--predictor-type", "binary_classifier", "--epochs", "3"]
        words = ["train", "factorization-machines", "--train", str(table), "--label", "clicked", *asked]
        assert run([*words, "--features", "a:id,b:id,c:id", "--interactions", kind, "--model", model]) == 0
        capsys.readouterr()
        assert run(["explain", model, "a=1", "b=1", "c=2"]) == 0
        *terms, (_, score) = terms_of(capsys.readouterr().out)
        assert len(terms) == n_terms
        assert sum(value for _, value in terms) == pytest.approx(score, abs=3e-4 * n_terms)
        assert any(name.count(" x ") == 2 for name, _ in terms) == (kind == "order-3")


def test_unknown_and_missing_values_have_columns_of_their_own(trained, capsys):
    assert run(["explain", str(trained.raw), "user=nobody"]) == 0
    names = [name for name, _ in terms_of(capsys.readouterr().out)]
    assert "user=<unseen>" in names
    assert "item=<missing>" in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["raw.tar.gz"], "must be given either NAME=VALUE words or --rows"),
        (["raw.tar.gz", "user=1", "--rows", "test.csv"], "must be given either NAME=VALUE words or --rows"),
        (["raw.tar.gz", "user"], "a raw column must be NAME=VALUE. Got 'user'."),
        (["raw.tar.gz", "film=1"], "raw columns must be out of user, item. Got film."),
        (["raw.tar.gz", "--rows", "test.csv", "--row", "0"], "--row must be 1 or more. Got 0."),
        (["raw.tar.gz", "--rows", "test.csv", "--row", "301"], "--row must be in [1, 300]"),
        (["sparse.tar.gz", "user=1"], "the model was trained on sparse rows. Give --rows"),
    ],
)
def test_wrong_arguments_get_one_message(arguments, message, trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.files)
    assert run(["explain", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err


def test_describe_lists_every_hyperparameter(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["describe", "factorization-machines"]) == 0
    printed = capsys.readouterr().out
    for parameter in algorithm("factorization-machines").hyperparameters_type.parameters:
        if not parameter.hidden:
            assert re.search(rf"^{parameter.wire_name} ", printed, re.MULTILINE), parameter.wire_name


def test_describe_a_model(trained, capsys):
    assert run(["describe", str(trained.raw)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^algorithm +factorization-machines *$", printed, re.MULTILINE)
    assert re.search(r"^column user +Id *$", printed, re.MULTILINE)
    assert re.search(r"^num_factors +4 *$", printed, re.MULTILINE)
    assert re.search(r"^rmse +\d\.\d{4} +\d\.\d{4}$", printed, re.MULTILINE)


def test_describe_nothing_known(capsys):
    assert run(["describe", "no-such-thing"]) == 2
    assert "must be given a model file or one of factorization-machines" in capsys.readouterr().err


def test_what_moves_all_scores(trained, tmp_path, capsys):
    rows = str(trained.files / "test.csv")
    picture = tmp_path / "importance.svg"
    assert run(["explain", str(trained.raw), "--rows", rows, "--all-rows", "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    lines = [line.split("  ")[0] for line in printed.splitlines()]
    assert {"user", "item", "user x item"} <= set(lines[1:4])
    assert any(line.startswith("item=") for line in lines[5:])
    assert picture.read_text().startswith("<?xml")


def test_what_is_alike(trained, capsys):
    assert run(["explain", str(trained.raw), "--like", "item=3", "--top", "4"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("like item=3")
    assert len(others) == 4
    assert all(line.startswith("item=") for line in others)
    assert run(["explain", str(trained.sparse), "--like", "3", "--top", "4"]) == 0
    assert capsys.readouterr().out.count("feature ") == 5


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("raw", ["--all-rows"], "--all-rows must come with --rows"),
        ("raw", ["--like", "film=3"], "one of the raw columns user, item. Got 'film'"),
        ("raw", ["--like", "item=nothing"], "a value that column 'item' had in training. Got 'nothing'"),
        ("raw", ["--like", "item"], "must be NAME=VALUE or the number of a column. Got 'item'"),
        ("raw", ["--like", "999999"], "'feature' must be in"),
        ("sparse", ["--like", "item=3"], "must be the number of a column, for a model of sparse rows"),
    ],
)
def test_what_cannot_be_told_is_said(trained, capsys, model, arguments, message):
    assert run(["explain", str(getattr(trained, model)), *arguments]) == 2
    assert message in capsys.readouterr().err
