"""The newest s3fs, unmodified."""

import pytest


@pytest.mark.xdist_group("s3fs")
def test_files_in_buckets(clients):
    assert clients.run("s3fs", "files_in_buckets.py").answer == {
        "tail": [1 << 20, 5 << 20],
        "listed": ["from-s3fs/dir/file", "from-s3fs/dir/small ü"],
        "small": "small",
        "left": ["from-s3fs/other"],
        "is_there": False,
    }
