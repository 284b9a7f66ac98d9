import base64
import json
import random
import time

import pytest

from pairloom.hosting.capture import CaptureSettings, CaptureWriter, Exchange, capture_line, finish_left_over

CSV = Exchange(
    b"1,2\n", b'{"predictions":[]}', "text/csv", "application/json; charset=utf-8", "trace=7", "id-1"
)
TEXT = CaptureSettings(csv_types=("text/csv",), json_types=("application/json",))


def test_a_record_is_as_sagemaker_writes_it():
    line = capture_line(CSV, TEXT, "e-1", 1_600_000_000.5)
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv", "mode": "INPUT", "data": "1,2\n", "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json; charset=utf-8", "mode": "OUTPUT",
                "data": '{"predictions":[]}', "encoding": "JSON",
            },
        },
        "eventMetadata": {
            "eventId": "e-1", "customAttributes": ["trace=7"], "inferenceId": "id-1",
            "inferenceTime": "2020-09-13T12:26:40Z",
        },
        "eventVersion": "0",
    }  # fmt: skip


def test_other_types_and_bytes_that_are_no_text_are_in_base64():
    settings = CaptureSettings(inputs=True, outputs=False, csv_types=("text/csv",))
    for exchange in (Exchange(b"\xff\x00", b"", "text/csv", ""), Exchange(b"\xff\x00", b"", "image/png", "")):
        data = json.loads(capture_line(exchange, settings, "e", 0.0))["captureData"]
        assert list(data) == ["endpointInput"]
        assert data["endpointInput"]["encoding"] == "BASE64"
        assert base64.b64decode(data["endpointInput"]["data"]) == b"\xff\x00"


class Taken:
    def __init__(self):
        self.files, self.fault = {}, None

    def __call__(self, path, key):
        if self.fault is not None:
            raise self.fault
        self.files[key] = path.read_bytes()


@pytest.fixture
def taken():
    return Taken()


def writer(tmp_path, taken, **more):
    return CaptureWriter(tmp_path / "spool", TEXT, random.Random(0), taken, **more)


def test_files_are_finished_by_age_and_size_under_the_hour_of_their_first_record(tmp_path, taken):
    capture = writer(tmp_path, taken, longest_s=10.0, largest_bytes=3000)
    capture.write(CSV, "e-1", 1_600_000_000.25)
    capture.write(CSV, "e-2", 1_600_000_009.0)
    assert capture.sweep(1_600_000_010.0) == 0
    assert capture.sweep(1_600_000_010.25) == 1
    (key,) = taken.files
    assert key.startswith("2020/09/13/12/26-40-250-")
    assert key.endswith(".jsonl")
    assert [json.loads(line)["eventMetadata"]["eventId"] for line in taken.files[key].splitlines()] == [
        "e-1",
        "e-2",
    ]
    for number in range(8):
        capture.write(CSV, f"e-{number}", 1_600_000_020.0)
    assert capture.sweep(1_600_000_020.0) == 1
    assert not list((tmp_path / "spool").iterdir())


def test_what_a_killed_process_left_is_handed_on_by_the_next(tmp_path, taken):
    first = writer(tmp_path, taken)
    first.write(CSV, "e-1", time.time())  # and it is never heard of again
    finish_left_over(tmp_path)
    second = writer(tmp_path, taken)
    second.write(CSV, "e-2", time.time())
    assert second.sweep(time.time()) == 1
    assert second.sweep(time.time(), all_of_it=True) == 1
    assert len(taken.files) == 2


def test_two_writers_share_a_spool(tmp_path, taken):
    old, new = writer(tmp_path, taken), writer(tmp_path, taken)
    old.write(CSV, "e-1", 100.0)
    new.write(CSV, "e-2", 100.0)
    new.finish_if_due(200.0)
    assert old.sweep(200.0) == 2
    assert new.hand_on_finished() == 0
    assert not new.is_waiting
    assert len(taken.files) == 2


def test_what_cannot_be_handed_on_stays(tmp_path, taken):
    capture = writer(tmp_path, taken)
    capture.write(CSV, "e-1", 100.0)
    taken.fault = OSError("full")
    with pytest.raises(OSError, match="full"):
        capture.sweep(200.0)
    taken.fault = None
    assert capture.sweep(200.0) == 1


def test_a_part_of_all_requests_is_chosen(tmp_path, taken):
    capture = CaptureWriter(tmp_path, CaptureSettings(25.0), random.Random(5), taken)
    assert 400 < sum(capture.wants() for _ in range(2000)) < 600
    assert all(
        CaptureWriter(tmp_path, CaptureSettings(), random.Random(5), taken).wants() for _ in range(200)
    )
    assert not any(
        CaptureWriter(tmp_path, CaptureSettings(0.0), random.Random(5), taken).wants() for _ in range(200)
    )
