"""Writes the golden files; runs where the SageMaker SDK 2.257.7 is installed. See README.md."""

from pathlib import Path

from matrices import matrices
from sagemaker.amazon.common import write_numpy_to_dense_tensor, write_spmatrix_to_sparse_tensor
from scipy.sparse import csr_matrix

HERE = Path(__file__).parent

for name, matrix, labels in matrices():
    for kept, suffix in ((labels, ""), (None, "_unlabelled")):
        with (HERE / f"recordio_sparse_{name}{suffix}.pbr").open("wb") as file:
            write_spmatrix_to_sparse_tensor(file, csr_matrix(matrix), kept)
        if matrix.shape[1] <= 300:
            with (HERE / f"recordio_dense_{name}{suffix}.pbr").open("wb") as file:
                write_numpy_to_dense_tensor(file, matrix, kept)
