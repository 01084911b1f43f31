#!/usr/bin/env python3
"""Compiles the CUDA kernel to PTX with NVRTC, without a CUDA installation.

    gpu/ptx.py            writes crates/reshet/src/engine/cuda/kernels/reshet.ptx
    gpu/ptx.py --check    says whether that file is what its sources come to

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
ARCHITECTURE = "compute_75"

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNELS = ROOT / "crates/reshet/src/engine/cuda/kernels"
PTX = KERNELS / "reshet.ptx"


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


def compiled(nvrtc: ctypes.CDLL) -> str:
    """Returns the PTX of the kernel; exits with the compiler's messages if there are any."""
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
    options = [f"--gpu-architecture={ARCHITECTURE}", "--std=c++17"]
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
    ptx = compiled(nvrtc)
    if sys.argv[1:] != ["--check"]:
        PTX.write_text(ptx)
        print(f"{PTX.relative_to(ROOT)}: {len(ptx)} bytes")
    elif not PTX.exists() or PTX.read_text() != ptx:
        sys.exit(f"{PTX.relative_to(ROOT)} is not what its sources come to: run gpu/ptx.py")
    else:
        print(f"{PTX.relative_to(ROOT)} is what its sources come to")


if __name__ == "__main__":
    main()
