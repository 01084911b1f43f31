#!/usr/bin/env python3
"""Compiles the CUDA kernel to PTX with NVRTC, without a CUDA installation.

    gpu/ptx.py            writes crates/reshet/src/engine/cuda/kernels/*.ptx
    gpu/ptx.py --check    says whether these files are what their sources come to

NVRTC comes from PyPI in the version below, into target/nvrtc. A newer one would write PTX that
older drivers refuse. The check is skipped, with the reason, where NVRTC cannot be had.
"""

import ctypes
import pathlib
import platform
import subprocess
import sys

# PTX 8.0: drivers from 525 on, of CUDA 12.0.
PACKAGE = "nvidia-cuda-nvrtc-cu12==12.0.140"

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNELS = ROOT / "crates/reshet/src/engine/cuda/kernels"
# The second has tensor cores for bfloat16 and TF32.
PTX = {"compute_75": KERNELS / "reshet.ptx", "compute_80": KERNELS / "reshet_80.ptx"}


def library() -> ctypes.CDLL:
    """Loads NVRTC; fetches it first if it is not there."""
    if platform.system() != "Linux":
        raise OSError(f"no wheel of NVRTC for {platform.system()} is known here")
    folder = ROOT / "target/nvrtc"
    pattern = "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"
    if not (folder / pattern).exists():
        fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        done = subprocess.run([*fetch, "--target", folder, PACKAGE], timeout=300)
        if done.returncode != 0:
            raise OSError(f"{PACKAGE} cannot be fetched from PyPI")
    return ctypes.CDLL(folder / pattern)


def compiled(nvrtc: ctypes.CDLL, architecture: str) -> str:
    """Returns the PTX for an architecture; exits with the compiler's messages if there are any."""
    program = ctypes.c_void_p()
    names = sorted(path.name for path in KERNELS.glob("*.cuh"))
    headers = (ctypes.c_char_p * len(names))(*[(KERNELS / name).read_bytes() for name in names])
    includes = (ctypes.c_char_p * len(names))(*[name.encode() for name in names])
    source = (KERNELS / "reshet.cu").read_bytes()
    created = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source, b"reshet.cu", len(names), headers, includes
    )
    if created != 0:
        sys.exit(f"NVRTC: error {created}")
    options = [f"--gpu-architecture={architecture}", "--std=c++17"]
    encoded = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    done = nvrtc.nvrtcCompileProgram(program, len(options), encoded)
    log = text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    if done != 0 or log.strip():
        sys.exit(log)
    return text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)


def text(size_of, get, program) -> str:
    """Reads one of NVRTC's texts."""
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    get(program, buffer)
    return buffer.value.decode()


def main() -> None:
    """Writes the PTX, or compares."""
    try:
        nvrtc = library()
    except (OSError, subprocess.TimeoutExpired) as why:
        if sys.argv[1:] == ["--check"]:
            print(f"skipped: the kernel's PTX: {why}")
            return
        sys.exit(str(why))
    for architecture, path in PTX.items():
        ptx, name = compiled(nvrtc, architecture), path.relative_to(ROOT)
        if sys.argv[1:] != ["--check"]:
            path.write_text(ptx)
            print(f"{name}: {len(ptx)} bytes")
        elif not path.exists() or path.read_text() != ptx:
            sys.exit(f"{name} is not what its sources come to: run gpu/ptx.py")
        else:
            print(f"{name} is what its sources come to")


if __name__ == "__main__":
    main()
