#!/bin/sh
# Fuzzes every parser, or those named, for so many seconds each: native/fuzz/run.sh SECONDS [libsvm csv ...]
# What it finds is kept in the parser's corpus, which the tests replay.
set -eu
cd "$(dirname "$0")/../.."
seconds=$1
shift
compiler=${FUZZ_CXX:-$(command -v clang++ || command -v clang++-14)}
mkdir -p build/fuzz
[ $# -gt 0 ] || set -- $(cd native/fuzz && ls *_fuzz.cpp | sed 's/_fuzz.cpp//')
for parser in "$@"; do
  "$compiler" -std=c++20 -O1 -g -fno-sanitize-recover=all -fsanitize=fuzzer,address,undefined -Inative/include \
    "native/fuzz/${parser}_fuzz.cpp" native/src/parsing/*.cpp native/src/threading/*.cpp -pthread -o "build/fuzz/$parser"
  corpus=native/fuzz/corpus/$parser
  mkdir -p "build/fuzz/$parser.found" "$corpus"
  dictionary=native/fuzz/$parser.dict
  echo "$parser: $seconds s, corpus $corpus"
  "build/fuzz/$parser" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=60 -max_len=4096 -print_final_stats=1 \
    $([ -f "$dictionary" ] && echo "-dict=$dictionary") -artifact_prefix="$corpus/" "build/fuzz/$parser.found" "$corpus"
done
