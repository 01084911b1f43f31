#!/usr/bin/env python3
"""Whether the check for races finds a barrier that is missing: takes each away in turn.

    gpu/emulation/mutants.py [COMMAND...]

COMMAND runs tests on the emulated card, and must fail with every one of these kernels; unless
given, it is the properties of the engines.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = HERE.parent.parent / "crates/reshet/src/engine/cuda/kernels"
TESTS = (
    "cargo test -q -p reshet --test engines -- "
    "every_path steps_in_one wide_and_odd tf32_multiplies"
)
BARRIER = re.compile(r"^ *(?:if \(.*\) )?((?:block|grid)_sync\(.*?\);)$", re.MULTILINE)
# The code of a barrier itself is not what is looked at here.
FILES = ["products.cuh", "layers.cuh", "losses.cuh", "reshet.cu"]


def found(kernels: pathlib.Path, command: list[str]) -> bool:
    """Whether the tests fail with these kernels."""
    library = kernels / "libcuda.so"
    environment = dict(os.environ, RESHET_KERNELS=str(kernels))
    subprocess.run([HERE / "build.sh", "--races", library], env=environment, check=True)
    environment |= {"RESHET_CUDA_DRIVER": str(library), "RESHET_TEST_CUDA": "1"}
    environment |= {"PROPTEST_CASES": "40"}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    return done.returncode != 0


def main() -> None:
    """Tries each barrier."""
    command = sys.argv[1:] or TESTS.split()
    missed = 0
    for name in FILES:
        source = (KERNELS / name).read_text()
        for barrier in BARRIER.finditer(source):
            line = source.count("\n", 0, barrier.start(1)) + 1
            with tempfile.TemporaryDirectory() as folder:
                kernels = pathlib.Path(shutil.copytree(KERNELS, pathlib.Path(folder) / "kernels"))
                without = source[: barrier.start(1)] + "{}" + source[barrier.end(1) :]
                (kernels / name).write_text(without)
                known = found(kernels, command)
            missed += not known
            print(f"{name}:{line}: {'found' if known else 'NOT FOUND'}", flush=True)
    sys.exit(f"{missed} barriers were not missed" if missed else 0)


if __name__ == "__main__":
    main()
