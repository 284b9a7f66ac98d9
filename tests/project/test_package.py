"""What a user gets: one light import, a typed package, wheels without tests."""

import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HEAVY = ("matplotlib", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "scipy", "sklearn", "torch")


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_import_brings_no_heavy_library() -> None:
    assert loaded_after("import pairloom").isdisjoint({*HEAVY, "rich", "cyclopts"})


def test_command_line_brings_no_heavy_library() -> None:
    assert loaded_after("import pairloom.cli.app").isdisjoint(HEAVY)


def test_package_is_typed() -> None:
    assert resources.files("pairloom").joinpath("py.typed").is_file()
    for room in ("kernels", "formats"):
        assert (CHECKOUT / "src" / "pairloom" / room / "_native.pyi").is_file()


def test_base_install_is_small() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    names = {requirement.partition(">")[0] for requirement in wanted}
    kept_by = {"alembic", "sqlalchemy"}
    served_by = {"starlette", "uvicorn", "uvloop", "httptools"}
    spoken_by = {"botocore"}
    assert names == {
        "cyclopts",
        "msgspec",
        "narwhals",
        "numpy",
        "rich",
        "safetensors",
        "threadpoolctl",
        *served_by,
        *kept_by,
        *spoken_by,
    }
