"""MovieLens folders in every published layout."""

import gzip
import itertools

import numpy as np
import pytest

from pairloom.errors import DataError
from pairloom.movielens import read_movielens, read_movielens_tables


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


def texts(column):
    ends = column.offsets.tolist()
    return [column.data[a:b].tobytes().decode() for a, b in itertools.pairwise(ends)]


def test_all_tables_of_100k(tmp_path):
    write(tmp_path / "u.data", tabbed((1, 2, 3), (1, 4, 5)))
    flags = ["0"] * 19
    flags[8] = flags[14] = "1"
    write(tmp_path / "u.item", f"2|Amélie (2001)|01-Jan-2001||x|{'|'.join(flags)}\n", "latin-1")
    write(tmp_path / "u.user", "1|24|M|technician|85711\n2|53|F|other|T8H1N\n")
    tables = read_movielens_tables(tmp_path)
    assert tables.ratings.columns["time"].tolist() == [881250949, 881250949]
    assert texts(tables.films.columns["title"]) == ["Amélie (2001)"]
    assert texts(tables.films.columns["genres"]) == ["Drama|Romance"]
    assert tables.films.columns["year"].tolist() == [2001.0]
    assert tables.users.columns["age"].tolist() == [24, 53]
    assert texts(tables.users.columns["zip_code"]) == ["85711", "T8H1N"]


def test_all_tables_of_the_others(tmp_path):
    write(tmp_path / "ratings.dat", "1::2::3::978300760\n")
    write(tmp_path / "movies.dat", "2::Toy Story (1995)::Animation|Comedy\n3::No Year::\n", "latin-1")
    write(tmp_path / "users.dat", "1::F::25::10::48067\n")
    tables = read_movielens_tables(tmp_path)
    assert texts(tables.films.columns["genres"]) == ["Animation|Comedy", ""]
    assert np.isnan(tables.films.columns["year"]).tolist() == [False, True]
    assert texts(tables.users.columns["gender"]) == ["F"]
    latest = tmp_path / "latest"
    write(latest / "ratings.csv", "userId,movieId,rating,timestamp\n1,11,4.5,964982703\n")
    write(latest / "movies.csv", 'movieId,title,genres\n11,"President, The (1995)",(no genres listed)\n')
    tables = read_movielens_tables(latest)
    assert tables.users is None
    assert tables.ratings.columns["rating"].tolist() == [4.5]
    assert texts(tables.films.columns["genres"]) == [""]
    (latest / "movies.csv").unlink()
    with pytest.raises(DataError, match=r"ratings.csv with movies.csv"):
        read_movielens_tables(latest)
