"""Slow, obvious reader of rows in SageMaker's JSON forms, for valid text."""

import json
from math import prod

import numpy as np

from pairloom.rows import RowBatch
from reference.exact_float32 import nearest_float32


def row_of(instance):
    """(width, (index, value) pairs, label, weight) of one instance, its numbers still as text."""
    label = weight = None
    if isinstance(instance, dict):
        weight, label = instance.get("weight"), instance.get("label")
        inner = instance.get("data", instance)
        label = inner.get("label", label)
        instance = inner.get("features", inner)
    if isinstance(label, dict):
        (label,) = label["values"]
    if isinstance(instance, dict) and "keys" in instance:
        keys = map(int, instance["keys"])
        return (
            prod(map(int, instance["shape"])),
            list(zip(keys, instance["values"], strict=True)),
            label,
            weight,
        )
    values = instance["values"] if isinstance(instance, dict) else instance
    kept = [(i, value) for i, value in enumerate(values) if nearest_float32(value) != 0]
    return len(values), kept, label, weight


def batch_of(instances):
    widths, rows, labels, weights = zip(*map(row_of, instances), strict=True)
    (width,) = set(widths)
    pairs = [pair for row in rows for pair in row]
    return RowBatch(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([index for index, _ in pairs], np.int32),
        np.array([nearest_float32(value) for _, value in pairs], np.float32),
        width,
        None if labels[0] is None else np.array([nearest_float32(label) for label in labels], np.float32),
        None if weights[0] is None else np.array([nearest_float32(weight) for weight in weights], np.float32),
    )


def parse_lines(text):
    exact = json.JSONDecoder(parse_float=str, parse_int=str)
    return batch_of([exact.decode(line) for line in text.split("\n") if line.strip()])
