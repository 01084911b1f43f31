#!/usr/bin/env bash
# All tests of engines on a card, or on the emulated one.
#
#   gpu/check.sh --emulation   on the emulated card (g++), in a minute after compiling
#   gpu/check.sh --races       some of them, with each access to memory compared with the others
set -euo pipefail
cd "$(dirname "$0")/.."
export RESHET_TEST_CUDA=1 CARGO_PROFILE_TEST_OPT_LEVEL="${CARGO_PROFILE_TEST_OPT_LEVEL:-1}"
emulated=$PWD/target/emulation

case "${1:-}" in
--emulation)
    gpu/emulation/build.sh "$emulated/libcuda.so"
    export RESHET_CUDA_DRIVER=$emulated/libcuda.so PROPTEST_CASES="${PROPTEST_CASES:-60}"
    cargo test -p reshet --test golden --test engines --test batches -- --skip large_job
    cargo test -p reshet-cli --test cuda
    ;;
--races)
    gpu/emulation/build.sh --races "$emulated/libcuda-races.so"
    export RESHET_CUDA_DRIVER=$emulated/libcuda-races.so PROPTEST_CASES="${PROPTEST_CASES:-20}"
    cargo test -p reshet --test golden --test engines --test batches -- --skip large_job
    ;;
*)
    sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
