"""The hosts of a job, joined."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.collective import ALONE, Collective
from pairloom.container.configuration import Hosts
from pairloom.errors import UserError

__all__ = ["joined"]


def joined(hosts: Hosts, environment: Mapping[str, str]) -> Collective:
    """Return the collective of a job; a lone host needs none."""
    if len(hosts.names) == 1:
        return ALONE
    raise UserError(
        f"Training job: must have one host. Got {len(hosts.names)}. Ask for an instance count of 1."
    )
