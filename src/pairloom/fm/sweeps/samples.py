"""Which sweeps' parameters are kept, and where."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.chunks import LabelScale
from pairloom.fm.posterior import LARGEST, Posterior, sample_bytes
from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.chain import Chain

__all__ = ["Samples", "check_memory", "of_container"]

MOST_LIMIT = 1 << 60
"""A limit above it is none: version 1 says so by a huge number."""


@dataclass(slots=True)
class Samples:
    """Samples of one training.

    Parameters
    ----------
    burn_in : int
        Sweeps before the first that may be kept.
    n_sweeps : int
        Sweeps after these.
    n_planned : int
        How many of them are kept, evenly spaced.
    """

    burn_in: int
    n_sweeps: int
    n_planned: int
    biases: list[float] = field(default_factory=list[float])
    noise: list[float] = field(default_factory=list[float])
    cuts: list[npt.NDArray[np.float64]] = field(default_factory=list[npt.NDArray[np.float64]])
    linear: list[npt.NDArray[np.float16]] = field(default_factory=list[npt.NDArray[np.float16]])
    factors: list[npt.NDArray[np.float16]] = field(default_factory=list[npt.NDArray[np.float16]])

    @classmethod
    def planned(cls, settings: FMSettings, n_epochs: int) -> Self:
        """Plan for a number of sweeps; UserError when burn-in leaves none."""
        burn_in = (
            min(max(20, n_epochs // 10), n_epochs // 2) if settings.burn_in is None else settings.burn_in
        )
        if burn_in >= n_epochs:
            raise UserError(
                f"'burn_in' must be less than the {n_epochs} sweeps of 'epochs'. Got {burn_in}. "
                "Lower it or sweep more often."
            )
        return cls(
            burn_in, n_epochs - burn_in, min(-(-settings.n_samples // settings.n_chains), n_epochs - burn_in)
        )

    def take(self, epoch: int, chain: Chain) -> None:
        """Keep the parameters after a sweep if they are due."""
        after = epoch - self.burn_in
        if (
            after < 0
            or (after + 1) * self.n_planned // self.n_sweeps == after * self.n_planned // self.n_sweeps
        ):
            return
        linear, factors = chain.spread()
        self.biases.append(chain.bias)
        self.noise.append(1 / np.sqrt(chain.noise_precision))
        self.cuts.append(chain.likelihood.cuts.copy())
        self.linear.append(np.clip(linear, -LARGEST, LARGEST).astype(np.float16))
        self.factors.append(np.clip(factors, -LARGEST, LARGEST).astype(np.float16))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is kept so far, by name; nothing where there is none."""
        if not self.biases:
            return {}
        return {
            "sample_biases": np.array(self.biases), "sample_noise": np.array(self.noise),
            "sample_cuts": np.stack(self.cuts), "sample_linear": np.stack(self.linear),
            "sample_factors": np.stack(self.factors),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]], n_samples: int) -> None:
        """Begin with what `arrays` returned."""
        if not n_samples:
            return
        try:
            self.biases = arrays["sample_biases"].tolist()
            self.noise = arrays["sample_noise"].tolist()
            self.cuts, self.linear, self.factors = (
                [np.array(part) for part in arrays[f"sample_{name}"]]
                for name in ("cuts", "linear", "factors")
            )
        except KeyError as error:
            raise DataError(
                "a state of training that is whole", got=f"no {error}", source="checkpoint"
            ) from error
        if {len(self.biases), len(self.noise), len(self.cuts), len(self.linear), len(self.factors)} != {
            n_samples
        }:
            raise DataError(
                "a state of training that is whole", got="samples of several numbers", source="checkpoint"
            )

    @classmethod
    def merged(cls, parts: Sequence[Samples], chain: Chain) -> Samples:
        """Return the samples of several chains; before the first is due, the chain's parameters as they are."""
        whole = cls(0, 1, 1)
        for part in parts:
            whole.biases += part.biases
            whole.noise += part.noise
            whole.cuts += part.cuts
            whole.linear += part.linear
            whole.factors += part.factors
        if not whole.biases:
            whole.take(0, chain)
        return whole

    def posterior(
        self,
        scale: LabelScale,
        feature_scale: npt.NDArray[np.float32] | None,
        levels: npt.NDArray[np.float64],
    ) -> Posterior:
        """Return what was kept, for predictions."""
        return Posterior(
            np.array(self.biases), np.array(self.noise), np.stack(self.cuts), np.stack(self.linear),
            np.stack(self.factors), levels, scale.mean, scale.scale, feature_scale,
        )  # fmt: skip


def check_memory(n_samples: int, n_features: int, n_factors: int) -> None:
    """Raise `UserError` with the size needed when the machine has not the memory for the samples."""
    needed, available = n_samples * sample_bytes(n_features, n_factors), _available_bytes()
    # Samples are held once while they are drawn, and once more when they are put together.
    if available is not None and 2 * needed > available:
        raise UserError(
            f"Keeping {n_samples} samples of {n_features:,} features x {n_factors} factors needs "
            f"{2 * needed / 1e9:.1f} GB, and {available / 1e9:.1f} GB are free. Lower 'n_samples' or 'n_factors'."
        )


def _available_bytes() -> int | None:
    """Memory that can be had: of the machine, and of the container where that has a limit."""
    found = [size for size in (_of_machine(), of_container(Path("/sys/fs/cgroup"))) if size is not None]
    return min(found, default=None)


def of_container(folder: Path) -> int | None:
    """Return what a control group leaves of its limit, files that can be dropped not counted; None for no limit.

    Parameters
    ----------
    folder : path
        Of control groups, version 2 or 1.
    """
    for limit, used, stat, droppable in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):  # fmt: skip
        try:
            most, taken = (folder / limit).read_text("ascii").strip(), int((folder / used).read_text("ascii"))
            lines = (folder / stat).read_text("ascii").splitlines()
        except (OSError, ValueError):
            continue  # no control group of this version
        if not most.isdecimal() or int(most) > MOST_LIMIT:
            return None
        files = next((int(line.split()[1]) for line in lines if line.split()[0] == droppable), 0)
        return max(0, int(most) - taken + files)
    return None


def _of_machine() -> int | None:
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass  # not Linux: ask for the whole memory below
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
