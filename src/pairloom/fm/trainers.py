"""Which trainer a solver has."""

from __future__ import annotations

from pairloom.errors import UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.trainer import SweepTrainer
from pairloom.fm.training import FMTrainer

__all__ = ["SWEEPING", "Trainer", "trainer_for", "trainer_from"]

Trainer = FMTrainer | SweepTrainer
SWEEPING = ("als", "mcmc")
"""Solvers that sweep over columns of data in memory."""


def trainer_for(settings: FMSettings) -> Trainer:
    """Return a new trainer for the solver of the settings."""
    return SweepTrainer(settings) if settings.solver in SWEEPING else FMTrainer(settings)


def trainer_from(model: FactorizationMachine, settings: FMSettings) -> Trainer:
    """Return a trainer that goes on from a saved model; UserError for a solver that cannot."""
    if settings.solver in SWEEPING:
        raise UserError(
            f"The solver '{settings.solver}' learns from all rows at once. Take 'sgd' or another that streams."
        )
    return FMTrainer.from_model(model, settings)
