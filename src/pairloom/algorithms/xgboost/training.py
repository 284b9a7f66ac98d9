"""Rounds of boosting, one after another: measured, told, kept, and ended early."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pairloom.algorithms.checkpoints import Checkpoints
from pairloom.algorithms.report import EpochEnded, Report, StopTraining
from pairloom.algorithms.xgboost.evaluation import Scores, evaluated, is_better
from pairloom.algorithms.xgboost.library import xgboost
from pairloom.algorithms.xgboost.model_file import load_booster
from pairloom.errors import DataError

__all__ = ["Boosting", "BoostingSettings"]

MODEL, STATE = "xgboost-model", "state.json"


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """What is asked of the rounds.

    Parameters
    ----------
    parameters : dict
        Of the library.
    n_rounds : int
    metrics : list of str
        In the order they were asked for; empty for that of the objective.
    patience : int, optional
        Rounds without a better last metric on the last matrix before training ends.
    fresh : bool
        Whether every round begins with a booster made from the model alone.
    """

    parameters: dict[str, Any]
    n_rounds: int
    metrics: list[str]
    patience: int | None
    fresh: bool


class State(msgspec.Struct):
    """What goes beside the model into a checkpoint: the scores of every round."""

    history: list[dict[str, dict[str, float]]]
    seconds: float = 0.0


@dataclass(slots=True)
class Boosting:
    """Trains a booster.

    Parameters
    ----------
    settings : BoostingSettings
    matrices : dict of str to DMatrix
        That of channel ``train`` first; the last one decides on an early end.
    n_rows : int
        Rows of training.
    report : callable
    checkpoints : Checkpoints

    Attributes
    ----------
    booster : xgboost.Booster
    history : list of (dict of str to (dict of str to float))
        Scores after every round.
    seconds : float
    """

    settings: BoostingSettings
    matrices: dict[str, Any]
    n_rows: int
    report: Report
    checkpoints: Checkpoints
    booster: Any = None
    history: list[Scores] = field(default_factory=list[Scores])
    seconds: float = 0.0

    def run(self, *, stopped: Callable[[], bool]) -> None:
        """Train from the latest state to the end; `stopped` is asked after every round."""
        self._begin()
        while len(self.history) < self.settings.n_rounds and not self._has_stalled():
            started = time.perf_counter()
            round_number = len(self.history)
            if self.settings.fresh and round_number:
                self.booster = self._make(bytearray(self.booster.save_raw("ubj")))
            self.booster.update(self._training, round_number)
            scores = evaluated(self.booster, self.matrices, self.settings.metrics, round_number)
            self.history.append(scores)
            seconds = time.perf_counter() - started
            self.seconds += seconds
            self.checkpoints.save(round_number + 1, self._write)
            channels = list(scores)
            validation = scores[channels[-1]] if len(channels) > 1 else {}
            try:
                self.report(
                    EpochEnded(
                        round_number,
                        self.settings.n_rounds,
                        scores[channels[0]],
                        self.n_rows,
                        seconds,
                        validation,
                    )
                )
            except StopTraining:
                return
            if stopped():
                return

    @property
    def best_round(self) -> int:
        """The round whose model is kept: the best one under early stopping, else the last."""
        if self.settings.patience is None:
            return len(self.history) - 1
        best, values = 0, [list(next(reversed(scores.values())).items())[-1] for scores in self.history]
        for number, (name, value) in enumerate(values):
            if is_better(name, value, values[best][1]):
                best = number
        return best

    @property
    def _training(self) -> Any:
        return next(iter(self.matrices.values()))

    def _has_stalled(self) -> bool:
        patience = self.settings.patience
        return (
            patience is not None
            and bool(self.history)
            and len(self.history) - 1 - self.best_round >= patience
        )

    def _begin(self) -> None:
        kept = self.checkpoints.latest()
        if kept is None:
            self.booster = self._make(None)
            return
        load_booster(kept / MODEL)
        self.booster = self._make(bytearray((kept / MODEL).read_bytes()))
        try:
            state = msgspec.json.decode((kept / STATE).read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(
                "the scores of a kept training", got=str(error), source=str(kept / STATE)
            ) from error
        if self.booster.num_boosted_rounds() != len(state.history) and self.booster.num_boosted_rounds():
            raise DataError(
                f"a model of {len(state.history)} rounds, as the scores beside it say",
                got=str(self.booster.num_boosted_rounds()),
                source=str(kept / MODEL),
            )
        self.history, self.seconds = state.history, state.seconds

    def _make(self, model: bytearray | None) -> Any:
        return xgboost().Booster(self.settings.parameters, list(self.matrices.values()), model_file=model)

    def _write(self, folder: Path) -> None:
        (folder / MODEL).write_bytes(self.booster.save_raw("ubj"))
        state = {"history": self.history, "seconds": self.seconds}
        (folder / STATE).write_text(json.dumps(state), encoding="utf-8")
