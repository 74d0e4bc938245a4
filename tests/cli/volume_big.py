#!/usr/bin/env python3
"""A large random file through a volume: in and out bit-exact, in bounded memory.

usage: volume_big.py PXOS MIB [FOLDER]
Needs three times the size on disk, in FOLDER or the system's temporary folder; leaves nothing behind.
Exit code 1 with one line when something does not hold.
"""
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

MOST_RESIDENT_MIB = 64
PIECE = 1 << 20


def write_random(path, mib):
    """Random pieces, their order counted in, so that no two of the file are equal."""
    rng = random.Random(mib)
    pieces = [rng.randbytes(PIECE - 8) for _ in range(16)]
    digest = hashlib.blake2b()
    with open(path, "wb") as file:
        for number in range(mib):
            piece = number.to_bytes(8, "little") + pieces[number % len(pieces)]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def digest_of(path):
    digest = hashlib.blake2b()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def check(good, what):
    if not good:
        sys.exit(f"volume_big: {what}")


def run(label, *words):
    begun = time.monotonic()
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True, check=False)
    check(done.returncode == 0, f"{label}: {done.stderr.strip()}")
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the largest child so far
    print(f"{label}: {time.monotonic() - begun:.1f} s, at most {resident:.1f} MiB resident", flush=True)
    check(resident < MOST_RESIDENT_MIB, f"{label}: {resident:.1f} MiB resident")
    return done.stdout


def main(pxos, mib, folder):
    source, volume, out = (os.path.join(folder, name) for name in ("source", "volume.pxi", "out"))
    wanted = write_random(source, mib)
    run("pack", pxos, "volume", "pack", source, "-o", volume)
    listed = json.loads(run("ls", pxos, "volume", "ls", volume, "--json"))
    check(listed["files"][0]["size"] == mib * PIECE, "the listed size is wrong")
    with open(source, "rb") as file:
        for offset in (0, 1, mib * PIECE // 2 + 12345, mib * PIECE - 100):
            run(f"get 100 bytes at {offset}", pxos, "volume", "get", volume, f"source@{offset}+100", "-o", out)
            file.seek(offset)
            with open(out, "rb") as got:
                check(file.read(100) == got.read(), f"100 bytes at {offset} differ")
    os.remove(source)
    run("verify", pxos, "volume", "verify", volume)
    run("get", pxos, "volume", "get", volume, "source", "-o", out)
    check(digest_of(out) == wanted, "the file that came out is not the one that went in")
    print(f"{mib} MiB in and out: bit-exact")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) == 4 else None) as scratch:
        main(sys.argv[1], int(sys.argv[2]), scratch)
