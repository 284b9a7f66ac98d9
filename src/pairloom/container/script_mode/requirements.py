"""``requirements.txt`` of a script: looked at by default, brought in only where the operator says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pairloom.errors import UserError

__all__ = ["settle_requirements"]

POLICY, DEFAULT = "PAIRLOOM_SCRIPT_REQUIREMENTS", "check"
POLICIES = ("check", "install")
LARGEST_BYTES = 1 << 20
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
SAID_CHARACTERS = 600


def settle_requirements(code: Path, packages: Path, environment: Mapping[str, str]) -> bool:
    """See to it that what a script requires is there.

    Parameters
    ----------
    code : path
        Holds ``requirements.txt``, or not.
    packages : path
        Where pip brings packages to.
    environment : mapping of str to str
        ``PAIRLOOM_SCRIPT_REQUIREMENTS``.

    Returns
    -------
    bool
        Whether there is something in `packages`.

    Raises
    ------
    UserError
        If something is missing, or is named by an address or an option where nothing may be fetched.
    """
    file = code / "requirements.txt"
    if not file.is_file():
        return False
    policy = environment.get(POLICY) or DEFAULT
    if policy not in POLICIES:
        raise UserError(f"{POLICY}: must be {' or '.join(POLICIES)}. Got {policy!r}.")
    if policy == "install":
        _pip(["--target", str(packages), "-r", str(file)], environment, "could not be installed")
        return True
    _check_lines(file)
    _pip(["--dry-run", "--no-index", "--no-deps", "-r", str(file)], environment, "are not all installed here")
    return False


def _check_lines(file: Path) -> None:
    if file.stat().st_size > LARGEST_BYTES:
        raise UserError(f"Script mode: requirements.txt must have at most {LARGEST_BYTES:,} bytes. Got more.")
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        asked = line.partition("#")[0].strip() if "://" not in line else line.strip()
        if (
            asked.startswith(("-", ".", "/"))
            or "://" in asked
            or asked.endswith((".whl", ".gz", ".zip", "\\"))
        ):
            raise UserError(
                f"Script mode: requirements.txt, line {number}: must name a package, for nothing is fetched. Got "
                f"{asked[:200]!r}. Take it out, or set 'requirements' to \"install\" in the service's settings."
            )


def _pip(words: list[str], environment: Mapping[str, str], fault: str) -> None:
    done = subprocess.run(  # noqa: S603 - this Python's pip
        [*PIP, *words], env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-SAID_CHARACTERS:]
        raise UserError(
            f"Script mode: the packages of requirements.txt {fault}. Got: {said} Install them beside the service, or "
            "set 'requirements' to \"install\" in its settings."
        )
