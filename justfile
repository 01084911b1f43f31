# What one does here. `just` alone lists it.

default:
    @just --list

# Run the lecture
lecture *args:
    cargo run --release -- lecture {{args}}

# Format, lints, docs: all warnings are errors
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# All tests
test:
    cargo test --workspace

# Repeat PyTorch's runs with PyTorch (needs torch, numpy, safetensors)
golden:
    python3 tests/golden/make.py check

# The Python package, into the Python that is active (needs maturin), and its tests (pytest)
python:
    cd python && maturin develop --release && pytest -q

# Exports and imports against onnxruntime, scikit-learn, PyTorch (those that python3 has)
foreign:
    cargo build && python3 tests/foreign/check.py target/debug/reshet

# Kill trainings and studies at random moments and count what was lost
kill *args:
    cargo build --release && python3 tests/kill/run.py target/release/reshet {{args}}

# Several ranks by MPI (needs an MPI: docs/cluster.md): --kills 50, --speed, --networks
mpi *args:
    cargo build --release -p reshet-mpi --features mpi && python3 tests/mpi/run.py target/release/reshet-mpi {{args}}

# Two hundred clients, most of them hostile, at `reshet serve` for half an hour
soak *args:
    cargo build --release && python3 tests/soak/run.py target/release/reshet {{args}}

# Train on a table larger than its memory: rows a second beside the table in memory, peak memory
# (needs numpy, and 3.5 GB of disk): bench/large/run.py --help
large *args:
    cargo build --release && python3 bench/large/run.py target/release/reshet {{args}}

# Thirty simulated pupils at `reshet serve --class` for five minutes
class *args:
    cargo build --release && python3 tests/class/run.py target/release/reshet {{args}}

# The lines that the tests reach, by crate (needs cargo-llvm-cov)
coverage:
    CARGO_INCREMENTAL=0 cargo llvm-cov --workspace --summary-only

# Licences, advisories, duplicates and sources of what is compiled in (needs cargo-deny)
deny:
    cargo deny check

# Write THIRD-PARTY.md anew, after a change of what is compiled in
licences:
    python3 tests/licences/make.py

# Fuzz each reader for so many seconds (needs nightly and cargo-fuzz): see fuzz/README.md
fuzz seconds="120" *targets:
    fuzz/run.sh {{seconds}} {{targets}}

# The engine's team of threads under loom: every order in which its threads can meet
loom:
    cd tests/team && RUSTFLAGS="--cfg loom" cargo test --release

# The team and the engine with every access to memory checked (needs nightly)
sanitize target="x86_64-unknown-linux-gnu":
    cd tests/team && RUSTFLAGS=-Zsanitizer=address cargo +nightly test --target {{target}}
    RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/address CARGO_PROFILE_TEST_DEBUG=0 \
        cargo +nightly test -p reshet --no-default-features --target {{target}} \
        --lib --test engines --test batches -- --skip large_job

# Each change that a run makes to the file system fails once, the power after each, and each large
# allocation; with so many seeds
faults seeds="1":
    RESHET_ALL_FAULTS={{seeds}} cargo test -p reshet-cli --lib faults -- --nocapture
    RESHET_ALL_FAULTS=1 cargo test -p reshet --test damage

# The same with every two accesses of two threads ordered (needs nightly with rust-src)
races target="x86_64-unknown-linux-gnu":
    RUSTFLAGS=-Zsanitizer=thread TSAN_OPTIONS=halt_on_error=1 CARGO_TARGET_DIR=target/thread \
        CARGO_PROFILE_TEST_OPT_LEVEL=1 PROPTEST_CASES=30 \
        cargo +nightly test -Zbuild-std -p reshet --no-default-features --target {{target}} \
        --lib --test engines --test batches -- --skip large_job

# What does not compute for long, under Miri (needs nightly with miri)
miri:
    MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p reshet --no-default-features --lib \
        -- answer:: names:: network:: plan:: recipe:: short::tests data::inputs data::loader \
        engine::cpu::arena engine::cpu::sparse engine::cpu::team::pace \
        engine::cpu::vector engine::cpu::tests::poisoned

# The engine for NVIDIA's cards on the emulated one: its tests, or with `--races`, `--mutants`,
# `--build`, `--rehearse`: see docs/gpu.md
gpu *how="--emulation":
    gpu/check.sh {{how}}

# The kernel's PTX anew, after a change in engine/cuda/kernels (fetches NVRTC from PyPI)
ptx *args:
    python3 gpu/ptx.py {{args}}

# Build the page's front end into crates/page/dist (needs npm)
page:
    cd crates/page/web && npm ci && npm run build

# The program for a page without a server, as WebAssembly, into crates/page/site
web:
    crates/web/build.sh

# Whether that is what its sources come to (skipped with another toolchain)
site-check:
    crates/web/build.sh --check

# The package for JavaScript, and its tests in Node
npm:
    npm/build.sh && node --test npm/test/*.test.mjs

# The page as a site that trains in the browser, into a folder
site folder="target/site":
    cargo run --release -- site --out {{folder}} --force

# The page in Chromium, from its server and as a site (skipped where there is none)
page-test:
    cargo build --release && cd crates/page/web && npm ci && npm run e2e && npm run e2e:site

# The page without a server in Firefox (skipped where there is none)
firefox-test:
    cargo build --release && cd crates/page/web && npm ci && node --test e2e/firefox.test.mjs

# The page without a server in figures, in Chromium; with MNIST's folder also beside TensorFlow.js
bench-web *folder:
    cargo build --release && cd crates/page/web && npm ci && cd ../../../bench/web && node page.mjs
    if [ -n "{{folder}}" ]; then npm/build.sh && cd bench/web && npm i --ignore-scripts && node run.mjs {{folder}}; fi

# What watching a training on the page costs
bench-page *args:
    cargo build --release && python3 bench/page/run.py {{args}}

# Pack the digits anew from a folder with MNIST's four files
mnist folder:
    cargo run --release -p reshet-mnist --example pack -- {{folder}}

# The library's documentation, in a browser
doc:
    cargo doc --workspace --no-deps --open

# Us and the others, in turn: see bench/README.md
bench *args:
    python3 bench/run.py {{args}}

# Fails where a job lost more than 3 % since the last record of this kind of machine
bench-check *args:
    python3 bench/check.py {{args}}

# The defaults for tables beside scikit-learn's: see bench/tables/README.md
bench-tables *args:
    python3 bench/tables/run.py {{args}}

# Ways to train, side by side, on some 350 tables that nobody picked
[positional-arguments]
bench-tables-wide *args:
    cargo build --release && python3 bench/tables/wide.py "$@"

# Trial and error beside Optuna with PyTorch, a minute each in turn (after `just bench`)
bench-tune *args:
    cargo build --release && python3 bench/tune/run.py {{args}}

# What a study's winner gains on the tables over the defaults
bench-tables-tuned *args:
    cargo build --release && python3 bench/tables/tuned.py {{args}}

# The stages of a step apart, by instruction set (Criterion)
bench-kernels *args:
    cargo bench --manifest-path bench/kernels/Cargo.toml {{args}}

# What continuous integration runs
ci:
    bash .ci/run
