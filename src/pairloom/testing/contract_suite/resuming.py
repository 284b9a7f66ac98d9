"""A training that was killed goes on from its last checkpoint to the same model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from pairloom.algorithms.report import EpochEnded, Event
from pairloom.testing.cases import Case
from pairloom.testing.contract_suite.outcomes import assert_equal

__all__ = ["check_a_killed_training_resumes_to_the_same_model"]

N_PASSES = 4


class Killed(BaseException):
    """Ends the training as a kill does: nothing catches it."""


class KeptStates:
    """Checkpoints in a folder that belongs to the check."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.steps = folder, list[int]()

    def latest(self) -> Path | None:
        """Return the last state."""
        return self.folder / str(self.steps[-1]) if self.steps else None

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Keep a state; steps must grow."""
        assert not self.steps or step > self.steps[-1]
        target = self.folder / str(step)
        target.mkdir()
        write(target)
        self.steps.append(step)


def check_a_killed_training_resumes_to_the_same_model(case: Case) -> None:
    """Killed at the end of every pass in turn, it comes to the model of an undisturbed training, bit for bit.

    A state is kept before the end of its pass is told, and no pass is trained twice.
    """
    n_passes = 1 if case.passes is None else N_PASSES
    undisturbed = case.fit_short(n_passes).predict(case.test)
    with tempfile.TemporaryDirectory() as name:
        kept = KeptStates(Path(name))
        for number in range(n_passes):
            trained = list[int]()

            def kill(event: Event, trained: list[int] = trained) -> None:
                if isinstance(event, EpochEnded):
                    trained.append(event.epoch)
                    raise Killed

            try:
                case.fit_short(n_passes, kill, checkpoints=kept)
            except Killed:
                assert trained == [number], f"pass {trained[0]} was trained after {number} were kept"
                assert len(kept.steps) == number + 1, f"{len(kept.steps)} states of {number + 1} passes"
                continue
            raise AssertionError(f"the end of pass {number} was not told")
        resumed = case.fit_short(n_passes, checkpoints=kept).predict(case.test)
    assert_equal(resumed, undisturbed)
