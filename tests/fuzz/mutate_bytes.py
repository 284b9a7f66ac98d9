"""Damages valid input at random and feeds it to the readers written in Python; stops at whatever is no `DataError`.

    python tests/fuzz/mutate_bytes.py parquet --cpu-seconds 900 --seed 1

Every input is kept in a file until the next one, so that a crash leaves the bytes that caused it. Memory is
limited to 4 GB and one input to 20 seconds of processor time.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables, write_rows
from pairloom.formats.matrices import rows_of_csr, rows_of_matrix
from pairloom.formats.mxnet_arrays import parse_arrays, serialize_arrays
from pairloom.formats.recordio_protobuf import read_records
from pairloom.rows import RowBatch

MEMORY_BYTES = 4 << 30
SECONDS_PER_INPUT = 20

ROWS = RowBatch(
    np.array([0, 2, 2, 5]),
    np.array([0, 3, 1, 2, 4], np.int32),
    np.array([1, 2, 0.5, -1, 7], np.float32),
    5,
    np.array([1, 0, 1], np.float32),
)
RAW = pa.table(
    {
        "user": pa.array([3, 1, 2], pa.int32()),
        "item": pa.array(["a", None, "ü"]),
        "score": [0.5, None, 2.0],
        "category": pa.array(["x", "y", None]).dictionary_encode(),
        "genres": [["p", "q"], [], None],
        "day": pa.array([0, 1, None], pa.date32()),
        "seen": [True, False, None],
    }
)
OBJECTS = (
    b'{"user": 1, "item": "x", "genres": ["a", "b"]}\n{"item": 7, "score": null, "user": 2.5, "new": true}\n'
)


def written(content_type: str, **options: object) -> bytes:
    stream = io.BytesIO()
    write_rows([ROWS, ROWS], stream, content_type=content_type, **options)
    return stream.getvalue()


def parquet_files() -> Iterator[bytes]:
    yield written("parquet")
    yield written("parquet", layout="dense")
    for options in ({}, {"compression": "none", "use_dictionary": False}, {"data_page_version": "2.0"}):
        stream = io.BytesIO()
        pq.write_table(RAW, stream, **options)
        yield stream.getvalue()


def arrow_files() -> Iterator[bytes]:
    yield written("arrow")
    yield written("arrow", layout="dense")
    for make in (pa.ipc.new_file, pa.ipc.new_stream):
        for compression in (None, "lz4", "zstd"):
            stream = io.BytesIO()
            with make(stream, RAW.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
                writer.write_table(RAW)
            yield stream.getvalue()


def rows_and_tables(content_type: str) -> list[Callable[[bytes], object]]:
    return [
        lambda data: list(read_rows(io.BytesIO(data), content_type=content_type)),
        lambda data: [
            column.to_strings()
            for table in read_tables(io.BytesIO(data), content_type=content_type)
            for column in table.columns.values()
            if not isinstance(column, np.ndarray)
        ],
    ]


MATRIX_DTYPES = ("<i4", "<i8", "<u8", "<f4", "<f8", "<f2", "?", "<c8", "<U1", "<M8[s]", ">f4", "O")


def matrix_bytes() -> bytes:
    parts = (ROWS.indptr.astype("<i8"), ROWS.indices.astype("<i4"), np.abs(ROWS.values))
    return b"\x01\x00\x03\x05" + b"".join(bytes([part.nbytes]) + part.tobytes() for part in parts)


def read_matrices(data: bytes) -> None:
    """Take bytes for the arrays of a CSR matrix and of a dense one, with any dtype, width and strides."""
    head, at, arrays = data[:4].ljust(4, b"\0"), 4, []
    for number in head[:3]:
        dtype = np.dtype(MATRIX_DTYPES[number % len(MATRIX_DTYPES)])
        length = data[at] if at < len(data) else 0
        block = data[at + 1 : at + 1 + length]
        at += 1 + length
        if dtype.kind == "O":
            arrays.append(np.array([*block, None], object))
        else:
            arrays.append(np.frombuffer(block[: len(block) // dtype.itemsize * dtype.itemsize], dtype))
    width = head[3]
    calls = [
        lambda: rows_of_csr(arrays[0], arrays[1], arrays[2], width, name="X"),
        lambda: rows_of_matrix(
            arrays[2][: len(arrays[2]) // (width or 1) * (width or 1)].reshape(-1, width or 1)
        ),
        lambda: rows_of_matrix(arrays[2][::-2, None]),
        lambda: rows_of_matrix(np.ones((len(arrays[1]), 1)), labels=arrays[1], weights=arrays[2]),
    ]
    faults = list[DataError]()
    for call in calls:
        try:
            call()
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


TARGETS: dict[str, tuple[list[bytes], list[Callable[[bytes], object]]]] = {
    "parquet": (list(parquet_files()), rows_and_tables("parquet")),
    "arrow": (list(arrow_files()), rows_and_tables("arrow")),
    "json-tables": ([OBJECTS, written("json-lines")], rows_and_tables("json-lines")),
    "mxnet-arrays": (
        [
            serialize_arrays({"arg:v": np.ones((3, 2), np.float32), "w": np.arange(3)}),
            serialize_arrays([np.zeros(4)]),
        ],
        [lambda data: parse_arrays(data, "fuzz")],
    ),
    "records": ([written("recordio-protobuf")], [lambda data: read_records(io.BytesIO(data))]),
    "matrices": ([matrix_bytes()], [read_matrices]),
}
INTERESTING = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"{",
    b'"',
    b"1e999",
]


def mutated(seed: bytes, rng: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                value = rng.choice(INTERESTING)
                data[at : at + len(value)] = value
            case 3:
                del data[at : at + rng.choice((1, 4, 8, 64))]
            case 4:
                begin = rng.randrange(len(data) + 1)
                data[at:at] = data[begin : begin + rng.choice((1, 8, 64))]
            case _:
                value = rng.randrange(1 << 32).to_bytes(4, "little")
                data[at : at + 4] = value
    return bytes(data if rng.random() < 0.9 else data[: rng.randrange(len(data) + 1)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--cpu-seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    rng = random.Random(arguments.seed)
    seeds, readers = TARGETS[arguments.target]
    current = Path(tempfile.gettempdir()) / f"fuzz-{arguments.target}.input"
    n_runs = n_refused = 0
    while time.process_time() < arguments.cpu_seconds:
        data = mutated(rng.choice(seeds), rng)
        current.write_bytes(data)
        for reader in readers:
            signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_INPUT)
            n_runs += 1
            try:
                reader(data)
            except DataError:
                n_refused += 1
            except UnicodeDecodeError as fault:
                raise SystemExit(f"undecodable text got through: {fault} ({current})") from fault
        signal.setitimer(signal.ITIMER_PROF, 0)
    print(f"{arguments.target}: {n_runs} runs, {n_refused} refused, {time.process_time():.0f} CPU seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
