"""Sweeps between two epochs as files: ``state.json`` and ``state.safetensors``. Nothing in it is code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.epochs import EpochReport
from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.chain import Chain
from pairloom.fm.sweeps.convergence import Trace
from pairloom.fm.sweeps.likelihoods import Levels
from pairloom.fm.sweeps.samples import Samples
from pairloom.formats.tensor_file import open_tensors, write_tensors

__all__ = ["read_sweeps", "write_sweeps"]

FORMAT, VERSION = "pairloom-fm-sweeps", 1
STATE_FILE, ARRAYS_FILE = "state.json", "state.safetensors"
LARGEST_STATE_BYTES = 256 << 20
Arrays = dict[str, npt.NDArray[Any]]
PRIORS = ("means", "precisions", "linear_means", "linear_precisions")


class _Chain(msgspec.Struct, forbid_unknown_fields=True):
    bias: float
    noise_precision: float
    n_sweeps: int
    diverged: bool
    step: float
    n_tried: int
    n_samples: int


class _Epoch(msgspec.Struct, forbid_unknown_fields=True):
    epoch: int
    train_loss: float
    validation_loss: float | None
    n_rows: int
    seconds: float
    is_best: bool
    metrics: dict[str, float]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    task: str
    solver: str
    likelihood: str
    n_factors: int
    chains: list[_Chain]
    history: list[_Epoch]


def write_sweeps(
    folder: Path,
    settings: FMSettings,
    chains: list[Chain],
    samples: list[Samples],
    traces: list[Trace],
    *,
    history: list[EpochReport],
) -> None:
    """Write chains, their samples and what was watched into an empty folder."""
    arrays: Arrays = {}
    said: list[_Chain] = []
    for number, chain in enumerate(chains):
        likelihood = chain.likelihood
        own: Arrays = {
            "linear": chain.linear, "factors": chain.factors, "residuals": chain.residuals,
            "targets": likelihood.targets, "cuts": likelihood.cuts, "trace": traces[number].values(),
            **{name: getattr(chain.priors, name) for name in PRIORS},
        }  # fmt: skip
        if samples:
            own |= samples[number].arrays()
        arrays |= {f"{number}.{name}": array for name, array in own.items()}
        step, n_tried = (likelihood.step, likelihood.n_tried) if isinstance(likelihood, Levels) else (1.0, 0)
        n_samples = len(samples[number].biases) if samples else 0
        said.append(
            _Chain(
                float(chain.bias),
                float(chain.noise_precision),
                chain.n_sweeps,
                chain.diverged,
                float(step),
                n_tried,
                n_samples,
            )
        )
    write_tensors(folder / ARRAYS_FILE, arrays)
    s = settings
    epochs = [
        _Epoch(r.epoch, r.train_loss, r.validation_loss, r.n_rows, r.seconds, r.is_best, dict(r.metrics))
        for r in history
    ]
    state = _State(FORMAT, VERSION, s.task, s.solver, s.likelihood, s.n_factors, said, epochs)
    (folder / STATE_FILE).write_bytes(msgspec.json.encode(state))


def read_sweeps(
    folder: Path, settings: FMSettings, chains: list[Chain], samples: list[Samples], traces: list[Trace]
) -> list[EpochReport]:
    """Put a state that `write_sweeps` wrote into fresh chains of the same rows; return its history.

    Raises
    ------
    DataError
        If it is damaged, or of other rows.
    UserError
        If it is of a training with another task, solver, likelihood, number of factors or of chains.
    """
    source = str(folder)
    try:
        path = folder / STATE_FILE
        if path.stat().st_size > LARGEST_STATE_BYTES:
            raise _damaged(source, f"{path.stat().st_size} bytes of {STATE_FILE}")
        saved = msgspec.json.decode(path.read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(source, str(error)) from error
    if saved.format != FORMAT or saved.version != VERSION:
        raise _damaged(source, f"format {saved.format!r}, version {saved.version}")
    for name, before, now in (
        ("task", saved.task, settings.task),
        ("solver", saved.solver, settings.solver),
        ("likelihood", saved.likelihood, settings.likelihood),
        ("number of factors", saved.n_factors, settings.n_factors),
        ("number of chains", len(saved.chains), len(chains)),
    ):
        if before != now:
            raise UserError(
                f"Checkpoint {source}: the {name} must be {now}. Got {before}. Ask for what was asked for before, or "
                "begin with an empty folder for checkpoints."
            )
    if not all(
        np.isfinite([said.bias, said.noise_precision, said.step]).all() or said.diverged
        for said in saved.chains
    ):
        raise _damaged(source, "an impossible number of a chain")
    arrays = open_tensors(folder / ARRAYS_FILE)
    for number, (chain, said) in enumerate(zip(chains, saved.chains, strict=True)):
        own = {
            name.removeprefix(f"{number}."): array
            for name, array in arrays.items()
            if name.startswith(f"{number}.")
        }
        _restore(chain, said, own, source)
        if "trace" not in own:
            raise _damaged(source, "no 'trace'")
        traces[number].restore(own["trace"])
        if samples:
            samples[number].restore(own, said.n_samples)
    return [EpochReport(*(getattr(e, name) for name in e.__struct_fields__)) for e in saved.history]


def _restore(chain: Chain, said: _Chain, own: Arrays, source: str) -> None:
    n_rows = chain.terms.n_rows
    likelihood, priors = chain.likelihood, chain.priors
    wanted = {
        "linear": chain.linear, "factors": chain.factors, "targets": likelihood.targets, "cuts": likelihood.cuts,
        **{name: getattr(priors, name) for name in PRIORS},
    }  # fmt: skip
    for name, array in (*wanted.items(), ("residuals", np.empty(n_rows, np.float32))):
        stored = own.get(name)
        if stored is None or stored.shape != array.shape or stored.dtype != array.dtype:
            raise _damaged(source, f"no {name!r} of shape {array.shape}, as these rows need it")
        if not said.diverged and not np.isfinite(stored).all():
            raise _damaged(source, f"an impossible number in {name!r}")
    chain.linear, chain.factors = np.array(own["linear"]), np.array(own["factors"])
    chain.residuals = np.array(own["residuals"])
    likelihood.targets, likelihood.cuts = np.array(own["targets"]), np.array(own["cuts"])
    if isinstance(likelihood, Levels):
        likelihood.step, likelihood.n_tried = said.step, said.n_tried
    for name in PRIORS:
        setattr(priors, name, np.array(own[name]))
    chain.bias, chain.noise_precision, chain.n_sweeps = said.bias, said.noise_precision, said.n_sweeps
    chain.diverged = said.diverged


def _damaged(source: str, got: str) -> DataError:
    return DataError(
        "a state of training that is whole", got=got, source=f"checkpoint {source}",
        action="Begin with an empty folder for checkpoints",
    )  # fmt: skip
