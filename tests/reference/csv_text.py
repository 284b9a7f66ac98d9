"""The slow, obvious twin of the CSV parser: the standard library's."""

import csv
import io

import numpy as np


def records(text: str, **dialect) -> list[list[str]]:
    """Every record that is not an empty line."""
    return [fields for fields in csv.reader(io.StringIO(text, newline=""), strict=True, **dialect) if fields]


def matrix(records: list[list[str]], label: int | None = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Features and labels."""
    numbers = np.array([[np.float32(field) for field in fields] for fields in records], np.float32)
    if label is None:
        return numbers, None
    return np.delete(numbers, label, axis=1), numbers[:, label]


def column(records: list[list[str]], at: int, kind: str) -> list:
    """What a column should come out as: integers if all are, else strings, None where missing."""
    fields = [fields[at] for fields in records]
    if kind == "number":
        return [float(field) if field.strip(" \t") else None for field in fields]
    if kind == "id" and all(is_canonical(field) for field in fields):
        return [int(field) for field in fields]
    return [field or None for field in fields]


def is_canonical(field: str) -> bool:
    digits = field.removeprefix("-")
    return (
        digits.isascii() and digits.isdigit() and str(int(field)) == field and -(2**63) <= int(field) < 2**63
    )
