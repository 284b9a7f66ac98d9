"""The page on data shows the table of formats as it is."""

from pathlib import Path

from pairloom.formats.registry import FORMATS, offers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "read-and-write-data.md"


def test_page_lists_every_format():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    shown = [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")][1:] for row in rows]
    assert shown == [
        [
            " ".join(known.endings),
            known.content_types[0],
            "yes" if offers(known, "read_rows") else "",
            "yes" if offers(known, "read_tables") else "",
        ]
        for known in FORMATS
    ]
