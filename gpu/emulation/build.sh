#!/usr/bin/env bash
# Builds the emulated card: a driver library whose kernel is compiled for this processor.
#
#   gpu/emulation/build.sh [--races] FILE
#
# --races: each access to memory is checked; slow. CXX is the compiler, g++ unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernels=${RESHET_KERNELS:-$here/../../crates/reshet/src/engine/cuda/kernels}
races=
if [ "${1:-}" = --races ]; then
    races=yes
    shift
fi
out=$1
mkdir -p "$(dirname "$out")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile() {
    "${CXX:-g++}" -std=c++17 -O2 -g1 -fPIC -fvisibility=hidden -ftls-model=initial-exec \
        -ffp-contract=off -march=native -Wall -Wextra -Wno-unknown-pragmas -I"$kernels" -I"$here" "$@"
}
checked=()
if [ -n "$races" ]; then
    checked=(-fsanitize=thread)
    compile -c "$here/races.cpp" -o "$work/races.o"
fi
compile "${checked[@]}" -Wno-unused-parameter -c "$here/kernel.cpp" -o "$work/kernel.o"
compile -c "$here/threads.cpp" -o "$work/threads.o"
compile -c "$here/driver.cpp" -o "$work/driver.o"
compile -c "$here/blas.cpp" -o "$work/blas.o"
"${CXX:-g++}" -shared -o "$out" "$work"/*.o -lpthread
