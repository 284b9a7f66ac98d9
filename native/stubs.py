"""Write the golden stubs of the native modules, or with --check say which of them are out of date."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from nanobind.stubgen import StubGen

MODULES = ("pairloom.kernels._native", "pairloom.formats._native")
SOURCE = Path(__file__).resolve().parents[1] / "src"


def stub_path(name: str) -> Path:
    """Where the golden stub of a module lies."""
    return SOURCE.joinpath(*name.split(".")).with_suffix(".pyi")


def render(name: str) -> str:
    """Describe a native module as a stub file."""
    generator = StubGen(module=importlib.import_module(name), quiet=True)
    generator.put(generator.module)
    return generator.get()


def main(arguments: list[str]) -> int:
    """Write or check every stub."""
    stale: list[str] = []
    for name in MODULES:
        path, text = stub_path(name), render(name)
        if not path.exists() or path.read_text() != text:
            stale.append(str(path))
            if "--check" not in arguments:
                path.write_text(text)
    for path in stale:
        print(f"{path} {'is out of date: run ./go stubs' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
