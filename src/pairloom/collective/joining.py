"""Work that hosts do together: all end well, or all end for the same reason."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pairloom.collective.protocol import Collective

__all__ = ["together"]


@contextmanager
def together(collective: Collective) -> Generator[Collective]:
    """Part in peace at the end of the block; an error that leaves it ends the job on every host."""
    try:
        yield collective
    except BaseException as error:
        collective.abandon(error)
        raise
    collective.close()
