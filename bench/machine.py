"""What the machine is: its kind, its caches, and what its cores reach."""

import json
import os
import platform
import subprocess
from pathlib import Path

# What decides which kernels run, and how fast.
EXTENSIONS = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]


def describe():
    """`kind` is the same for machines whose figures may be compared."""
    said = {}
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        said = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)
    flags = said.get("flags", "").split()
    has = [extension for extension in EXTENSIONS if extension in flags]
    kind = [said.get("vendor_id", platform.machine()), f"family {said.get('cpu family', '?')}",
            f"model {said.get('model', '?')}", *has, f"{os.cpu_count()} cores"]
    return {"machine": said.get("model name", platform.processor()), "kind": ", ".join(kind),
            "caches": caches()}


def caches():
    """The first core's, as Linux names them: {"L1 Data": "32K", …}."""
    found = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, what, size = ((cache / file).read_text().strip() for file in ("level", "type", "size"))
        found[f"L{level} {what}"] = size
    return found


def in_words(here):
    sizes = ", ".join(f"{name} {size}" for name, size in here["caches"].items())
    peaks = here["peaks"]
    bf16 = f", bf16 {peaks['bf16_gflops']:.0f}" if peaks["bf16_gflops"] else ""
    return (f"{here['machine']} ({here['kind']}; {sizes}; {peaks['gflops']:.0f} GFLOP/s in f32{bf16}; "
            f"memory {peaks['read_gb_s']:.0f} GB/s)")


def floor(program, threads):
    """The peak rates of these cores, now."""
    return json.loads(subprocess.check_output([program, "floor", str(threads)]))


def commit(folder):
    """Which state of the sources is measured; with "+" if there is more than was committed."""
    def git(*words):
        return subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
