#!/usr/bin/env bash
# Runs each target for so many seconds (120 if not said), in turn, or only those named:
#     fuzz/run.sh 600 onnx pytorch
# Needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`).
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-120}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo +nightly fuzz list)
fi
# What the tests read is where the fuzzer starts from.
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target"
    case $target in
        pytorch) cp ../tests/foreign/*.pt corpus/pytorch/ ;;
        onnx) cp ../tests/foreign/*.onnx corpus/onnx/ ;;
        safetensors | checkpoint)
            cp ../tests/foreign/*.safetensors ../tests/golden/perceptron.safetensors "corpus/$target/" ;;
        network) printf '20-30:relu:dropout(0.5)-12:leaky_relu(0.2)-4:softmax' >corpus/network/one ;;
        csv) printf 'age,port,alive\n1,a,yes\n2.5,"b ""c""",no\n,?,yes\n' >corpus/csv/one ;;
        *) python3 seeds.py "$target" ;;
    esac
    # What a thread that has just ended kept for itself is taken for a leak: memory is
    # watched by its limits instead.
    cargo +nightly fuzz run "$target" -- -detect_leaks=0 \
        -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=10 \
        -max_len=20000 -print_final_stats=1
done
