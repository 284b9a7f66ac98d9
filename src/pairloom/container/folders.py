"""Where everything of a job is: ``/opt/ml``, or the same tree under another root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["ROOT", "Folders"]

ROOT = "/opt/ml"
ROOT_VARIABLE = "PAIRLOOM_ML_ROOT"


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths of a job.

    Parameters
    ----------
    root : path
    """

    root: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Folders:
        """Take the root from ``PAIRLOOM_ML_ROOT``, else ``/opt/ml``."""
        return cls(Path(environment.get(ROOT_VARIABLE) or ROOT).absolute())

    @property
    def configuration(self) -> Path:
        """Holds ``{hyperparameters,inputdataconfig,resourceconfig,checkpointconfig}.json``, all optional."""
        return self.root / "input" / "config"

    @property
    def data(self) -> Path:
        """Holds a folder for each channel, or its FIFOs ``<channel>_<pass>``."""
        return self.root / "input" / "data"

    @property
    def model(self) -> Path:
        """Becomes ``model.tar.gz``."""
        return self.root / "model"

    @property
    def output_data(self) -> Path:
        """Becomes ``output.tar.gz``; holds ``metrics.json``."""
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        """Says why a job failed: the class of fault on the first line, then the sentence."""
        return self.root / "output" / "failure"

    @property
    def checkpoints(self) -> Path:
        """Kept from one start of a job to the next: a folder for each host, in it one for each state."""
        return self.root / "checkpoints"

    def under_root(self, path: str) -> Path:
        """Return a path that a configuration names, moved along where it lies in ``/opt/ml``."""
        named = PurePosixPath(path)
        return self.root / named.relative_to(ROOT) if named.is_relative_to(ROOT) else Path(path)
