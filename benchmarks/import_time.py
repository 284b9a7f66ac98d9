"""`import pairloom` in fresh interpreters, and which heavy libraries it drags in (none should be).

./go bench import_time
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

from support.machine import describe

HEAVY = ("torch", "pandas", "sklearn", "scipy", "pyarrow", "polars", "matplotlib", "onnx")
PROBE = """
import sys, time
begin = time.perf_counter()
{statement}
print(time.perf_counter() - begin, *(name for name in {heavy!r} if name in sys.modules))
"""
STATEMENTS = ("import pairloom", "from pairloom import FactorizationMachineRegressor", "import numpy")


def measure(statement: str, n_times: int) -> tuple[list[float], set[str]]:
    """Return the seconds of each run and the heavy libraries that were loaded."""
    seconds, heavy = [], set[str]()
    for _ in range(n_times):
        probe = PROBE.format(statement=statement, heavy=HEAVY)
        first, *names = subprocess.check_output([sys.executable, "-c", probe], text=True).split()
        seconds.append(float(first))
        heavy.update(names)
    return seconds, heavy


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="one run of each")
    arguments = parser.parse_args()
    n_times = 1 if arguments.small else 10
    print(describe("numpy"))
    print(f"{'statement':52} {'best ms':>8} {'median':>8}  heavy libraries loaded (target: 150 ms, none)")
    for statement in STATEMENTS:
        seconds, heavy = measure(statement, n_times)
        print(f"{statement:52} {1000 * min(seconds):8.1f} {1000 * statistics.median(seconds):8.1f}  "
              f"{', '.join(sorted(heavy)) or 'none'}")  # fmt: skip


if __name__ == "__main__":
    main()
