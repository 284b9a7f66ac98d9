"""Pages of the documentation, taken apart into the examples that tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENVIRONMENT = re.compile(r"<!-- tests: environment ([\w.-]+) -->")
DATA = re.compile(r"<!-- tests: data ([\w.-]+) as ([\w.-]+) -->")

DECIMAL = re.compile(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, the line of the page where its text begins and the file it stands for."""

    language: str
    text: str
    line: int
    file: str = ""


@dataclass(frozen=True)
class Command:
    """A command of a console block and the output that the page shows, empty if it shows none."""

    words: str
    output: str


def blocks(page: Path) -> list[Block]:
    """List the fenced blocks of a page in order."""
    text = page.read_text()
    return [
        Block(found[1], found[3], text.count("\n", 0, found.start(3)) + 1, found[2])
        for found in FENCE.finditer(text)
    ]


def environment_of(page: Path) -> str | None:
    """Name of the client environment (see tests/clients) that the page's commands run in, if it asks for one."""
    found = ENVIRONMENT.search(page.read_text())
    return found and found[1]


def data_of(page: Path) -> tuple[str, str] | None:
    """Return the public data set that the examples read, and the name they read it by."""
    found = DATA.search(page.read_text())
    return None if found is None else (found[1], found[2])


def commands(block: Block) -> list[Command]:
    """List the commands of a console block; a backslash at the end of a line joins the next one."""
    joined = block.text.replace("\\\n", "")
    found = re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]
    return [Command(*_split(part)) for part in found]


def matches(shown: str, got: str) -> bool:
    """Whether an output is what a page shows.

    ``...`` stands for anything and widths of blanks do not count. Decimals may differ a little, since
    processors round differently. Every part between two ``...`` is taken where it first fits, so that many of them
    cost no more than one.
    """
    got = _trimmed(got)
    parts = _trimmed(shown).split("...")
    first, last = parts[0], parts[-1]
    begin = _pattern(first).match(got)
    if len(parts) == 1:
        return begin is not None and begin.end() == len(got) and _are_close(first, begin)
    if begin is None or not _are_close(first, begin):
        return False
    at = begin.end()
    for part in parts[1:-1]:
        found = _first_close(part, got, at)
        if found is None:
            return False
        at = found.end()
    ends = (each for each in _pattern(last, to_the_end=True).finditer(got, at) if _are_close(last, each))
    return next(ends, None) is not None


def _pattern(part: str, *, to_the_end: bool = False) -> re.Pattern[str]:
    literal = re.escape(DECIMAL.sub("\0", part)).replace(re.escape("\0"), f"({DECIMAL.pattern})")
    return re.compile(literal + (r"\Z" if to_the_end else ""))


def _first_close(part: str, got: str, at: int) -> re.Match[str] | None:
    return next((found for found in _pattern(part).finditer(got, at) if _are_close(part, found)), None)


def _are_close(part: str, found: re.Match[str]) -> bool:
    numbers = [float(number) for number in DECIMAL.findall(part)]
    return all(
        abs(float(number) - expected) <= 0.05 + 0.05 * abs(expected)
        for number, expected in zip(found.groups(), numbers, strict=True)
    )


def _split(part: str) -> tuple[str, str]:
    words, _, output = part.partition("\n")
    return words.partition("  #")[0].strip(), output


def _trimmed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip("\n").splitlines())
