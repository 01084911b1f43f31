#!/usr/bin/env bash
# Builds the program of a page without a server into crates/page/site; with --check builds and compares
# instead, with --sources compares only what it was made from. The same toolchain gives the same bytes,
# wherever the sources lie. Needs npm: Binaryen's wasm-opt makes it a tenth smaller.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=wasm32-wasip1-threads kept=crates/page/site
binaryen=132.0.0
now="$(rustc --version), binaryen $binaryen"
# The sum over all files that it is made from, and their names.
sources=$(find crates/web/build.sh Cargo.toml Cargo.lock crates/{reshet,lab,cli,web}/{Cargo.toml,src} crates/mnist -type f -print0 |
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
# Kept where it was fetched to: it is a hundred megabytes.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/reshet/binaryen-$binaryen
[[ -e $tools/node_modules/.bin/wasm-opt ]] ||
    npm install --silent --no-save --ignore-scripts --prefix "$tools" "binaryen@$binaryen"
# Kernels say themselves what is to be inlined; all else that is would only be larger. Messages of
# panics name a file: where it came from is left out.
cargo fetch --locked --quiet
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="-C target-feature=+simd128 -C llvm-args=-inline-threshold=10 \
-C llvm-args=-inlinehint-threshold=40 --remap-path-prefix=$PWD= --remap-path-prefix=$home=/cargo \
$(printf -- '--remap-path-prefix=%s= ' "$home"/registry/src/*) -C link-arg=--max-memory=2147483648"
cargo build --locked --package reshet-web --profile web --target $target --target-dir target/web
made=target/web/reshet.wasm
"$tools/node_modules/.bin/wasm-opt" -Oz --enable-threads --enable-bulk-memory --enable-bulk-memory-opt \
    --enable-simd --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int \
    --enable-reference-types --enable-multivalue --strip-producers --strip-target-features \
    target/web/$target/web/reshet_web.wasm -o $made
if [[ ${1:-} == --check ]]; then
    cmp $made $kept/reshet.wasm || { echo "reshet.wasm is not what its sources come to: just web"; exit 1; }
    exit 0
fi
mkdir -p $kept
cp $made $kept/reshet.wasm
echo "$now" >$kept/toolchain.txt
echo "$sources" >$kept/sources.txt
ls -l $kept/reshet.wasm
