import sys
import tomllib
from pathlib import Path

import pytest

from pairloom.algorithms import catalogue
from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.errors import UserError

HERE = Path(__file__).parent


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that offers algorithms, as pip lays it out."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(HERE))

    def lay_out(distribution: str, **offers: str) -> None:
        metadata = tmp_path / f"{distribution}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in offers.items()]
        (metadata / "entry_points.txt").write_text("\n".join([f"[{catalogue.GROUP}]", *lines]) + "\n")

    yield lay_out
    sys.modules.pop("linear_plugin", None)


def test_the_built_ins_are_the_entry_points_of_the_distribution():
    project = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][catalogue.GROUP] == catalogue.BUILT_IN


def test_every_name_gives_a_class_of_that_name():
    assert algorithm_names() == tuple(sorted(catalogue.BUILT_IN))
    for name in algorithm_names():
        assert algorithm(name).name == name


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(
        UserError, match=r"Got 'factorisation-machine'. Did you mean 'factorization-machines'\?"
    ):
        algorithm("factorisation-machine")
    with pytest.raises(UserError, match=r"Got 'xyz'. Install the distribution that brings it."):
        algorithm("xyz")


def test_a_plug_in_enters_by_the_same_door(install):
    install("loomlinear", linear_plugin="linear_plugin:LinearPlugin")
    assert algorithm_names() == tuple(sorted([*catalogue.BUILT_IN, "linear-plugin"]))
    assert algorithm("linear-plugin").__name__ == "LinearPlugin"


def test_two_offers_of_one_name_are_told_apart(install):
    install("first", linear_plugin="linear_plugin:LinearPlugin")
    install("second", linear_plugin="other:Linear")
    with pytest.raises(
        UserError, match=r"must be offered once. Got linear_plugin:LinearPlugin and other:Linear"
    ):
        algorithm("linear-plugin")


def test_the_same_offer_twice_is_one(install):
    install("first", linear_plugin="linear_plugin:LinearPlugin")
    install("second", linear_plugin="linear_plugin:LinearPlugin")
    assert algorithm("linear-plugin").name == "linear-plugin"


@pytest.mark.parametrize("target", ["missing_module_of_nobody:Thing", "linear_plugin:Nothing"])
def test_an_offer_that_cannot_be_imported_names_its_place(install, target):
    install("broken", broken=target)
    assert algorithm("factorization-machines")
    with pytest.raises(UserError, match=f"'broken' must be importable from {target}. Got: "):
        algorithm("broken")
