"""The AWS CLI, unmodified."""

import json

import pytest

from client_environments import PROGRAMS, client_environment
from pairloom.artifact import load_artifact


@pytest.mark.xdist_group("aws-cli")
def test_a_shell_script_trains_deploys_and_asks(clients, liked, tmp_path):
    aws = client_environment("aws-cli") / "bin" / "aws"
    where = (
        f"cd {tmp_path} && sh {PROGRAMS}/command_line.sh {aws} {liked.train} {liked.test} {liked.n_features}"
    )
    ran = clients.command("--", "sh", "-c", where)
    answer = json.loads(ran.output.splitlines()[-1])
    assert 0 <= answer["predictions"][0]["score"] <= 1
    assert "Completed" in ran.output
    assert "epoch=4, train binary_classification_accuracy" in ran.output
    assert load_artifact(tmp_path / "from-the-shell.tar.gz").model is not None


@pytest.mark.xdist_group("aws-cli")
def test_a_shell_script_keeps_files_in_buckets(clients, tmp_path):
    aws = client_environment("aws-cli") / "bin" / "aws"
    ran = clients.command("--", "sh", PROGRAMS / "buckets.sh", aws, tmp_path)
    *_, first, second, third, moved, length, url = ran.output.splitlines()
    assert [line.split(None, 1)[1] for line in (first, second, third, moved)] == [
        "copy/sub/b ü.bin",
        "data/a.csv",
        "data/sub/b ü.bin",
        "moved.csv",
    ]
    assert length == "20000000"
    assert url.startswith("http://127.0.0.1")
