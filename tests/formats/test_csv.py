import gzip
import io
import math

import numpy as np
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables, write_rows, write_tables
from pairloom.rows import RowBatch
from pairloom.tables import StringColumn, Table
from reference import csv_text


def stream(text):
    return io.BytesIO(text.encode() if isinstance(text, str) else text)


def rows(text, **options):
    return joined(read_rows(stream(text), content_type=options.pop("content_type", "text/csv"), **options))


def dense(batch):
    matrix = np.zeros((batch.n_rows, batch.n_features), np.float32)
    values = np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values
    np.add.at(matrix, (np.repeat(np.arange(batch.n_rows), np.diff(batch.indptr)), batch.indices), values)
    return matrix


def plain(column):
    if isinstance(column, StringColumn):
        return column.to_strings()
    return [None if math.isnan(value) else value for value in column.tolist()]


def table(text, **options):
    tables = list(read_tables(stream(text), content_type=options.pop("content_type", "csv"), **options))
    names = list(tables[0].columns)
    return {name: [value for t in tables for value in plain(t.columns[name])] for name in names}


def written(tables, **options):
    target = io.BytesIO()
    write_tables(tables, target, content_type="csv", **options)
    return target.getvalue().decode()


MATRIX = '1,0,2.5,0\r\n\r\n0, 1 ,-0.0,1e-3\n\n"1","1",3,\t4\n0,0,0,0'


@pytest.mark.parametrize("chunk_bytes", [1, 5, 64, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_matrix_of_numbers(chunk_bytes, n_threads):
    batch = rows(MATRIX, chunk_bytes=chunk_bytes, n_threads=n_threads)
    features, labels = csv_text.matrix(csv_text.records(MATRIX))
    np.testing.assert_array_equal(dense(batch), features)
    np.testing.assert_array_equal(batch.labels, labels)
    assert (batch.values != 0).all()


def test_ones_need_no_values():
    batch = rows("1,0,1,1\n0,0,0,1\n")
    assert batch.values is None
    assert batch.indices.tolist() == [1, 2, 2]
    assert rows("1,0,1,1\n0,0,0,2\n").values.tolist() == [1, 1, 2]


def test_label_and_weight_columns():
    text = "a,b,click,w\n1,2,0,0.5\n3,4,1,2\n"
    batch = rows(text, label_column="click", weight_column="w")
    assert dense(batch).tolist() == [[1, 2], [3, 4]]
    assert batch.labels.tolist() == [0, 1]
    assert batch.weights.tolist() == [0.5, 2]
    assert rows(text, label_column=2, weight_column=3).labels.tolist() == [0, 1]
    assert rows(text, content_type="text/csv; label_size=0").n_features == 4
    assert rows(text, content_type="text/csv; label_size=1").labels.tolist() == [1, 3]
    with pytest.raises(
        DataError, match=r"expected a column out of a, b, click, w. Got rating. Name one of them"
    ):
        rows(text, label_column="rating")
    with pytest.raises(DataError, match=r"expected labels and weights in two columns. Got click"):
        rows(text, label_column="click", weight_column=2)
    with pytest.raises(DataError, match=r"line 3, field 'weight': expected a weight of at least 0. Got -2"):
        rows("l,w\n1,1\n0,-2\n", weight_column="w")


def test_width_can_be_required():
    assert rows("1,2,3\n", n_features=2).n_features == 2
    with pytest.raises(DataError, match=r"line 1: expected 3 feature columns. Got 2"):
        rows("1,2,3\n", n_features=3)


def test_header_is_found_when_no_field_is_a_number():
    assert table("user,item\n1,2\n") == {"user": [1], "item": [2]}
    assert table("1,2\n") == {"column_1": [1], "column_2": [2]}
    assert table("1,2\n", names=["user", "item"]) == {"user": [1], "item": [2]}
    assert table("a,b\nc,d\n", header=False) == {"column_1": ["a", "c"], "column_2": ["b", "d"]}
    assert table("1,2\n3,4\n", header=True) == {"1": [3], "2": [4]}
    assert table("\r\n\n\nuser\n1\n") == {"user": [1]}
    assert table("\n\n\n\n\nuser\n1\n", chunk_bytes=2) == {"user": [1]}
    assert table("\ufeffuser\n1\n") == {"user": [1]}
    with pytest.raises(
        DataError, match=r"line 1: expected the header user, item. Got user, film. Pass other names"
    ):
        table("user,film\n1,2\n", names=["user", "item"])
    with pytest.raises(DataError, match=r"line 1: expected every column once. Got 'user' twice"):
        table("user,user\n1,2\n")
    with pytest.raises(DataError, match=r"line 1: expected 3 columns, as names says. Got 2"):
        table("1,2\n", names=["user", "item", "rating"])
    with pytest.raises(DataError, match=r"line 1, field 'column_2': expected a number. Got 'x'"):
        rows("1,x\n1,2\n")


def test_headers_of_several_files_must_agree():
    sources = [stream("user,item\n1,2\n"), stream("item,user\n1,2\n")]
    with pytest.raises(
        DataError, match=r"expected the columns of <stream>: \['user', 'item'\]. Got \['item', 'user'\]"
    ):
        list(read_tables(sources, content_type="csv"))


def test_matrices_of_several_files_are_of_one_width():
    sources = [stream("0,1,2\n"), stream("1,2,3\n"), stream("1,2,3,4\n")]
    batches = read_rows(sources, content_type="csv")
    assert [next(batches).n_features, next(batches).n_features] == [2, 2]
    with pytest.raises(DataError, match=r"<stream>, line 1: expected 2 feature columns. Got 3"):
        next(batches)


KINDS = (
    'id,n,t\n1,1.5,one\n-7, 2e3 ,"a ""quoted"", one"\n12,,\n9007199254740993,-0.5,"two\nlines"\n0,1,\u00fc\n'
)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 30, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_kinds_of_columns(chunk_bytes, n_threads):
    got = table(KINDS, kinds={"n": "number", "t": "text"}, chunk_bytes=chunk_bytes, n_threads=n_threads)
    _, *records = csv_text.records(KINDS)
    for at, (name, kind) in enumerate({"id": "id", "n": "number", "t": "text"}.items()):
        assert got[name] == csv_text.column(records, at, kind)


def test_columns_are_chosen_and_ordered():
    assert table("a,b,c\n1,2,3\n", columns=["c", "a"]) == {"c": [3], "a": [1]}
    with pytest.raises(DataError, match=r"expected a column out of a, b. Got x"):
        table("a,b\n1,2\n", columns=["x"])
    with pytest.raises(DataError, match=r"expected a column out of a, b. Got x"):
        table("a,b\n1,2\n", kinds={"x": "id"})
    with pytest.raises(DataError, match=r"field 'a': expected a kind out of id, number, text. Got date"):
        table("a,b\n1,2\n", kinds={"a": "date"})


@pytest.mark.parametrize(
    "odd", ["007", "-0", "+1", "1.0", "9223372036854775808", "", "x", " 1", "1 ", "12345678901234567890123"]
)
def test_one_id_that_is_no_plain_integer_makes_the_batch_strings(odd):
    text = f"a,b\n1,1\n-20,2\n{odd},3\n44,4\n"
    assert table(text)["a"] == ["1", "-20", odd or None, "44"]
    assert table("a\n9223372036854775807\n-9223372036854775808\n")["a"] == [2**63 - 1, -(2**63)]


def test_delimiters_quotes_and_charsets():
    assert table("1|2\n", delimiter="|") == {"column_1": [1], "column_2": [2]}
    assert table("1::a:b::3\n", delimiter="::") == {"column_1": [1], "column_2": ["a:b"], "column_3": [3]}
    assert table('1\t5" disk\n', content_type="text/tab-separated-values", quote=None)["column_2"] == [
        '5" disk'
    ]
    assert table("1;'a;b'\n", delimiter=";", quote="'")["column_2"] == ["a;b"]
    latin = "1,L\xe9on\n".encode("latin-1")
    assert table(latin, charset="latin-1")["column_2"] == ["L\xe9on"]
    assert table(latin, content_type="text/csv; charset=iso-8859-1")["column_2"] == ["L\xe9on"]
    with pytest.raises(
        DataError, match=r"line 1, field 'column_2': expected UTF-8 text. Got 'L.xe9on'. Pass the charset"
    ):
        table(latin, header=False)
    for wrong in ("", "ab", "a", ".", '"', "\n"):
        with pytest.raises(DataError, match="field 'delimiter': expected a delimiter of one byte"):
            table("1,2\n", delimiter=wrong)
    with pytest.raises(DataError, match=r"field 'charset': expected utf-8, latin-1 or cp1252. Got utf-16"):
        table("1,2\n", charset="utf-16")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2", ": expected 3 fields. Got 2 fields. Give every row as many fields as the first"),
        ("1,2,3,4,5", ": expected 3 fields. Got 5 fields"),
        ("1,2,", ", field 'c': expected a number. Got an empty field"),
        ("1,x,3", ", field 'b': expected a number. Got 'x'"),
        ("1,2,nan", ", field 'c': expected a finite number. Got 'nan'"),
        ("-inf,2,3", ", field 'a': expected a finite number. Got '-inf'"),
        ("1,1e999,3", ", field 'b': expected a number within float32. Got '1e999'"),
        ("1,2 2,3", ", field 'b': expected a number. Got '2 2'"),
        ("1,2,3\r4,5,6", ": expected a line feed after a carriage return"),
        ("1,2\0,3", ": expected text. Got a zero byte"),
        ('1,"2\0",3', ": expected text. Got a zero byte"),
        ('1,2"2",3', ": expected quotes around a whole field, doubled within it. Got '2\"'. Pass quote=None"),
        (
            '1,"2"2,3',
            ": expected the end of a field after its closing quote. Got '\"2\"2'. Double the quotes",
        ),
        ('1,2,"3', ": expected a closing quote. Got the end of the text"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [3, 1 << 20])
def test_defects_are_placed_and_explained(line, message, chunk_bytes):
    good = "a,b,c\n1,2,3\n\n4,5,6\r\n"
    for after in ("", "\n7,8,9\n" * 20):
        with pytest.raises(DataError) as caught:
            rows(good + line + after, chunk_bytes=chunk_bytes)
        assert str(caught.value).startswith(f"<stream>, line 5{message}")


def test_rows_without_an_end_do_not_take_all_memory():
    text = 'a,b\n1,"' + "x,y\n" * 10_000
    with pytest.raises(DataError, match=r"byte 4: expected lines of at most 500 bytes. Got \d{3,4} bytes"):
        table(text, max_line_bytes=500, chunk_bytes=100)
    for empty in ("", "\n\r\n", "a,b\n"):
        with pytest.raises(DataError, match="expected at least one row"):
            table(empty)


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.integers(1, 4), st.data(), st.integers(1, 50), st.booleans())
def test_matrices_read_back_to_the_last_bit(width, data, chunk_bytes, header):
    matrix = np.array(
        data.draw(st.lists(st.lists(finite, min_size=width, max_size=width), min_size=1)), np.float32
    )
    labels = np.array(data.draw(st.lists(finite, min_size=len(matrix), max_size=len(matrix))), np.float32)
    matrix += 0
    row, column = np.nonzero(matrix)
    batch = RowBatch(
        indptr=np.searchsorted(row, np.arange(len(matrix) + 1)).astype(np.int64),
        indices=column.astype(np.int32),
        values=matrix[row, column],
        n_features=width,
        labels=labels,
    )
    target = io.BytesIO()
    write_rows([batch], target, content_type="csv", header=header)
    assert_equal_rows(rows(target.getvalue(), chunk_bytes=chunk_bytes), batch)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
columns = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=4, max_size=4),
    st.lists(st.floats(allow_infinity=False, allow_nan=False) | st.none(), min_size=4, max_size=4),
    st.lists(texts.filter(bool) | st.none(), min_size=4, max_size=4),
)


@given(st.lists(columns, min_size=1, max_size=4), st.integers(1, 60), st.sampled_from([",", "\t", "::"]))
def test_tables_read_back_equal(contents, chunk_bytes, delimiter):
    made, kinds = {}, {}
    for i, values in enumerate(contents):
        name = f"c,{i}"
        if all(isinstance(value, int) for value in values):
            made[name] = np.array(values, np.int64)
        elif any(isinstance(value, float) for value in values):
            made[name], kinds[name] = np.array([math.nan if v is None else v for v in values]), "number"
        else:
            made[name], kinds[name] = StringColumn.from_strings(values), "text"
    text = written([Table(made, 4)], delimiter=delimiter)
    got = table(text, kinds=kinds, chunk_bytes=chunk_bytes, delimiter=delimiter, header=True)
    assert got == {name: plain(column) for name, column in made.items()}


field = st.sampled_from(["", "1", "-5", "007", "2.5", "ab", "x y", "a,b", 'a"b', "l\n1", "\r\n", "\u20ac"])


@given(
    st.lists(st.lists(field, min_size=2, max_size=2), min_size=1, max_size=9),
    st.integers(1, 40),
    st.booleans(),
)
def test_agrees_with_the_standard_library(contents, chunk_bytes, crlf):
    import csv

    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\r\n" if crlf else "\n").writerows(contents)
    text = target.getvalue()
    got = table(text, names=["a", "b"], header=False, kinds={"b": "text"})
    assert got == {"a": csv_text.column(contents, 0, "id"), "b": csv_text.column(contents, 1, "text")}
    pieces = table(text, names=["a", "b"], header=False, kinds={"b": "text"}, chunk_bytes=chunk_bytes)
    assert [None if v is None else str(v) for v in pieces["a"]] == [fields[0] or None for fields in contents]


def test_writing_what_cannot_be_held():
    with pytest.raises(DataError, match=r"row 2, field 'value': expected finite numbers. Got nan"):
        write_rows(
            [RowBatch(np.array([0, 1, 2]), np.zeros(2, np.int32), np.array([1, np.nan], np.float32), 1)],
            io.BytesIO(),
            content_type="csv",
            label_size=0,
        )
    with pytest.raises(
        DataError, match=r"row 1, field 'index': expected indices below 2. Got 5. Pass n_features"
    ):
        write_rows(
            [RowBatch(np.array([0, 1]), np.array([5], np.int32), None, 6)],
            io.BytesIO(),
            content_type="csv",
            label_size=0,
            n_features=2,
        )
    with pytest.raises(DataError, match=r"row 2: expected text without zero bytes. Got a zero byte"):
        written([Table({"a": StringColumn.from_strings(["x", "x\0y"])}, 2)])
    with pytest.raises(DataError, match="row 1: expected text without delimiters and line ends"):
        written([Table({"a": StringColumn.from_strings(["x,y"])}, 1)], quote=None)


def test_bytes_on_disk():
    made = Table(
        {
            "user": np.array([1, -2]),
            "score": np.array([0.1, math.nan]),
            "title, year": StringColumn.from_strings(['Heat "1995"', None]),
        },
        2,
    )
    assert written([made]) == 'user,score,"title, year"\n1,0.1,"Heat ""1995"""\n-2,,\n'
    assert written([Table({"only": StringColumn.from_strings(["x", None])}, 2)]) == 'only\nx\n""\n'


def test_movielens_files(data_folder):
    kinds = {"rating": "number"}
    tables = list(
        read_tables(data_folder / "movielens-latest-small" / "ratings.csv.gz", kinds=kinds, n_threads=2)
    )
    assert sum(each.n_rows for each in tables) == 100_836
    assert list(tables[0].columns) == ["userId", "movieId", "rating", "timestamp"]
    assert tables[0].columns["userId"].dtype == np.int64
    assert {value for each in tables for value in each.columns["rating"].tolist()} == {
        i / 2 for i in range(1, 11)
    }

    movies = (data_folder / "movielens-latest-small" / "movies.csv.gz").read_bytes()
    text = gzip.decompress(movies).decode()
    got = table(text, kinds={"title": "text", "genres": "text"}, chunk_bytes=10_000)
    _, *records = csv_text.records(text)
    assert got["title"] == [fields[1] for fields in records]

    names = ["user", "item", "rating", "timestamp"]
    u_data = data_folder / "movielens-100k" / "u.data.gz"
    users = joined(read_rows(u_data, content_type="tsv", names=names, label_column="rating", n_threads=2))
    assert users.n_rows == 100_000
    assert dense(users)[0].tolist() == [196, 242, np.float32(881250949)]
    items = table(
        (data_folder / "movielens-100k" / "u.item").read_bytes(),
        delimiter="|",
        charset="latin-1",
        header=False,
        quote=None,
        kinds={"column_2": "text"},
    )
    assert items["column_1"] == list(range(1, 1683))
    assert items["column_2"][0] == "Toy Story (1995)"


def test_criteo_file(data_folder):
    path = data_folder / "criteo-display-ads" / "criteo_80k.tsv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    records = csv_text.records(text, delimiter="\t")
    got = table(text, content_type="tsv", header=False, n_threads=2, kinds={"column_5": "number"})
    assert sum(got["column_1"]) == 17_958
    assert got["column_5"] == csv_text.column(records, 4, "number")
    assert got["column_40"] == csv_text.column(records, 39, "id")
