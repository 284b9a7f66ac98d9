"""Every program in native/tests, and the corpus of every fuzz target, under ASan and UBSan."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / "build" / "tests"
NATIVE = CHECKOUT / "native"
PROGRAMS = sorted(path.stem for path in (NATIVE / "tests").glob("*_test.cpp"))
TARGETS = sorted(path.stem for path in (NATIVE / "fuzz").glob("*_fuzz.cpp"))


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


@contextmanager
def alone_in_the_build_folder() -> Iterator[None]:
    """Keep other test processes out: two builds of one folder write over each other's files."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def configured() -> Path:
    options = ["-DPAIRLOOM_PYTHON=OFF", "-DPAIRLOOM_TESTS=ON", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    options += ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1"]
    if shutil.which("ccache"):
        options.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    with alone_in_the_build_folder():
        run([tool("cmake"), "-S", ".", "-B", str(BUILD), "-G", "Ninja", *options], 120)
    return BUILD


def build(configured: Path, program: str) -> str:
    with alone_in_the_build_folder():
        run([tool("ninja"), "-C", str(configured), "-j", str(min(os.cpu_count() or 1, 4)), program], 900)
    return str(next(path for path in configured.rglob(program) if path.is_file()))


@pytest.mark.xdist_group("native")
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_passes_under_sanitizers(configured: Path, program: str) -> None:
    run([build(configured, program)], 300)


@pytest.mark.xdist_group("native")
@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_found_stays_mended(configured: Path, target: str) -> None:
    corpus = NATIVE / "fuzz" / "corpus" / target.removesuffix("_fuzz")
    run([build(configured, target), str(corpus)], 300)
