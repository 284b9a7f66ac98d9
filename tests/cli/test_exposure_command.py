"""``pairloom exposure``: reports, evaluations, joined tables."""

import numpy as np
import pytest

from pairloom.cli import run
from pairloom.exposure import Examination, ExposureLog, Impressions, PlackettLuce, RandomSwaps
from pairloom.formats import read_tables
from pairloom.synthetic import BrowsingUsers

WORLD = BrowsingUsers(5, 6, 3, like_rate=0.5, random_state=1)
SCORES = np.array([0.0, 0.4, -0.3, 0.2, 0.1, -0.2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng, policy = tmp_path_factory.mktemp("exposure"), np.random.default_rng(0), PlackettLuce()
    swaps, chances = RandomSwaps(3), policy.probabilities(SCORES, 3)
    lines = {"good": ["request,item,position"], "bad": ["request,item,position"]}
    with ExposureLog(folder / "log") as log, ExposureLog(folder / "swapped") as swapped:
        for number in range(1500):
            user = np.array([number % 5])
            items = policy.draw(SCORES, 3, rng, marginal=False).items
            log.log(
                Impressions(f"r{number}", items, user=int(user[0]), propensities=chances[items, np.arange(3)])
            )
            for item in items[WORLD.clicks(user, items[None], rng)[0]]:
                log.feedback(f"r{number}", item)
            best = np.argsort(-WORLD.relevance[user[0]])
            for name, chosen in (("good", best[:3]), ("bad", best[:-4:-1])):
                lines[name] += [f"r{number},{item},{place + 1}" for place, item in enumerate(chosen)]
            items, context = swaps.apply(best[:3].tolist())
            swapped.log(Impressions(f"s{number}", items, user=int(user[0]), context=context))
            for item in np.array(items)[WORLD.clicks(user, np.array([items]), rng)[0]]:
                swapped.feedback(f"s{number}", item)
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder


def shown(capsys, monkeypatch, *arguments):
    monkeypatch.setenv("COLUMNS", "140")
    code = run(["exposure", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_report(folder, capsys, monkeypatch):
    code, out, _ = shown(capsys, monkeypatch, "report", folder / "log", "--save", folder / "e.json")
    assert code == 0
    assert "1,500 requests showed 4,500 items" in out
    assert "examination" in out
    found = Examination.load(folder / "e.json")
    assert np.abs(found.probabilities - WORLD.examination).max() < 0.1
    code, out, _ = shown(capsys, monkeypatch, "report", folder / "swapped", "--swaps")
    assert code == 0
    assert "randomised swaps" in out


def test_evaluate(folder, capsys, monkeypatch):
    lists = ["--lists", folder / "good.csv", "--against", folder / "bad.csv", "--explored"]
    code, out, _ = shown(capsys, monkeypatch, "evaluate", folder / "log", *lists)
    assert code == 0
    rows = {tuple(line.split()[:2]): line for line in out.splitlines() if line}
    users, best = np.arange(5), np.argsort(-WORLD.relevance, axis=1)
    for name, ranked in (("good", best[:, :3]), ("bad", best[:, :-4:-1])):
        truth = WORLD.expected_clicks(users, ranked).mean()
        value = float(rows[name, "position-based"].split()[2])
        assert value == pytest.approx(truth, abs=0.2)
    assert ("good", "item") in rows
    assert "[0." in rows["difference", "position-based"]
    code, out, _ = shown(capsys, monkeypatch, "evaluate", folder / "log", "--lists", folder / "good.csv")
    assert code == 0
    assert "of examination on items that the log shows" in out


def test_join(folder, capsys, monkeypatch):
    code, out, _ = shown(capsys, monkeypatch, "join", folder / "log", "--output", folder / "joined.csv")
    assert (code, out) == (0, f"4,500 rows written to {folder / 'joined.csv'}\n")
    [table] = list(read_tables(folder / "joined.csv"))
    assert table.n_rows == 4500
    assert {"request", "item", "position", "click", "time"} <= set(table.columns)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nowhere"], "must be the folder of a log"),
        (["report", "log", "--since", "soon"], "ISO 8601"),
        (["report", "log", "--until", "2001-01-01"], "Got none"),
        (["evaluate", "log", "--lists", "joined.csv"], "columns request, item and position"),
        (
            ["evaluate", "log", "--lists", "good.csv", "--examination", "good.csv"],
            "examination that was saved",
        ),
        (["send", "log", "--to", "amqp://x"], "redis://host:port"),
    ],
)
def test_what_cannot_be_is_said(folder, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folder)
    (folder / "joined.csv").write_text("a,b\n1,2\n")
    code, _, err = shown(capsys, monkeypatch, *arguments)
    assert code == 2
    assert said in err
