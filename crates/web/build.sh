#!/usr/bin/env bash
# Builds the program of a page without a server into crates/page/site; with --check builds and compares
# instead, with --sources compares only what it was made from. The same toolchain gives the same bytes,
# wherever the sources lie.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=wasm32-wasip1-threads kept=crates/page/site
now=$(rustc --version)
# The sum over all files that it is made from, and their names.
sources=$(find Cargo.toml Cargo.lock crates/{reshet,lab,cli,web}/{Cargo.toml,src} crates/mnist -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
if [[ ${1:-} == --sources ]]; then
    [[ $sources == $(cat $kept/sources.txt) ]] ||
        { echo "reshet.wasm was made from other sources: just web"; exit 1; }
    exit 0
fi
if [[ ${1:-} == --check && $now != $(cat $kept/toolchain.txt) ]]; then
    echo "skipped: another toolchain: $now; reshet.wasm is made by $(cat $kept/toolchain.txt)"
    exit 0
fi
rustup target list --installed 2>/dev/null | grep -qx $target || rustup target add $target
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="-C target-feature=+simd128 --remap-path-prefix=$PWD=/reshet \
--remap-path-prefix=$home=/cargo -C link-arg=--max-memory=2147483648"
cargo build --locked --package reshet-web --profile web --target $target --target-dir target/web
made=target/web/$target/web/reshet_web.wasm
if [[ ${1:-} == --check ]]; then
    cmp $made $kept/reshet.wasm || { echo "reshet.wasm is not what its sources come to: just web"; exit 1; }
    exit 0
fi
mkdir -p $kept
cp $made $kept/reshet.wasm
echo "$now" >$kept/toolchain.txt
echo "$sources" >$kept/sources.txt
ls -l $kept/reshet.wasm
