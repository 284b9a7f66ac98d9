import re
from pathlib import Path

import pytest

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.reference_page import reference_page
from pairloom.formats.registry import by_content_type

PAGES = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", algorithm_names())
def test_the_page_is_what_the_declarations_make(name):
    written = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert written == reference_page(algorithm(name)), "run: python docs/build_reference.py"


@pytest.mark.parametrize("name", algorithm_names())
def test_every_hyperparameter_channel_and_metric_is_on_the_page(name):
    declared = algorithm(name)
    page = reference_page(declared)
    for parameter in declared.hyperparameters_type.parameters:
        assert f"`{parameter.wire_name}`" in page
        assert parameter.hidden or parameter.doc in page
    for part in (*declared.channels, *declared.metrics):
        assert f"| `{part.name}` |" in page


@pytest.mark.parametrize("name", algorithm_names())
def test_every_line_of_a_table_has_as_many_cells(name):
    tables = re.findall(r"(?:^\|.*\n)+", reference_page(algorithm(name)), flags=re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize("name", algorithm_names())
def test_every_content_type_of_a_channel_has_a_format(name):
    for channel in algorithm(name).channels:
        for content_type in channel.content_types:
            assert by_content_type(content_type)
