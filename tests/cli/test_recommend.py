"""``pairloom recommender`` and ``pairloom recommend``."""

import pytest

from pairloom.cli import run
from pairloom.recommenders import load_recommender

TASTES = [
    (user, item)
    for user in range(8)
    for item in range(10 * (user % 2), 10 * (user % 2) + 6)
    if (user + item) % 5
]


@pytest.fixture
def folder(tmp_path):
    lines = [f"{user},{item},{user + item}" for user, item in TASTES]
    (tmp_path / "events.csv").write_text("\n".join(["who,what,time", *lines]))
    films = [f'{item},"Film {item}",{"odd|all" if item % 2 else "all"}' for item in range(16)]
    (tmp_path / "films.csv").write_text("\n".join(["what,title,kind", *films]))
    names = ["--user", "who", "--item", "what"]
    fit = ["recommender", "fit", str(tmp_path / "events.csv"), "--items", str(tmp_path / "films.csv"), *names]
    assert run([*fit, "--output", str(tmp_path / "model.tar.gz")]) == 0
    return tmp_path


def test_items_for_a_user_with_reasons(folder, capsys):
    capsys.readouterr()
    assert run(["recommend", str(folder / "model.tar.gz"), "--user", "0", "--top", "2", "--why"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["user", "item", "score", "rank", "reason"]
    assert {row.split()[1] for row in rows[:2]} == {"0", "5"}
    assert "because of Film " in rows[0]


def test_items_for_a_history_that_fit_conditions(folder, capsys):
    capsys.readouterr()
    asked = ["--history", "10,12", "--where", "kind=odd", "--at-most", "kind=2", "--block", "13"]
    assert run(["recommend", str(folder / "model.tar.gz"), *asked, "--top", "9"]) == 0
    items = [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:]]
    assert len(items) == 2
    assert set(items) == {"11", "15"}


def test_items_like_one_and_lists_in_a_file(folder, capsys):
    capsys.readouterr()
    assert run(["recommend", str(folder / "model.tar.gz"), "--like", "3", "--top", "3"]) == 0
    items = {int(row.split()[0]) for row in capsys.readouterr().out.splitlines()[1:]}
    assert items < set(range(6))
    target = folder / "lists.csv"
    assert (
        run(["recommend", str(folder / "model.tar.gz"), "--all-users", "--top", "2", "--output", str(target)])
        == 0
    )
    head, *rows = target.read_text().splitlines()
    assert head == "user,item,score,rank"
    assert len(rows) == 16


def test_all_recommenders_are_compared(folder, capsys):
    capsys.readouterr()
    names = ["--user", "who", "--item", "what", "--time", "time", "--split", "last", "--top", "3"]
    report = folder / "board.html"
    assert run(["recommender", "compare", str(folder / "events.csv"), *names, "--report", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "each user's last item" in printed
    assert "popularity" in printed
    assert "<table>" in report.read_text()


def test_models_and_their_parameters_are_named(folder, capsys):
    names = ["--user", "who", "--item", "what"]
    events, model = str(folder / "events.csv"), str(folder / "als.tar.gz")
    asked = ["--model", "implicit-als", "--set", "n_factors=3", "--set", "l2=0.5", "--output", model]
    assert run(["recommender", "fit", events, *names, *asked]) == 0
    loaded = load_recommender(model)
    assert (loaded.n_factors, loaded.l2) == (3, 0.5)
    capsys.readouterr()
    chosen = ["--model", "ease", "--model", "random", "--split", "last", "--top", "3"]
    assert run(["recommender", "compare", events, *names, *chosen]) == 0
    shown = capsys.readouterr().out
    assert "ease" in shown
    assert "random" in shown
    assert "popularity" not in shown


def test_the_context_of_a_request_is_given(folder, capsys):
    lines = [f"{user},{item},{'odd' if item % 2 else 'even'}" for user, item in TASTES]
    (folder / "days.csv").write_text("\n".join(["user,item,day", *lines]))
    model = str(folder / "fm.tar.gz")
    settings = ["--set", "context=day", "--set", "epochs=40", "--set", "n_factors=8"]
    fit = ["recommender", "fit", str(folder / "days.csv"), "--model", "fm", *settings]
    assert run([*fit, "--output", model]) == 0
    found = {}
    for day in ("odd", "even"):
        capsys.readouterr()
        assert (
            run(["recommend", model, "--history", "12", "--seen", "--top", "1", "--context", f"day={day}"])
            == 0
        )
        found[day] = int(capsys.readouterr().out.splitlines()[1].split()[0])
    assert found["odd"] % 2
    assert not found["even"] % 2
    assert run(["recommend", model, "--user", "1", "--context", "hour=3"]) == 2
    assert "'context' must name columns of the fit (day). Got 'hour'" in "".join(capsys.readouterr())


def test_models_of_attributes_are_fitted_and_compared(folder, capsys):
    names = ["--user", "who", "--item", "what", "--items", str(folder / "films.csv")]
    events, model = str(folder / "events.csv"), str(folder / "content.tar.gz")
    assert run(["recommender", "fit", events, *names, "--model", "content", "--output", model]) == 0
    assert run(["recommend", model, "--history", "11", "--top", "2"]) == 0
    items = [int(row.split()[0]) for row in capsys.readouterr().out.splitlines()[-2:]]
    assert all(item % 2 for item in items)
    assert run(["recommender", "compare", events, *names, "--time", "time", "--split", "last"]) == 0
    assert "content" in capsys.readouterr().out
    assert run(["recommender", "compare", events, *names[:4], "--time", "time", "--split", "last"]) == 0
    printed = "".join(capsys.readouterr())
    assert "content is left out: it needs --items" in printed
    assert "two-tower" in printed


def test_models_whose_library_is_missing_are_left_out(folder, capsys, monkeypatch):
    monkeypatch.setattr("pairloom.cli.recommender.find_spec", lambda name: None)
    names = ["--user", "who", "--item", "what", "--time", "time", "--split", "last"]
    capsys.readouterr()
    assert run(["recommender", "compare", str(folder / "events.csv"), *names]) == 0
    assert "two-tower is left out: it needs the extra torch" in "".join(capsys.readouterr())


def test_two_towers_are_fitted_with_both_tables(folder, capsys):
    (folder / "people.csv").write_text("\n".join(["who,club", *(f"{user},c{user % 2}" for user in range(9))]))
    names = ["--user", "who", "--item", "what", "--items", str(folder / "films.csv")]
    model = str(folder / "towers.tar.gz")
    fit = ["recommender", "fit", str(folder / "events.csv"), *names, "--users", str(folder / "people.csv")]
    settings = ["--set", "hidden=8,4", "--set", "epochs=3", "--set", "text=title"]
    assert run([*fit, "--model", "two-tower", *settings, "--output", model]) == 0
    capsys.readouterr()
    assert run(["recommend", model, "--user", "8", "--top", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recommend", "model.tar.gz"], "one of --user, --history, --like and --all-users"),
        (["recommend", "model.tar.gz", "--user", "1", "--like", "1"], "one of --user"),
        (
            ["recommend", "model.tar.gz", "--user", "1", "--where", "kind"],
            "--where must be COLUMN=VALUE. Got 'kind'",
        ),
        (
            ["recommend", "model.tar.gz", "--user", "1", "--at-most", "kind=x"],
            "must be COLUMN=NUMBER. Got 'x'",
        ),
        (["recommend", "none.tar.gz", "--user", "1"], "Got nothing by that name"),
        (["recommender", "fit", "events.csv", "--model", "best"], "'model' must be one of item-to-item"),
        (["recommender", "fit", "events.csv", "--set", "l2=3"], "--set must be one of relation"),
        (["recommender", "fit", "events.csv", "--set", "n_related=many"], "is not what item-to-item takes"),
        (["recommender", "fit", "events.csv", "--threads", "0"], "--threads must be 1 or more"),
        (["recommender", "fit", "events.csv"], "column 'user' must be there. Got who, what, time"),
        (
            ["recommender", "compare", "events.csv", "--split", "time", "--user", "who", "--item", "what"],
            "a column of times",
        ),
    ],
)
def test_what_cannot_be_asked_is_said(folder, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    assert run(arguments) == 2
    assert message in capsys.readouterr().err
