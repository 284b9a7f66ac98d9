"""MovieLens folders in every published layout."""

import gzip

import numpy as np
import pytest

from pairloom.errors import DataError
from pairloom.movielens import read_movielens


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def tabbed(*rows):
    return "".join(f"{user}\t{item}\t{rating}\t881250949\n" for user, item, rating in rows)


def all_ratings(data):
    columns = [
        np.concatenate([data.train.columns[n], data.test.columns[n]]) for n in ("user", "item", "rating")
    ]
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def test_100k_is_split_officially(tmp_path):
    write(tmp_path / "u.data", tabbed((1, 2, 3), (1, 4, 5), (2, 2, 1)))
    write(tmp_path / "ua.base.gz", tabbed((1, 2, 3), (2, 2, 1)))
    write(tmp_path / "ua.test", tabbed((1, 4, 5)))
    write(tmp_path / "u.item", "2|GoldenEye (1995)|x|\n4|Amélie (2001)|y|\n", "latin-1")
    data = read_movielens(tmp_path)
    assert data.name == "MovieLens 100K, official split ua"
    assert data.train.columns["user"].tolist() == [1, 2]
    assert data.train.columns["rating"].tolist() == [3.0, 1.0]
    assert data.test.columns["item"].tolist() == [4]
    assert data.titles == {2: "GoldenEye (1995)", 4: "Amélie (2001)"}


RATINGS = [(user, item, 0.5 + (user * item) % 10 / 2) for user in range(1, 21) for item in range(1, 21)]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_1m_has_double_colons(tmp_path, ending):
    write(tmp_path / f"ratings.dat{ending}", "".join(f"{u}::{i}::{r}::978300760\n" for u, i, r in RATINGS))
    write(tmp_path / f"movies.dat{ending}", "1::Toy Story (1995)::Animation|Comedy\n", "latin-1")
    data = read_movielens(tmp_path)
    assert all_ratings(data) == sorted(RATINGS)
    assert 15 < data.test.n_rows < 75
    assert data.titles == {1: "Toy Story (1995)"}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_latest_has_a_header(tmp_path, line_end):
    text = "userId,movieId,rating,timestamp\n" + "".join(f"{u},{i},{r},964982703\n" for u, i, r in RATINGS)
    write(tmp_path / "ratings.csv", text.replace("\n", line_end))
    write(tmp_path / "movies.csv", 'movieId,title,genres\n11,"American President, The (1995)",Comedy\n')
    data = read_movielens(tmp_path)
    assert all_ratings(data) == sorted(RATINGS)
    assert data.titles == {11: "American President, The (1995)"}


def test_the_seed_decides_the_split(tmp_path):
    write(tmp_path / "u.data", tabbed(*RATINGS))
    first, again, other = (read_movielens(tmp_path, random_state=seed) for seed in (0, 0, 1))
    assert first.test.columns["item"].tolist() == again.test.columns["item"].tolist()
    assert first.test.columns["item"].tolist() != other.test.columns["item"].tolist()


def test_the_data_set_may_lie_one_folder_down(tmp_path):
    write(tmp_path / "ml-100k" / "u.data", tabbed(*RATINGS))
    assert all_ratings(read_movielens(tmp_path)) == sorted(RATINGS)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected u.data, .* Got none of them"):
        read_movielens(tmp_path)
    with pytest.raises(DataError, match="Got none by that name"):
        read_movielens(tmp_path / "missing")


def test_text_for_an_id_is_refused(tmp_path):
    write(tmp_path / "u.data", "1\ttwo\t3\t4\n")
    with pytest.raises(DataError, match=r"field 'item': expected integers\. Got text"):
        read_movielens(tmp_path)


def test_the_real_100k(data_folder):
    data = read_movielens(data_folder / "movielens-100k")
    assert (data.train.n_rows, data.test.n_rows) == (90_570, 9_430)
    assert len(data.titles) == 1682
    assert data.titles[1] == "Toy Story (1995)"


def test_the_real_latest_small(data_folder):
    data = read_movielens(data_folder / "movielens-latest-small")
    assert data.train.n_rows + data.test.n_rows == 100_836
    assert len(data.titles) == 9742
