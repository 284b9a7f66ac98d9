"""Real rows survive every format, one after the other."""

import pytest
from comparing import assert_equal_rows, joined

from pairloom.formats import read_rows, write_rows

ENDINGS = [".pbr", ".jsonl", ".parquet", ".arrow", ".json", ".pbr.gz", ".libsvm"]


@pytest.mark.parametrize("name", ["rcv1_small.train", "abalone"])
def test_real_rows_survive_every_format(data_folder, tmp_path, name):
    source = data_folder / "libsvm-binary" / f"{name}.libsvm.gz"
    expected = joined(read_rows(source))
    for ending in ENDINGS:
        target = tmp_path / f"rows{ending}"
        write_rows(read_rows(source, n_features=expected.n_features, n_threads=2), target)
        assert_equal_rows(joined(read_rows(target, n_features=expected.n_features)), expected)
        source = target
