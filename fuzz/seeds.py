"""Small good files for a target to start from: python3 seeds.py npy|npz|idx|picture"""

import gzip
import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

target = sys.argv[1]
files = {}


def npy(kind, shape, data):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def png(width, height):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\x00" + bytes(range(width)) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


floats = npy("<f4", "(2, 3)", struct.pack("<6f", *range(6)))
whole = npy("<i8", "(2,)", struct.pack("<2q", 0, 1))
if target == "npy":
    files = {"floats": floats, "whole": whole, "bytes": npy("|u1", "(2, 2)", b"abcd")}
elif target == "npz":
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", how) as z:
            z.writestr("x.npy", floats)
            z.writestr("y.npy", whole)
        files[str(how)] = file.getvalue()
elif target == "idx":
    plain = struct.pack(">HBBIII", 0, 8, 3, 1, 2, 3) + b"abcdef"
    files = {"plain": plain, "gzipped": gzip.compress(plain)}
elif target == "picture":
    bmp = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 70, 0, 0, 54, 40, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0) + bytes(16)
    files = {"png": png(5, 4), "bmp": bmp}
for name, content in files.items():
    Path("corpus", target, name).write_bytes(content)
