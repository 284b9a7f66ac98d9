"""Files in, answers out: cutting, formats, joins, faults and resuming."""

import gzip
import io
import json
import os
import tracemalloc

import numpy as np
import pytest

from pairloom.errors import PlatformError, UserError
from pairloom.formats import read_rows, write_rows
from pairloom.formats.matrices import rows_of_matrix
from pairloom.formats.recordio_protobuf import read_records
from pairloom.serving.transform import TransformJob, TransformSettings
from pairloom.serving.transform.journal import FILE_NAME, Journal
from pairloom.serving.transform.records import cut_batches

MATRIX = np.random.default_rng(0).integers(0, 5, (1000, 3)).astype(np.float32)
SCORES = 10 + MATRIX @ np.array([1, 2, 3], np.float32)
WIDE = np.ones((1, 400_000), np.float32)
CSV = b"".join(b"%d,%d,%d\n" % tuple(map(int, row)) for row in MATRIX)


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows_as(content_type, rows=MATRIX, **options):
    stream = io.BytesIO()
    write_rows([rows_of_matrix(rows)], stream, content_type=content_type, **options)
    return stream.getvalue()


def lines_of(path):
    return [float(line) for line in path.read_text().splitlines()]


CONTENTS = {
    "rows.csv": (CSV, lines_of),
    "rows.csv.gz": (gzip.compress(CSV), lines_of),
    "rows.tsv": (CSV.replace(b",", b"\t"), lines_of),
    "rows.libsvm": (b"".join(b"0" + bytes(f" 0:{a} 1:{b} 2:{c}\n", "ascii") for a, b, c in MATRIX), lines_of),
    "rows.jsonl": (
        b"".join(json.dumps({"features": row.tolist()}).encode() + b"\n" for row in MATRIX),
        lambda path: [json.loads(line)["score"] for line in path.read_text().splitlines()],
    ),
    "rows.json": (
        json.dumps({"instances": [{"features": row.tolist()} for row in MATRIX]}).encode(),
        lambda path: [each["score"] for each in json.loads(path.read_bytes())["predictions"]],
    ),
    "rows.pbr": (
        rows_as("recordio-protobuf"),
        lambda path: [
            record.label["score"].float32_tensor.values[0]
            for record in read_records(io.BytesIO(path.read_bytes()))
        ],
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_every_format_is_scored_in_order(name, concurrency, tmp_path, transform):
    content, read = CONTENTS[name]
    result = transform(written(tmp_path / name, content), max_concurrent_transforms=concurrency)
    np.testing.assert_array_equal(read(tmp_path / "out" / f"{name}.out"), SCORES)
    assert (result.n_files, result.n_records, result.failures) == (1, 1000, {})
    assert result.n_bytes == len(content)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.pbr", "rows.libsvm"])
def test_one_record_a_request_gives_the_same(name, tmp_path, transform):
    content, read = CONTENTS[name]
    transform(written(tmp_path / name, content), batch_strategy="SingleRecord", max_concurrent_transforms=2)
    np.testing.assert_array_equal(read(tmp_path / "out" / f"{name}.out"), SCORES)


def test_a_classifier_answers_in_columns(tmp_path, transform):
    transform(written(tmp_path / "rows.csv", b"0,0,0\n-20,0,0\n"), model="classifier")
    rows = [line.split(",") for line in (tmp_path / "out" / "rows.csv.out").read_text().splitlines()]
    assert [float(label) for _, label in rows] == [1.0, 0.0]


def test_a_folder_keeps_its_keys(tmp_path, transform):
    for key in ("a.csv", "deep/er/b.csv", ".hidden.csv", ".git/c.csv"):
        written(tmp_path / "in" / key, b"1,0,0\n")
    written(tmp_path / "in" / "empty.csv", b"")
    assert transform(tmp_path / "in").n_files == 3
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.out")}
    assert found == {"a.csv.out", "deep/er/b.csv.out", "empty.csv.out"}
    assert (tmp_path / "out" / "empty.csv.out").read_bytes() == b""


def test_a_prefix_takes_what_begins_with_it(tmp_path, transform):
    for key in ("part-1.csv", "part-2.csv", "part/3.csv", "other.csv"):
        written(tmp_path / "in" / key, b"1,0,0\n")
    assert transform(f"{tmp_path}/in/part").n_files == 1  # a folder goes before a prefix
    assert transform(f"{tmp_path}/in/part-").n_files == 2
    assert (tmp_path / "out" / "part-2.csv.out").exists()
    with pytest.raises(UserError, match="Got none"):
        transform(f"{tmp_path}/in/nothing")


def test_the_output_must_be_elsewhere(tmp_path, models):
    written(tmp_path / "a.csv", b"1,0,0\n")
    with pytest.raises(UserError, match="the output must not be inside the input"):
        TransformJob(models["numbers"], str(tmp_path), tmp_path / "out", TransformSettings())


@pytest.mark.parametrize("accept", ["application/json", "application/jsonlines", "text/csv"])
def test_answers_are_assembled(accept, tmp_path, transform, monkeypatch):
    source = written(tmp_path / "rows.csv", b"1,0,0\n0,1,0\n")
    transform(source, accept=accept, batch_strategy="SingleRecord")
    lines = (tmp_path / "out" / "rows.csv.out").read_bytes()
    assert lines.count(b"\n") == 2
    assert lines.endswith(b"\n")
    transform(source, accept=accept, batch_strategy="SingleRecord", assemble_with="None")
    assert (tmp_path / "out" / "rows.csv.out").read_bytes().count(b"\n") == (
        0 if accept == "application/json" else 2
    )


def test_raw_columns_go_through_the_encoder_and_a_header_goes_with_every_body(tmp_path, transform):
    content = b"rating,item,user\n" + b"5,x,a\n4,y,b\n" * 100
    source = written(tmp_path / "rows.csv", content)
    transform(source, model="raw", batch_strategy="SingleRecord")
    single = lines_of(tmp_path / "out" / "rows.csv.out")
    assert len(single) == 200
    transform(source, model="raw")
    assert lines_of(tmp_path / "out" / "rows.csv.out") == single
    transform(
        written(tmp_path / "bare.csv", b"a,x\nb,y\n"), model="raw"
    )  # no header: the encoder's columns, in its order
    assert lines_of(tmp_path / "out" / "bare.csv.out") == single[:2]
    objects = b'{"user": "a", "item": "x"}\n{"user": "b", "item": "y"}\n'
    transform(written(tmp_path / "rows.jsonl", objects), model="raw", accept="text/csv")
    assert lines_of(tmp_path / "out" / "rows.jsonl.out") == single[:2]


def test_a_header_over_numbers_is_no_record(tmp_path, transform):
    transform(written(tmp_path / "rows.csv", b"a,b,c\n" + CSV), batch_strategy="SingleRecord")
    assert lines_of(tmp_path / "out" / "rows.csv.out") == SCORES.tolist()


def joined(tmp_path, name):
    return (tmp_path / "out" / f"{name}.out").read_text()


def test_csv_is_joined_with_its_answers(tmp_path, transform):
    source = written(tmp_path / "rows.csv", b'u1,1,0,0\r\n\n"u,2",0,1,0\nu3,0,0,1')
    transform(source, input_filter="$[1:]", join_source="Input")
    assert joined(tmp_path, "rows.csv") == 'u1,1,0,0,11.0\n"u,2",0,1,0,12.0\nu3,0,0,1,13.0\n'
    transform(source, input_filter="$[1:3]", join_source="Input", output_filter="$[0,-1]")
    assert joined(tmp_path, "rows.csv") == 'u1,11.0\n"u,2",12.0\nu3,13.0\n'
    transform(source, input_filter="$[1:]", output_filter="$[0]")
    assert joined(tmp_path, "rows.csv") == "11.0\n12.0\n13.0\n"


def test_lists_of_answers_are_columns_of_the_join(tmp_path, transform):
    transform(
        written(tmp_path / "rows.csv", b"7,0,0,0\n"),
        model="classifier",
        input_filter="$[1:]",
        join_source="Input",
    )
    assert joined(tmp_path, "rows.csv").startswith("7,0,0,0,0.9999")
    assert joined(tmp_path, "rows.csv").endswith(",1.0\n")


def test_a_header_is_filtered_with_its_rows(tmp_path, transform):
    source = written(tmp_path / "rows.csv", b"id,user,item\n7,a,x\n8,b,y\n")
    transform(source, model="raw", input_filter="$[1:]", join_source="Input", output_filter="$[0,-1]")
    assert [line.split(",")[0] for line in joined(tmp_path, "rows.csv").splitlines()] == ["7", "8"]


def test_json_lines_are_joined_with_their_answers(tmp_path, transform):
    source = written(
        tmp_path / "rows.jsonl", b'{"id": 1, "features": [1, 0, 0]}\n{"id": 2, "features": [0, 1, 0]}\n'
    )
    transform(
        source, input_filter="$.features", join_source="Input", output_filter="$['id','SageMakerOutput']"
    )
    rows = [json.loads(line) for line in joined(tmp_path, "rows.jsonl").splitlines()]
    assert rows == [
        {"id": 1, "SageMakerOutput": {"score": 11.0}},
        {"id": 2, "SageMakerOutput": {"score": 12.0}},
    ]
    transform(source, input_filter="$.features", join_source="Input", output_filter="$.SageMakerOutput.score")
    assert joined(tmp_path, "rows.jsonl") == "11.0\n12.0\n"


def test_lines_that_are_no_objects_are_joined_under_two_names(tmp_path, transform):
    transform(written(tmp_path / "rows.jsonl", b"[1, 0, 0]\n"), join_source="Input")
    assert json.loads(joined(tmp_path, "rows.jsonl")) == {
        "SageMakerInput": [1, 0, 0],
        "SageMakerOutput": {"score": 11.0},
    }


def test_a_document_is_joined_with_its_answer(tmp_path, transform):
    document = {"instances": [{"features": [1, 0, 0]}]}
    transform(written(tmp_path / "rows.json", json.dumps(document).encode()), join_source="Input")
    answer = {"predictions": [{"score": 11.0}]}
    assert json.loads(joined(tmp_path, "rows.json")) == document | {"SageMakerOutput": answer}


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("rows.csv", b"1,0,0\n1,x,0\n", {}, "rows.csv, line 2, field 'column_2': expected a number"),
        ("rows.csv", b"a,b,c\n\n1,0,0\n1,x,0\n", {}, "rows.csv, line 4, field 'b'"),
        ("rows.csv", b"1,0,0\n\n1,x,0\n", {"batch_strategy": "SingleRecord"}, "rows.csv, line 3"),
        ("rows.csv", b"1,0,0\n1,0\n", {}, "rows.csv, line 2"),
        ("rows.jsonl", b'{"features": [1, 0, 0]}\n{"features": \n', {}, "rows.jsonl, line 2"),
        ("rows.jsonl", b"[1]\n" * 5 + b"[1, 2]\n", {}, "rows.jsonl, line 6"),
        ("rows.jsonl", b'{"a": [1, 0, 0]}\n{}\n', {"input_filter": "$.a"}, "rows.jsonl, line 2: expected a member 'a'"),
        ("rows.csv", b"1,0,0\n1\n", {"input_filter": "$[0,1]"}, "rows.csv, line 2: expected an item 1"),
        ("rows.csv", b'1,0,0\n1,"0,0\n', {"input_filter": "$[0:]"}, "rows.csv, line 2: expected a row of CSV"),
        ("rows.json", b"{", {}, "rows.json"),
        ("rows.pbr", rows_as("recordio-protobuf")[:-8], {}, "rows.pbr, row 1000"),
        ("rows.pbr", b"nonsense" * 4, {"batch_strategy": "SingleRecord"}, "rows.pbr, row 1"),
        ("rows.csv.gz", gzip.compress(CSV)[:-30], {}, "rows.csv.gz: expected a whole compressed file"),
        ("rows.what", CSV, {}, "rows.what: expected a file ending"),
        ("rows.csv", CSV, {"accept": "text/html"}, "text/html"),
        ("rows.csv", CSV, {"content_type": "application/json"}, "rows.csv"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_scored_fails_its_file_alone(
    name, content, settings, message, tmp_path, transform
):
    written(tmp_path / "in" / name, content)
    for other in ("a.csv", "z.csv"):
        written(tmp_path / "in" / other, b"1,0,0\n")
    result = transform(tmp_path / "in", max_concurrent_transforms=2, **settings)
    assert name in result.failures
    assert message in str(result.failures[name])
    assert not list((tmp_path / "out").rglob("*.partial"))
    assert not (tmp_path / "out" / f"{name}.out").exists()
    if not settings:
        assert list(result.failures) == [name]
        assert (tmp_path / "out" / "z.csv.out").read_text() == "11.0\n"


def test_the_place_of_a_fault_counts_over_all_payloads(tmp_path, transform):
    line = b"%s1,0,0\n" % (b" " * 1000)
    source = written(tmp_path / "rows.csv", line * 1500 + b"1,x,0\n" + line * 10)
    result = transform(source, max_payload_in_mb=1)
    assert "rows.csv, line 1501" in str(result.failures["rows.csv"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_payload_in_mb": 101}, "'max_payload_in_mb' must be an integer in [0, 100]. Got 101"),
        ({"max_payload_in_mb": 0}, "'max_payload_in_mb' must be at least 1 unless split_type is 'None'"),
        (
            {"max_concurrent_transforms": 0},
            "'max_concurrent_transforms' must be an integer in [1, 1024]. Got 0",
        ),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError) as caught:
        TransformSettings(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"join_source": "Input", "accept": "application/json"}, "of one content type"),
        (
            {"join_source": "Input", "split_type": "None"},
            "'split_type' must be Line to filter or join text/csv",
        ),
        ({"output_filter": "nonsense"}, "'output_filter' must be a JSONPath"),
        ({"content_type": "application/json", "split_type": "Line"}, "'batch_strategy' must be SingleRecord"),
        ({"content_type": "application/x-recordio-protobuf", "join_source": "Input"}, "of one content type"),
    ],
)
def test_settings_that_do_not_go_together(settings, message, tmp_path, transform):
    result = transform(written(tmp_path / "rows.csv", CSV), **settings)
    assert message in str(result.failures["rows.csv"])


def test_a_payload_holds_whole_records_and_no_more():
    rng = np.random.default_rng(1)
    lines = [b"x" * int(n) + b"\n" for n in rng.integers(0, 60, 500)]
    content = b"".join(lines)[:-1]
    batches = list(cut_batches(io.BytesIO(content), "f", "Line", max_bytes=64))
    assert max(len(batch.body) for batch in batches) <= 64
    assert b"".join(batch.body for batch in batches).replace(b"\n", b"") == content.replace(b"\n", b"")
    for batch in batches:
        for number, line in zip(batch.lines, batch.body.split(b"\n"), strict=False):
            assert line == lines[number - 1].rstrip(b"\n")
    records = rows_as("recordio-protobuf", MATRIX[:100])
    bodies = [batch.body for batch in cut_batches(io.BytesIO(records), "f", "RecordIO", max_bytes=200)]
    assert b"".join(bodies) == records
    assert 100 < max(map(len, bodies)) <= 200
    single = [
        batch.body for batch in cut_batches(io.BytesIO(records), "f", "RecordIO", max_bytes=200, single=True)
    ]
    assert b"".join(single) == records
    assert [
        next(read_rows(io.BytesIO(body), content_type="recordio-protobuf")).n_rows for body in single
    ] == [1] * 100


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("rows.csv", b"1,0,0\n" + b"1" * (2 << 20) + b",0\n", {}, "lines of at most 1048576 bytes"),
        ("rows.pbr", rows_as("recordio-protobuf", WIDE, layout="dense"), {}, "records of at most 1048576 bytes"),
        ("rows.csv", CSV * 300, {"split_type": "None"}, "a file of at most 1048576 bytes, which is sent whole"),
    ],
)  # fmt: skip
def test_a_record_larger_than_a_payload(name, content, settings, message, tmp_path, transform):
    result = transform(written(tmp_path / name, content), max_payload_in_mb=1, **settings)
    assert message in str(result.failures[name])
    assert "Raise max_payload_in_mb" in str(result.failures[name])


def test_a_file_without_limits_is_sent_whole(tmp_path, transform):
    result = transform(written(tmp_path / "rows.csv", CSV * 300), split_type="None", max_payload_in_mb=0)
    assert result.n_records == 300_000


def test_finished_files_are_left_and_changed_ones_redone(tmp_path, transform, models):
    for i in range(4):
        written(tmp_path / "in" / f"{i}.csv", b"%d,0,0\n" % i)
    assert (transform(tmp_path / "in").n_files, transform(tmp_path / "in").n_skipped) == (4, 4)
    out = tmp_path / "out"
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.out")}
    written(tmp_path / "in" / "0.csv", b"7,0,0\n")
    os.utime(tmp_path / "in" / "0.csv", ns=(1, 1))
    (out / "1.csv.out").unlink()
    (out / "2.csv.out").write_bytes(b"half")
    result = transform(tmp_path / "in")
    assert (result.n_files, result.n_skipped) == (3, 1)
    assert [(out / f"{i}.csv.out").read_text() for i in range(4)] == ["17.0\n", "11.0\n", "12.0\n", "13.0\n"]
    assert (out / "3.csv.out").stat().st_mtime_ns == before["3.csv.out"]
    assert transform(tmp_path / "in", accept="application/jsonlines").n_files == 4  # other settings
    assert (
        transform(tmp_path / "in", accept="application/jsonlines", max_concurrent_transforms=2).n_skipped == 4
    )
    assert (
        transform(tmp_path / "in", accept="application/jsonlines", model="classifier").n_files == 4
    )  # other model
    assert (
        transform(tmp_path / "in", accept="application/jsonlines", model="classifier", resume=False).n_files
        == 4
    )


def test_a_journal_that_was_cut_off_or_damaged_counts_as_far_as_it_goes(tmp_path, transform):
    for i in range(3):
        written(tmp_path / "in" / f"{i}.csv", b"%d,0,0\n" % i)
    transform(tmp_path / "in")
    journal = tmp_path / "out" / FILE_NAME
    first, second, third = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(
        first + b"\xff{nonsense\n" + b"[]\n" + b'{"key": 3}\n' + second + third[: len(third) // 2]
    )
    result = transform(tmp_path / "in")
    assert (result.n_files, result.n_skipped) == (1, 2)
    assert transform(tmp_path / "in").n_skipped == 3


def test_two_at_once_do_not_share_an_output(tmp_path, transform):
    pytest.importorskip("fcntl", reason="locks need POSIX")
    with (
        Journal(tmp_path / "out", "other").opened(),
        pytest.raises(UserError, match="one transform at a time"),
    ):
        transform(written(tmp_path / "rows.csv", CSV))


def test_a_disk_that_is_full_fails_the_file_and_leaves_nothing_half(tmp_path, transform, monkeypatch):
    written(tmp_path / "rows.csv", CSV)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        full(0)
    result = transform(tmp_path / "rows.csv")
    assert isinstance(result.failures["rows.csv"], PlatformError)
    assert "No space left on device" in str(result.failures["rows.csv"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FILE_NAME]


def full(descriptor):
    raise OSError(28, "No space left on device")


def test_memory_is_bounded_by_the_payloads_under_way(tmp_path, transform):
    source = written(tmp_path / "rows.csv", CSV * 5000)  # 30 MB
    tracemalloc.start()
    result = transform(source, max_payload_in_mb=1, max_concurrent_transforms=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.n_records == 5_000_000
    assert peak < 24 << 20
