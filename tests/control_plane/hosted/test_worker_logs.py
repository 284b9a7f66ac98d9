import time

from pairloom.control_plane.hosted.worker_logs import WorkerLogs
from pairloom.jobs.log_streams import LogFolder

GROUP = "/aws/sagemaker/Endpoints/films"


def test_each_worker_that_speaks_has_a_stream(tmp_path):
    folder = LogFolder(tmp_path)
    logs = WorkerLogs(folder, "films", time.time)
    for worker, line in (("a", b"one"), ("b", b"two"), ("a", b"three")):
        logs.of("main")(worker, line)
    logs.close()
    logs.of("main")("b", b"four")
    logs.close()
    said = {
        stream.name: [event.message for event in stream.forward(0, limit=10).events]
        for stream in folder.streams(GROUP)
    }
    assert said == {"main/a": ["one", "three"], "main/b": ["two", "four"]}


def test_a_line_that_cannot_be_kept_is_lost_and_told(tmp_path, caplog):
    (tmp_path / "file").touch()
    logs = WorkerLogs(LogFolder(tmp_path / "file"), "films", time.time)
    logs.of("main")("a", b"one")
    assert "a line is lost" in caplog.text
