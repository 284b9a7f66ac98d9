"""Notebooks, by IPython."""

import json

import pytest

pytestmark = pytest.mark.xdist_group("notebook")


def written(file, *cells):
    made = [{"cell_type": "code", "source": [*cell.splitlines(keepends=True)]} for cell in cells]
    text = {"cell_type": "markdown", "source": ["# Not code: 1 / 0"]}
    file.write_text(json.dumps({"cells": [text, *made], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    return file


def test_cells_run_in_order_with_their_magics(clients, tmp_path):
    (tmp_path / "profiles.py").write_text("name = 'beside the notebook'\n")
    notebook = written(
        tmp_path / "who.ipynb",
        "import boto3, json, sys\nfrom profiles import name\n%env TEAM=films",
        "who = boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()",
        "team = !echo team $TEAM\nprint(json.dumps([who['Account'], list(team), sys.argv[1:], name]))",
    )
    found = clients.run("notebook", notebook, "--films", "3").answer
    assert found == ["000000000000", ["team films"], ["--films", "3"], "beside the notebook"]


def test_the_first_cell_that_fails_ends_it(clients, tmp_path):
    notebook = written(tmp_path / "fails.ipynb", "print('one')", "1 / 0", "print('three')")
    with pytest.raises(AssertionError, match="ended with 1") as failed:
        clients.run("notebook", notebook)
    assert "one" in str(failed.value)
    assert "ZeroDivisionError" in str(failed.value)
    assert "three\n" not in str(failed.value)


@pytest.mark.parametrize("text", ["", "[]", '{"cells": [3]}', "\xff"])
def test_what_is_no_notebook_is_refused(clients, tmp_path, text):
    (tmp_path / "wrong.ipynb").write_bytes(text.encode("latin-1"))
    with pytest.raises(AssertionError, match=r"ended with 2.*(?s:.*)must be a notebook"):
        clients.run("notebook", tmp_path / "wrong.ipynb")
