#!/usr/bin/env bash
# Makes seeds/ anew: of what is in corpus/ and seeds/ the fewest and smallest inputs that reach
# the same code, of at most so many bytes (3000 if not said), for each target or those named:
#     fuzz/minimise.sh 3000 onnx
# Inputs called found-* were once mistakes, and stay.
set -euo pipefail
cd "$(dirname "$0")"

bytes=${1:-3000}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo +nightly fuzz list)
fi
for target in "${targets[@]}"; do
    new=$(mktemp -d)
    cargo +nightly fuzz run --sanitizer none "$target" "$new" "corpus/$target" "seeds/$target" -- \
        -set_cover_merge=1 -use_counters=0 -max_len="$bytes" -rss_limit_mb=1024 2>/dev/null
    find "seeds/$target" -type f ! -name 'found-*' ! -name whole -delete
    cp "$new"/* "seeds/$target/"
    rm -r "$new"
    echo "$target: $(find "seeds/$target" -type f | wc -l) inputs," \
        "$(du -sb "seeds/$target" | cut -f1) bytes"
done
