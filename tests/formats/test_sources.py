import bz2
import gzip
import io
import lzma

import pytest

from pairloom.errors import DataError
from pairloom.formats import read_rows
from pairloom.formats.registry import FORMATS, by_content_type, by_ending
from pairloom.formats.sources import list_inputs, resolve_format


def contents(source):
    found = []
    for each in list_inputs(source):
        with each.opened() as stream:
            found.append(stream.read())
    return found


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.csv", "deep/c.csv", "_SUCCESS", ".hidden.csv", ".git/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def test_folder_is_walked_in_order_without_hidden_files(folder):
    assert contents(folder) == [b"a.csv", b"b.csv", b"deep/c.csv"]


def test_glob_list_and_stream(folder):
    assert contents(str(folder / "*.csv")) == [b"a.csv", b"b.csv"]
    stream = io.BytesIO(b"x")
    assert contents([folder / "b.csv", str(folder / "a.csv"), stream]) == [b"b.csv", b"a.csv", b"x"]
    assert not stream.closed


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
def test_compression_by_ending(tmp_path, ending, pack):
    whole, cut = tmp_path / f"a.csv{ending}", tmp_path / f"cut.csv{ending}"
    text = bytes(range(256)) * 50
    whole.write_bytes(pack.compress(text[:100]) + pack.compress(text[100:]))
    assert contents(whole) == [text]
    cut.write_bytes(pack.compress(text)[:-9])
    with pytest.raises(DataError, match=rf"cut.csv{ending}: expected a whole compressed file"):
        contents(cut)


def test_sources_without_data(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "_SUCCESS").touch()
    for source, message in [
        (
            tmp_path / "gone.csv",
            r"gone.csv: expected a file, a folder or a pattern. Got nothing by that name",
        ),
        (tmp_path / "*.tsv", "expected files that match the pattern. Got none"),
        (tmp_path / "empty.csv", "empty.csv: expected at least one row. Got an empty file"),
        (tmp_path / "bare", "bare: expected a folder with data files. Got none in it"),
        ([], "'source': expected at least one file. Got an empty list"),
        (7, "expected a path, an open binary file or a list of these. Got int"),
        (io.StringIO("1 1:1"), "expected a file opened in binary mode"),
    ]:
        with pytest.raises(DataError, match=message):
            list_inputs(source)


def test_every_content_type_and_ending_finds_its_format():
    for known in FORMATS:
        for content_type in (known.name, *known.content_types):
            assert by_content_type(f" {content_type.upper()} ; charset=UTF-8")[0] is known
        for ending in known.endings:
            assert by_ending(ending, "x")[0] is known
    endings = [ending for known in FORMATS for ending in known.endings]
    types = [each for known in FORMATS for each in (known.name, *known.content_types)]
    assert len(set(endings)) == len(endings)
    assert len(set(types)) == len(types)


def test_content_type_parameters_become_options():
    assert by_content_type("text/csv;label_size=1; header=present")[1] == {"label_size": 1, "header": True}
    assert by_content_type("tsv")[1] == {"delimiter": "\t"}
    for wrong in (
        "text/html",
        "text/csv; label_size=two",
        "text/csv; colour=red",
        "text/libsvm; label_size=1",
    ):
        with pytest.raises(DataError, match="Got"):
            by_content_type(wrong)


def test_format_is_found_by_ending_and_must_be_one(tmp_path):
    for name in ("a.CSV.gz", "b.csv", "c.libsvm", "d.md"):
        (tmp_path / name).write_bytes(b"1")
    assert resolve_format(list_inputs(str(tmp_path / "[ab].*")), None)[0].name == "csv"
    with pytest.raises(
        DataError, match=r"c.libsvm: expected files of one format, csv like .*a.CSV.gz. Got libsvm"
    ):
        resolve_format(list_inputs(str(tmp_path / "[abc].*")), None)
    with pytest.raises(DataError, match=r"d.md: expected a file ending out of .* Got '.md'. Rename"):
        resolve_format(list_inputs(tmp_path / "d.md"), None)
    with pytest.raises(
        DataError, match=r"<stream>: expected a file ending .* Got none. Rename the file or pass"
    ):
        resolve_format(list_inputs(io.BytesIO(b"1")), None)


def test_an_iterator_of_files_is_read_one_by_one(tmp_path):
    opened = []

    def files():
        for number in range(3):
            with io.BytesIO(f"{number} 0:1\n".encode()) as file:
                opened.append(number)
                yield file

    batches = read_rows(files(), content_type="text/libsvm")
    assert [(next(batches).labels.tolist(), list(opened)) for _ in range(3)] == [
        ([0.0], [0]),
        ([1.0], [0, 1]),
        ([2.0], [0, 1, 2]),
    ]
    with pytest.raises(DataError, match="a content type with an iterator"):
        read_rows(files())
