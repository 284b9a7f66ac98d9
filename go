#!/bin/sh
# The door: makes .venv, installs what changed, runs. Needs Python >= 3.11 (venv, headers) and a C++ compiler.
set -eu
unset PYTHONDONTWRITEBYTECODE # compiling every module at every start would take longer than most commands

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$root/.venv
python=$venv/bin/python

usage() {
  cat <<'END'
./go quickstart [--data FOLDER]  train a factorization machine, score it, show predictions and a learning curve
./go test [PYTEST ARGUMENTS]     C++ tests under sanitizers, lint, types, Python tests, documentation
./go test-slow [ARGUMENTS]       the long accuracy and soak runs that ./go test leaves out
./go lint                        ruff, pyright, import-linter
./go bench [NAME ARGUMENTS]      run a benchmark, or list them
./go stubs                       regenerate the golden stubs of the native modules
./go docs                        regenerate the reference pages
./go fuzz SECONDS [PARSER ...]   fuzz every native parser, or those named, for so long (needs clang)
./go COMMAND ...                 any other command of pairloom: ./go train --help
END
}

fail() {
  printf './go: %s\n' "$*" >&2
  exit 1
}

find_python() {
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "needs Python 3.11 or newer. Install it (Debian: apt-get install python3 python3-venv python3-dev) or set PYTHON."
}

make_venv() {
  base=$(find_python)
  "$base" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$base lacks the venv module. Install it (Debian: apt-get install python3-venv)."
  "$base" -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))' ||
    fail "$base lacks its C headers. Install them (Debian: apt-get install python3-dev)."
  command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
    fail "needs a C++20 compiler. Install one (Debian: apt-get install g++) or set CXX."
  echo "Making .venv" >&2
  "$base" -m venv --clear "$venv"
  pip_install 'pip>=25.1'
}

pip_install() {
  (cd "$root" && "$python" -m pip install -qq --disable-pip-version-check "$@")
}

sum_of() {
  (cd "$root" && find "$@" -type f -exec cksum {} + | sort | cksum && echo "$root") | tr '\n' ' '
}

# install LEVEL: run (the package and its plots) or test (everything).
install() {
  "$python" -c '' 2>/dev/null || make_venv
  wanted=$(sum_of pyproject.toml)
  sources=$(sum_of pyproject.toml CMakeLists.txt native)$(cd "$root" && find src -name '*.py' | sort | cksum)
  if [ "$wanted" != "$(cat "$venv/installed-$1" 2>/dev/null)" ]; then
    echo "Installing dependencies and building (minutes the first time)" >&2
    groups=''
    [ "$1" = run ] || groups='--group test --group lint'
    pip_install --group build
    pip_install --no-build-isolation --editable '.[plot]' $groups
    printf %s "$wanted" >"$venv/installed-$1"
    printf %s "$sources" >"$venv/built"
  elif [ "$sources" != "$(cat "$venv/built" 2>/dev/null)" ]; then
    echo "Building what changed" >&2
    pip_install --no-build-isolation --no-deps --editable .
    printf %s "$sources" >"$venv/built"
  fi
}

in_checkout() {
  install test
  cd "$root"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
  help | -h | --help)
    usage
    ;;
  test)
    in_checkout
    exec "$python" -m pytest -n auto --maxprocesses 8 --dist loadgroup -q -m 'not slow' "$@"
    ;;
  test-slow)
    in_checkout
    exec "$python" -m pytest -q -m slow "$@"
    ;;
  lint)
    in_checkout
    exec "$python" -m pytest -q tests/project/test_lint.py
    ;;
  stubs)
    in_checkout
    exec "$python" native/stubs.py
    ;;
  docs)
    in_checkout
    exec "$python" docs/build_reference.py
    ;;
  fuzz)
    command -v "${FUZZ_CXX:-clang++}" >/dev/null || fail "fuzzing needs clang++ (Debian: apt-get install clang) or FUZZ_CXX."
    exec "$root/native/fuzz/run.sh" "${@:-60}"
    ;;
  bench)
    in_checkout
    if [ $# -eq 0 ]; then
      for file in benchmarks/*.py; do basename "$file" .py; done
      exit
    fi
    [ -f "benchmarks/$1.py" ] || fail "no benchmark named '$1'. './go bench' lists them."
    name=$1
    shift
    exec "$python" "benchmarks/$name.py" "$@"
    ;;
  *)
    install run
    exec "$python" -P -m pairloom "$command" "$@"
    ;;
esac
