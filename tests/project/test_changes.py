"""Changelog fragments are named as towncrier wants them and hold one idea each."""

import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_fragments_can_be_released() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        kinds = {kind["directory"] for kind in tomllib.load(file)["tool"]["towncrier"]["type"]}
    for fragment in (CHECKOUT / "changes").glob("*.*"):
        if fragment.name.startswith("."):
            continue
        _topic, kind, ending = fragment.name.split(".")
        assert kind in kinds, fragment.name
        assert ending == "md", fragment.name
        text = fragment.read_text().strip()
        assert text[:1].isupper() or text[:1] == "`", f"{fragment.name}: begin with a capital letter"
        assert text.endswith("."), f"{fragment.name}: a sentence ends with a full stop"
