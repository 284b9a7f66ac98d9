"""Write the reference page of every algorithm from its declarations: ``python docs/build_reference.py``."""

from pathlib import Path

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.reference_page import reference_page

FOLDER = Path(__file__).parent / "reference"


def main() -> None:
    """Write ``docs/reference/<name>.md`` for every name in the catalogue."""
    FOLDER.mkdir(exist_ok=True)
    for name in algorithm_names():
        (FOLDER / f"{name}.md").write_text(reference_page(algorithm(name)), encoding="utf-8")


if __name__ == "__main__":
    main()
