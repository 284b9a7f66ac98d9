"""What is in the wheel and the source distribution, built for real."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def build(kind: str, target: Path) -> Path:
    code = f"from scikit_build_core import build; build.build_{kind}({str(target)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, timeout=1200)
    (built,) = target.iterdir()
    return built


@pytest.mark.slow
def test_the_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(build("wheel", tmp_path)) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {"pairloom", "pairloom-0.1.0.dist-info"}
    for room in ("kernels", "formats"):
        modules = [name for name in names if name.startswith(f"pairloom/{room}/_native")]
        assert len(modules) == 2, modules
        assert f"pairloom/{room}/_native.pyi" in modules
    assert "pairloom/py.typed" in names
    assert "pairloom-0.1.0.dist-info/licenses/LICENSE" in names


@pytest.mark.slow
def test_the_source_distribution_can_be_built_from(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "CMakeLists.txt", "native/kernels.cmake", "src/pairloom/__init__.py"} <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md"} <= names
    assert not any(name.startswith((".ci", "benchmarks", "changes", "build/")) for name in names)
