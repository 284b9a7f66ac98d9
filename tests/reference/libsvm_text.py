"""The slow, obvious twin of the libsvm and libffm parsers."""

import re

import numpy as np

from pairloom.rows import RowBatch

BLANK = re.compile(r"[ \t]+")


def parse(text: str, *, fields: bool = False, zero_based: bool = True) -> RowBatch:
    labels, indptr, indices, values, row_fields = [], [0], [], [], []
    for line in text.split("\n"):
        tokens = [token for token in BLANK.split(line.removesuffix("\r").split("#")[0]) if token]
        if not tokens:
            continue
        labels.append(np.float32(tokens[0]))
        for token in tokens[1:]:
            parts = token.split(":")
            if parts[0] == "qid":
                continue
            if fields:
                row_fields.append(int(parts.pop(0)))
            indices.append(int(parts[0]) - (0 if zero_based else 1))
            values.append(np.float32(parts[1]))
        indptr.append(len(indices))
    return RowBatch(
        indptr=np.array(indptr, np.int64),
        indices=np.array(indices, np.int32),
        values=np.array(values, np.float32),
        n_features=max(indices, default=-1) + 1,
        labels=np.array(labels, np.float32),
        fields=np.array(row_fields, np.int32) if fields else None,
    )
