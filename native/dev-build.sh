#!/bin/sh
# Builds the extension modules beside their Python sources: for work on native code with PYTHONPATH=src.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
[ -f build/dev/build.ninja ] || cmake -S . -B build/dev -G Ninja -DPython_EXECUTABLE="$(command -v "$python")" \
  -DCMAKE_BUILD_TYPE=Release $(command -v ccache >/dev/null && echo -DCMAKE_CXX_COMPILER_LAUNCHER=ccache) >/dev/null
cmake --build build/dev
cp build/dev/kernels/_native*.so src/pairloom/kernels/
cp build/dev/formats/_native*.so src/pairloom/formats/
