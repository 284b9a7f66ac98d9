"""Criteo 80k clicks by field-aware, field-weighted and third-order machines beside xLearn and libffm; how time grows.

The first 64,000 rows train, the rest is the test, encoded as in ``./go bench criteo``. Everybody chooses settings and
the number of epochs on the last eighth of the training rows, then trains on all of them. One thread.

    ./go bench field_aware
    ./go bench field_aware --xlearn FOLDER            a folder with xlearn_train and xlearn_predict
    ./go bench field_aware --libffm-python PATH       an interpreter that has pylibffm
    ./go bench field_aware growth
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairloom import FactorizationMachineClassifier
from pairloom.metrics import auc
from pairloom.rows import RowBatch
from support.datasets import Split, criteo, has_data, hold_out
from support.machine import describe
from support.training import log_loss

SHARE, MOST_EPOCHS = 0.125, 15
GRIDS: dict[str, dict[str, list[Any]]] = {
    "field-aware": {
        "learning_rate": [0.01, 0.02],
        "factors_decay": [1e-3, 3e-3],
        "factors_init_scale": [0.02],
    },
    "field-weighted": {
        "learning_rate": [0.01, 0.02],
        "factors_decay": [1e-3, 1e-2],
        "factors_init_scale": [0.02],
    },
    "order-3": {"learning_rate": [0.01, 0.02], "factors_decay": [1e-3, 1e-2], "factors_init_scale": [0.02]},
}
XLEARN = ("-r 0.2 -b 0.00002", "-r 0.02 -b 0.001 --no-norm -u 0.02", "-r 0.02 -b 0.003 --no-norm -u 0.02",
          "-r 0.01 -b 0.003 --no-norm -u 0.02")  # fmt: skip
LIBFFM = ((0.2, 2e-5, True), (0.1, 2e-5, True), (0.02, 1e-3, False), (0.02, 3e-3, False))
LIBFFM_RUN = """
import sys, scipy.sparse as sparse, numpy as np, pylibffm
folder, train, held, rate, decay, normalize, epochs = sys.argv[1:8]
parts = [np.load(f"{folder}/{name}.npz") for name in (train, held)]
rows = [sparse.csr_matrix((np.ones(p["columns"].size, np.float32), p["columns"].ravel(),
        np.arange(0, p["columns"].size + 1, p["columns"].shape[1])), shape=(len(p["labels"]), int(p["n_features"])))
        for p in parts]
options = {"k": 4, "eta": float(rate), "lambda": float(decay), "nr_iters": int(epochs),
           "normalization": normalize == "True", "auto_stop": True}
pylibffm.train(rows[0], parts[0]["labels"].astype(np.int32), parts[0]["fields"], folder, options, rows[1],
               parts[1]["labels"].astype(np.int32))
"""


def columns_of(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of training and of test rows, one for each field."""
    n_fields = split.train.indices.size // split.train.shape[0]
    return split.train.indices.reshape(-1, n_fields), split.test.indices.reshape(-1, n_fields)


def fields_of(split: Split) -> np.ndarray:
    """Return the field of each column; those that no row has are of the first."""
    fields = np.zeros(split.train.shape[1], np.int32)
    for part in columns_of(split):
        for j in range(part.shape[1]):
            fields[part[:, j]] = j
    return fields


def estimator(
    kind: str, epochs: int, fields: np.ndarray, setting: dict[str, Any]
) -> FactorizationMachineClassifier:
    return FactorizationMachineClassifier(
        4, interactions=kind, fields=fields, epochs=epochs, learning_rate_schedule="constant", linear_decay=1e-3,
        random_state=0, **setting,
    )  # fmt: skip


def show(name: str, split: Split, p: np.ndarray, validation: float, cpu: float, settings: str) -> None:
    y, rate = split.test_labels, len(split.train_labels) / cpu
    measured = f"{validation:.4f} | {log_loss(y, p):.4f} | {auc(y, p):.4f} | {cpu:.3f} | {rate:,.0f}"
    print(f"| {name} | {measured} | {settings} |", flush=True)


def ours(kind: str, split: Split, *, small: bool) -> None:
    """Choose settings, train, and print a row of the table."""
    held, fields = hold_out(split, share=SHARE, last=True), fields_of(split)
    names, values = zip(*GRIDS[kind].items(), strict=True)
    best: tuple[float, dict[str, Any], int] = (np.inf, {}, 0)
    for point in itertools.islice(itertools.product(*values), 1 if small else None):
        setting = dict(zip(names, point, strict=True))
        model = estimator(kind, 1 if small else MOST_EPOCHS, fields, setting)
        model.set_params(early_stopping=True, n_iter_no_change=2)
        model.fit(held.train, held.train_labels, validation_data=(held.test, held.test_labels))
        losses = [report.validation_loss for report in model.history_]
        if min(losses) < best[0]:
            best = (min(losses), setting, int(np.argmin(losses)) + 1)
    loss, setting, epochs = best
    ticks: list[float] = [time.process_time()]
    model = estimator(kind, epochs, fields, setting)
    model.set_params(callbacks=[lambda report: ticks.append(time.process_time())])
    p = model.fit(split.train, split.train_labels).predict_proba(split.test)[:, 1]
    cpu = float(np.min(np.diff(ticks)))
    shown = ", ".join(f"{name} {value:g}" for name, value in setting.items())
    show(f"Pairloom {kind}", split, p, loss, cpu, f"{shown}, {epochs} epochs")


def write_text(path: Path, columns: np.ndarray, labels: np.ndarray) -> None:
    with path.open("w") as file:
        for row, label in zip(columns.tolist(), labels.tolist(), strict=True):
            file.write(f"{label:g} " + " ".join(f"{field}:{i}:1" for field, i in enumerate(row)) + "\n")


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def xlearn(split: Split, folder: Path, *, small: bool) -> None:
    """Choose xLearn's settings, train, and print a row of the table."""
    held = hold_out(split, share=SHARE, last=True)
    environment = {"USER": "benchmark", **os.environ}
    with tempfile.TemporaryDirectory() as work:
        for name, part in (("kept", held), ("whole", split)):
            for role, columns, labels in zip(
                ("train", "test"), columns_of(part), (part.train_labels, part.test_labels), strict=True
            ):
                write_text(Path(work) / f"{name}.{role}", columns, labels)

        def run(*words: str) -> str:
            command = [
                str(folder / "xlearn_train"),
                *words,
                "-s",
                "2",
                "-k",
                "4",
                "-nthread",
                "1",
                "-l",
                f"{work}/log",
            ]
            return subprocess.run(
                command, cwd=work, env=environment, capture_output=True, text=True, check=True
            ).stdout

        best: tuple[float, str, int] = (np.inf, "", 0)
        for setting in XLEARN[:1] if small else XLEARN:
            said = run("kept.train", "-v", "kept.test", *setting.split(), "-e", "20", "-m", "none")
            epochs = re.findall(
                r"^\[.*%\S*\s*\]\s+(\d+)\s+\S+\s+(\d\.\d+)", re.sub(r"\x1b\[[0-9;]*m", "", said), re.M
            )
            epoch, loss = min(((int(n), float(value)) for n, value in epochs), key=lambda pair: pair[1])
            if loss < best[0]:
                best = (loss, setting, epoch)
        loss, setting, epochs = best
        spent = [children_cpu()]
        for n in (epochs, epochs + 6):  # reading is in both
            run(
                "whole.train",
                *setting.split(),
                "-e",
                str(n),
                "--dis-es",
                "--quiet",
                "-m",
                f"{work}/{n}.model",
            )
            spent.append(children_cpu())
        cpu = (spent[2] - 2 * spent[1] + spent[0]) / 6
        command = [
            str(folder / "xlearn_predict"),
            "whole.test",
            f"{epochs}.model",
            "-o",
            "out",
            "-l",
            f"{work}/log",
        ]
        words = ["--sigmoid", *(["--no-norm"] if "--no-norm" in setting else [])]
        subprocess.run([*command, *words], cwd=work, env=environment, capture_output=True, check=True)
        p = np.loadtxt(Path(work) / "out")
    show("xLearn FFM", split, p, loss, cpu, f"`{setting}`, {epochs} epochs")


def libffm(split: Split, python: str, *, small: bool) -> None:
    """Choose libffm's settings, train, and print a row of the table; pylibffm gives losses, but no sound model."""
    held = hold_out(split, share=SHARE, last=True)
    with tempfile.TemporaryDirectory() as work:
        for name, part in (("kept", held), ("whole", split)):
            for role, columns, labels in zip(
                ("train", "test"), columns_of(part), (part.train_labels, part.test_labels), strict=True
            ):
                np.savez(f"{work}/{name}-{role}.npz", columns=columns, labels=labels, fields=fields_of(split),
                         n_features=split.train.shape[1])  # fmt: skip

        def losses(name: str, setting: Sequence[Any], epochs: int) -> list[float]:
            words = [
                python,
                "-c",
                LIBFFM_RUN,
                work,
                f"{name}-train",
                f"{name}-test",
                *map(str, setting),
                str(epochs),
            ]
            done = subprocess.run(
                words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True
            )
            return [float(x) for x in re.findall(r"^ +\d+ +\d\.\d+ +(\d\.\d+)", done.stdout, re.M)]

        found = {setting: losses("kept", setting, 20) for setting in (LIBFFM[:1] if small else LIBFFM)}
        setting = min(found, key=lambda key: min(found[key]))
        epochs = int(np.argmin(found[setting])) + 1
        of_test = losses("whole", setting, epochs)[-1]
    rate, decay, normalize = setting
    shown = f"rate {rate:g}, decay {decay:g}, {'normalised' if normalize else 'as they are'}, {epochs} epochs"
    print(f"| libffm | {min(found[setting]):.4f} | {of_test:.4f} | | | | {shown} |")


def growth(n_rows: int) -> None:
    """Time an epoch at three numbers of rows, of fields and of factors."""
    print("| interactions | rows | fields, one value each | factors | CPU milliseconds an epoch |")
    print("|---|---:|---:|---:|---:|")
    sizes = [(n_rows, 16, 8), (2 * n_rows, 16, 8), (4 * n_rows, 16, 8), (n_rows, 32, 8), (n_rows, 64, 8),
             (n_rows, 16, 16), (n_rows, 16, 32)]  # fmt: skip
    for kind in ("field-aware", "field-weighted", "order-3", "order-4"):
        for rows, n_fields, n_factors in sizes:
            rng = np.random.default_rng(0)
            columns = rng.integers(0, 40, (rows, n_fields)) + 40 * np.arange(n_fields)
            data = RowBatch(
                np.arange(0, rows * n_fields + 1, n_fields, dtype=np.int64), columns.astype(np.int32).ravel(), None,
                40 * n_fields, rng.integers(0, 2, rows).astype(np.float32),
                fields=np.tile(np.arange(n_fields, dtype=np.int32), rows),
            )  # fmt: skip
            ticks: list[float] = []
            model = FactorizationMachineClassifier(
                n_factors,
                interactions=kind,
                epochs=4,
                callbacks=[lambda report, to=ticks: to.append(time.process_time())],
            )
            model.fit(data, data.labels)
            print(
                f"| {kind} | {rows:,} | {n_fields} | {n_factors} | {1000 * np.min(np.diff(ticks)):.1f} |",
                flush=True,
            )


def main() -> None:
    """Read the options, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("criteo", "growth"), default="criteo")
    parser.add_argument("--kinds", nargs="*", choices=list(GRIDS), default=list(GRIDS))
    parser.add_argument("--xlearn", type=Path)
    parser.add_argument("--libffm-python")
    parser.add_argument("--small", action="store_true", help="2,500 rows, one setting, or 500 rows of growth")
    arguments = parser.parse_args()
    print(describe("numpy", "scipy"))
    if arguments.what == "growth":
        growth(500 if arguments.small else 10_000)
        return
    if not has_data():
        return
    split = criteo(n_rows=2500) if arguments.small else criteo()
    print("| system | validation log loss | test log loss | test AUC | CPU s an epoch | samples/CPU s | settings |\n"
          "|---|---:|---:|---:|---:|---:|---|")  # fmt: skip
    for kind in arguments.kinds:
        ours(kind, split, small=arguments.small)
    if arguments.xlearn is not None:
        xlearn(split, arguments.xlearn, small=arguments.small)
    if arguments.libffm_python is not None:
        libffm(split, arguments.libffm_python, small=arguments.small)


if __name__ == "__main__":
    main()
