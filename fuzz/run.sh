#!/usr/bin/env bash
# Runs each target for so many seconds (120 if not said), in turn, or only those named, and says
# how many inputs were tried and how much of the code was reached:
#     fuzz/run.sh 600 onnx pytorch
# Needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`). RESHET_SANITIZER=address
# watches each access to memory too, which takes three times as long: what is fuzzed has no unsafe
# code of its own.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-120}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo +nightly fuzz list)
fi
failed=0
for target in "${targets[@]}"; do
    # What is committed is where the fuzzer starts from; what it finds stays in corpus/.
    mkdir -p "corpus/$target" "seeds/$target" artifacts
    log=artifacts/$target.log
    # What a thread that has just ended kept for itself is taken for a leak: memory is
    # watched by its limits instead.
    if ! cargo +nightly fuzz run --sanitizer "${RESHET_SANITIZER:-none}" "$target" \
        "corpus/$target" "seeds/$target" -- -detect_leaks=0 \
        -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=20 \
        -max_len=20000 -print_final_stats=1 >"$log" 2>&1; then
        failed=1
        printf '%-12s failed: see fuzz/%s and fuzz/artifacts/%s\n' "$target" "$log" "$target"
        grep -aE 'panicked|SUMMARY' "$log" || tail -n 5 "$log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(grep -aoE 'cov: [0-9]+' "$log" | tail -n 1 | tr -dc 0-9)
    inputs=$(grep -aoE 'corp: [0-9]+' "$log" | tail -n 1 | tr -dc 0-9)
    printf '%-12s %12s executions %8s edges %6s inputs\n' \
        "$target" "${runs:-?}" "${edges:-?}" "${inputs:-?}"
done
exit $failed
