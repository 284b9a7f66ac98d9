"""The command ``pairloom``."""

from pairloom.cli.app import main, run

__all__ = ["main", "run"]
