"""Every program in native/tests, built and run under AddressSanitizer and UndefinedBehaviorSanitizer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / "build" / "tests"
PROGRAMS = sorted(path.stem for path in (CHECKOUT / "native" / "tests").glob("*_test.cpp"))
FUZZ = CHECKOUT / "native" / "fuzz"
PARSERS = sorted(path.stem.removesuffix("_fuzz") for path in FUZZ.glob("*_fuzz.cpp"))


def tool(name: str) -> str:
    """A build tool of the virtual environment, or of the machine."""
    import cmake
    import ninja

    folder = {"cmake": cmake.CMAKE_BIN_DIR, "ninja": ninja.BIN_DIR}[name]
    found = shutil.which(name, path=folder) or shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def run(command: list[str], timeout_s: int) -> None:
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def configured() -> Path:
    options = ["-DPAIRLOOM_PYTHON=OFF", "-DPAIRLOOM_TESTS=ON", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    if shutil.which("ccache"):
        options.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    run([tool("cmake"), "-S", ".", "-B", str(BUILD), "-G", "Ninja", *options], 120)
    return BUILD


@pytest.mark.xdist_group("native")
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_passes_under_sanitizers(configured: Path, program: str) -> None:
    run([tool("ninja"), "-C", str(configured), "-j", str(min(os.cpu_count() or 1, 4)), program], 900)
    run([str(next(configured.rglob(program)))], 300)


@pytest.mark.xdist_group("native")
@pytest.mark.parametrize("parser", PARSERS)
def test_parser_takes_everything_that_fuzzing_found(configured: Path, parser: str) -> None:
    program = f"{parser}_fuzz"
    run([tool("ninja"), "-C", str(configured), "-j", str(min(os.cpu_count() or 1, 4)), program], 900)
    run([str(next(configured.rglob(program))), str(FUZZ / "corpus" / parser)], 300)
