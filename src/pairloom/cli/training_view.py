"""Training as the command line shows it: a bar on a terminal, and the metrics at the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from pairloom.algorithms.report import ChannelScored, EpochEnded, Event, TrainingEnded
from pairloom.cli.terminal import Advance, progress

__all__ = ["TrainingView"]


class TrainingView:
    """Listens to the events of a training.

    Attributes
    ----------
    metrics : dict of str to (dict of str to float)
        Of the final model, by channel.
    history : list of EpochEnded
    seconds : float
        Time of the epochs.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, dict[str, float]] = {}
        self.history: list[EpochEnded] = []
        self.seconds = 0.0
        self._open = ExitStack()
        self._advance: Advance | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_fault: object) -> None:
        """Take the bar away."""
        self._open.close()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case EpochEnded():
                self.history.append(event)
                self._epoch_ended(event)
            case TrainingEnded():
                self.seconds = event.seconds
                self.metrics["train"] = dict(event.metrics)
                if self.history and self.history[-1].validation:
                    self.metrics["validation"] = dict(self.history[-1].validation)
            case ChannelScored():
                self.metrics[event.channel] = dict(event.metrics)
            case _:
                pass

    def _epoch_ended(self, event: EpochEnded) -> None:
        if self._advance is None:
            self._advance = self._open.enter_context(progress("epochs", event.n_epochs))
        shown = event.validation or event.metrics
        self._advance(1, ", ".join(f"{name} {value:.4f}" for name, value in shown.items()))
