"""What an algorithm sees of the hosts that train together: rank, size, and how they exchange arrays."""

from pairloom.collective.alone import ALONE
from pairloom.collective.joining import together
from pairloom.collective.protocol import Collective, Reduction
from pairloom.collective.sockets import connect

__all__ = ["ALONE", "Collective", "Reduction", "connect", "together"]
