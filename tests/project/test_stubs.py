"""The stubs of the native modules are golden files: they say what the modules offer, no more and no less."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_stubs_match_the_native_modules() -> None:
    done = subprocess.run(
        [sys.executable, "native/stubs.py", "--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
