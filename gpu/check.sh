#!/usr/bin/env bash
# Checks the engine for NVIDIA's cards.
#
#   gpu/check.sh --build       builds what a machine with a card needs, into target/gpu
#   gpu/check.sh               on such a machine, without cargo and without a network: the tests, the
#                              CUDA toolkit's sanitizer, times beside PyTorch and JAX; the record goes
#                              to $OUT, or target/gpu. At most eight minutes. Takes target/gpu along.
#   gpu/check.sh --rehearse    the same on the emulated card, each part in short
#   gpu/check.sh --emulation   all tests of engines on the emulated card (g++)
#   gpu/check.sh --races       some of them, each access to memory compared with the others
#   gpu/check.sh --mutants     whether that check finds each barrier that is taken away
set -euo pipefail
cd "$(dirname "$0")/.."
carried=$PWD/target/gpu
emulated=$PWD/target/emulation
tests=(golden engines batches members ahead)
# What is looked at once more with products by cuBLASLt, from layers of 8 by 8 on. Not what has the bits
# of the kernel, which are others.
by_cublaslt=(every_path accumulated steps_in_one wide_and_odd what_cancels roughly)
export carried

# With the features of the whole workspace: what `cargo test --workspace` compiles too.
engine_tests() {
    RESHET_TEST_CUDA=1 cargo test --workspace --test golden --test engines --test batches --test members --test ahead \
        "${@}" -- --skip large_job --skip cpu_reproduces
}

build() {
    rm -rf "$carried"
    mkdir -p "$carried"
    for name in "${tests[@]}"; do
        program=$(cargo test -p reshet --release --test "$name" --no-run --message-format=json |
            sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)
        cp "$program" "$carried/$name"
    done
    CARGO_TARGET_DIR=target/bench cargo build --release --locked --manifest-path bench/ours/Cargo.toml
    cp target/bench/release/bench-ours "$carried/"
    strip "$carried"/*
    # The tests look for PyTorch's runs where they were compiled.
    printf '%s\n' "$PWD" >"$carried/root"
    du -sh "$carried"
    if [ "$(du -sm "$carried" | cut -f1)" -gt 36 ]; then
        echo "target/gpu and the tree are more than 64 MB together" >&2
        exit 1
    fi
}

# Lets the tests find PyTorch's runs on a machine where the tree is elsewhere.
find_tree() {
    local root
    root=$(cat "$carried/root")
    if [ ! -e "$root/tests/golden/cases.json" ]; then
        mkdir -p "$(dirname "$root")" && ln -sfn "$PWD" "$root" ||
            echo "the tree cannot be put at $root: PyTorch's runs will fail"
    fi
}

# Names the library, if the system does not find it by itself: the CUDA toolkit's, or that of PyTorch.
find_cublaslt() {
    if [ -n "${RESHET_CUBLASLT+set}" ] || ldconfig -p 2>/dev/null | grep -q 'libcublasLt\.so\.1[123]'; then
        return
    fi
    local file packages
    packages=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null || true)
    for file in /usr/local/cuda*/lib64/libcublasLt.so.1[123] "$packages"/nvidia/*/lib/libcublasLt.so.1[123]; do
        if [ -e "$file" ]; then
            export RESHET_CUBLASLT=$file
            echo "cuBLASLt: $file"
            return
        fi
    done
    echo "there is no cuBLASLt: what is asked of it will say so"
}

# Whether it computes a network as the kernel does.
has_cublaslt() {
    "$carried/engines" --exact cublaslt_computes_large_layers_as_the_kernel --nocapture | tee "$carried/cublaslt.log"
    grep -q "as the kernel, by cuBLASLt" "$carried/cublaslt.log"
}

# Whether the one test that is meant has run, and passed.
reproduces() {
    "$carried/golden" --exact cuda_reproduces_pytorch | tee "$carried/golden.log"
    grep -q "1 passed" "$carried/golden.log"
}

# The lecture's network many times: a step of all at once, many in one launch, and one after the other.
many_networks() {
    "$carried/bench-ours" ensemble "$1" cuda "$2" | tee "$3"
}

export -f reproduces many_networks has_cublaslt

# All parts together have less than eight minutes.
part() {
    local limit=$1 name=$2 left=$((470 - SECONDS))
    shift 2
    if [ "$left" -lt 5 ]; then
        echo "FAILED: $name: no time left"
        failed=yes
        return
    fi
    if [ "$limit" -gt "$left" ]; then
        limit=$left
    fi
    printf '\n== %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$name"
    if timeout -s KILL "$limit" bash -c 'set -euo pipefail; "$@"' part "$@"; then
        echo "passed: $name"
    else
        echo "FAILED: $name"
        failed=yes
    fi
}

# The parts of a check, on whatever card the driver gives.
check() {
    local cases=$1 rounds=$2 steps=() out=${OUT:-$carried}
    [ -n "${3:-}" ] && steps=(--steps "$3" --jobs L,S --alone)
    failed=
    find_tree
    find_cublaslt
    nvidia-smi 2>/dev/null || echo "no nvidia-smi"
    export RESHET_TEST_CUDA=1 PROPTEST_CASES=$cases
    part 60 "PyTorch's runs" reproduces
    part 90 "properties" "$carried/engines" --skip large_job --skip same_bits_for
    part 60 "same bits" "$carried/engines" same_bits_for
    part 30 "batches" "$carried/batches"
    part 30 "many networks" "$carried/members"
    part 30 "launches at once" "$carried/ahead"
    part 30 "cuBLASLt" has_cublaslt
    part 60 "PyTorch's runs, by cuBLASLt" env RESHET_CUBLASLT_FROM=8 "$carried/golden" --exact cuda_reproduces_pytorch
    part 60 "properties, by cuBLASLt" env RESHET_CUBLASLT_FROM=8 "$carried/engines" "${by_cublaslt[@]}"
    if [ -z "${3:-}" ]; then
        part 60 "a large job" "$carried/engines" large_job
    fi
    part 200 "times" python3 gpu/bench.py "$carried/bench-ours" --rounds "$rounds" "${steps[@]}" \
        --seconds 150 --record "$out/cuda.json"
    part 45 "many networks at once" many_networks "${4:-1000}" "${3:-20}" "$out/cuda-networks.json"
    # Last: a tool that hangs takes nobody's time.
    if command -v compute-sanitizer >/dev/null; then
        for tool in memcheck racecheck synccheck initcheck; do
            part 40 "compute-sanitizer, $tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
                "$carried/engines" accumulated steps_in_one
        done
    else
        echo "skipped: compute-sanitizer: there is none"
    fi
    [ -z "$failed" ]
}

case "${1:-}" in
--build) build ;;
"")
    if [ ! -d "$carried" ]; then
        echo "there is no target/gpu: run gpu/check.sh --build where cargo is" >&2
        exit 2
    fi
    check 256 5
    ;;
--rehearse)
    gpu/emulation/build.sh "$emulated/libcuda.so"
    export RESHET_CUDA_DRIVER=$emulated/libcuda.so RESHET_CUBLASLT=$emulated/libcuda.so
    check 20 1 5 4
    ;;
--emulation)
    gpu/emulation/build.sh "$emulated/libcuda.so"
    export RESHET_CUDA_DRIVER=$emulated/libcuda.so PROPTEST_CASES="${PROPTEST_CASES:-60}"
    engine_tests --test cuda --test fall_back --test cublaslt
    # The products of all layers of 8 by 8 or more by the library, to the same bits.
    RESHET_CUBLASLT=$RESHET_CUDA_DRIVER RESHET_CUBLASLT_FROM=8 engine_tests --test fall_back
    # A card without tensor cores for bfloat16 and TF32.
    RESHET_EMULATION=capability=75 RESHET_TEST_CUDA=1 cargo test --workspace --test engines -- bfloat16 tf32
    ;;
--races)
    gpu/emulation/build.sh --races "$emulated/libcuda-races.so"
    export RESHET_CUDA_DRIVER=$emulated/libcuda-races.so PROPTEST_CASES="${PROPTEST_CASES:-20}"
    RESHET_TEST_CUDA=1 cargo test -p reshet --test engines --test batches --test members --test ahead \
        -- --skip large_job --skip fit_is_the
    RESHET_CUBLASLT=$RESHET_CUDA_DRIVER RESHET_CUBLASLT_FROM=8 RESHET_TEST_CUDA=1 cargo test -p reshet \
        --test engines -- "${by_cublaslt[@]}"
    ;;
--mutants) gpu/emulation/mutants.py ;;
*)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
