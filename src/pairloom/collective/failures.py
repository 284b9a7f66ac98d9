"""Why hosts part in anger: one reason, told to all, raised as the same class of error on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pairloom.errors import AlgorithmError, PairloomError, PlatformError, UserError

__all__ = ["Failure"]

Fault = Literal["user", "algorithm", "platform"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
LARGEST_TEXT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason to stop everywhere.

    Parameters
    ----------
    fault : {"user", "algorithm", "platform"}
    message : str
    """

    fault: Fault
    message: str

    @classmethod
    def of(cls, error: BaseException, host: str) -> Failure:
        """Describe an error for the other hosts: its message first, then whose it is."""
        fault: Fault = "algorithm"
        if isinstance(error, UserError):
            fault = "user"
        elif isinstance(error, OSError) or not isinstance(error, Exception):
            fault = "platform"
        text = (
            str(error)
            if isinstance(error, PairloomError)
            else f"{type(error).__name__}: {str(error) or 'no message'}."
        )
        return cls(fault, f"{text} This happened on host '{host}'.")

    def error(self) -> PairloomError:
        """Return the error to raise."""
        kind = {"user": UserError, "algorithm": AlgorithmError, "platform": PlatformError}[self.fault]
        return kind(self.message)

    def pack(self) -> npt.NDArray[np.uint8]:
        """Return it as bytes, text that is too long cut."""
        text = self.message.encode()[:LARGEST_TEXT_BYTES].decode(errors="ignore").encode()
        return np.frombuffer(bytes([FAULTS.index(self.fault)]) + text, np.uint8)

    @classmethod
    def unpack(cls, array: npt.NDArray[Any]) -> Failure:
        """Read what `pack` wrote; odd bytes give an odd message and no error."""
        data = array.tobytes()
        fault = FAULTS[data[0]] if data and data[0] < len(FAULTS) else "platform"
        return cls(fault, data[1:].decode(errors="replace") or "Another host gave up without a reason.")
