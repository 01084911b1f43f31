#!/usr/bin/env bash
# Builds the library for JavaScript: reshet.wasm, beside the package's scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
rustup target list --installed 2>/dev/null | grep -qx $target || rustup target add $target
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="-C target-feature=+simd128 --remap-path-prefix=$PWD=/reshet \
--remap-path-prefix=$home=/cargo"
cargo build --locked --package reshet-npm --profile web --target $target --target-dir target/web
cp target/web/$target/web/reshet_npm.wasm npm/reshet.wasm
ls -l npm/reshet.wasm
