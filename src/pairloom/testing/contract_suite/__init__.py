"""What every algorithm of the catalogue promises, as small checks over one case each.

A check raises AssertionError. A plug-in's tests run each of `CHECKS` over cases of their own.
"""

from collections.abc import Callable

from pairloom.testing.cases import Case
from pairloom.testing.contract_suite import asking, bad_rows, hosts, models, resuming, training

__all__ = ["CHECKS", "Check"]

Check = Callable[[Case], None]
CHECKS: tuple[Check, ...] = tuple(
    getattr(topic, name)
    for topic in (asking, training, bad_rows, models, resuming, hosts)
    for name in topic.__all__
)
