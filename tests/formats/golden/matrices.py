"""What the golden files hold: (name, matrix, labels), with empty rows, negative numbers and long keys."""

import numpy as np

DTYPES = ("float32", "float64", "int64")
SHAPES = ((1, 1), (4, 3), (7, 300), (3, 70_000))


def matrices():
    for dtype in DTYPES:
        for n_rows, n_features in SHAPES:
            cells = np.arange(n_rows * n_features).reshape(n_rows, n_features)
            sparse = np.where(cells * 7919 % max(n_features // 3, 2) == 1, cells % 1000 - 300, 0)
            sparse[n_rows // 2] = 0
            labels = np.arange(n_rows) * 3 - 1
            yield f"{dtype}_{n_rows}x{n_features}", sparse.astype(dtype), labels.astype(dtype)
