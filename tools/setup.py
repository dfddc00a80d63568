#!/usr/bin/env python3
"""Unpacks libtorch, of the version that the locked tch asks for, into .libtorch/.

    python3 tools/setup.py           what the CPU needs
    python3 tools/setup.py --cuda    everything in the wheel, and the CUDA libraries that it names

libtorch comes out of the `torch` wheel, fetched by pip from whatever index pip is set up to use; nothing is
installed and no Python code of it is run. Everything is unpacked beside and renamed into place at the very end, so a
set-up that was cut off is repaired by running it again, and several may run at once. A LIBTORCH or
LIBTORCH_USE_PYTORCH of your own is respected: then there is nothing to do.
"""

import argparse
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".libtorch"
# libtorch speaks to exactly one version of tch.
TORCH = {"0.24": "2.11.0", "0.26": "2.13.0"}
# Any of these has the same libtorch in it; the first that exists is taken, whatever Python runs this.
PYTHONS = ["3.12", "3.11", "3.13", "3.10"]
CPU_LIBRARIES = re.compile(r"torch/lib/lib(torch_cpu|c10|gomp[^/]*|arm_compute[^/]*|openblas[^/]*)\.so[.0-9]*")


def main():
    parser = argparse.ArgumentParser(description="Unpack libtorch into .libtorch/.")
    parser.add_argument("--cuda", action="store_true", help="with CUDA")
    cuda = parser.parse_args().cuda
    for name in ("LIBTORCH", "LIBTORCH_USE_PYTORCH"):
        if os.environ.get(name):
            print(f"{name} is set: its libtorch is used as it is")
            return
    if platform.system() != "Linux":
        fail("this set-up knows Linux only; set LIBTORCH to a libtorch of your own")
    version = wanted_version()
    with open(ROOT / ".libtorch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(version, cuda):
            return
        set_up(version, cuda)
    print(f"libtorch {version} is ready")


def wanted_version():
    lock = (ROOT / "Cargo.lock").read_text()
    found = re.search(r'name = "tch"\nversion = "(\d+\.\d+)\.', lock)
    if not found or found.group(1) not in TORCH:
        fail("Cargo.lock names no version of tch that this set-up knows")
    return TORCH[found.group(1)]


def is_ready(version, cuda):
    stamp = PLACE / "stamp"
    kinds = ["cuda"] if cuda else ["cpu", "cuda"]
    if not (PLACE / "lib" / "libtorch_cpu.so").exists():
        return False
    return stamp.exists() and stamp.read_text().strip() in [f"{version} {kind}" for kind in kinds]


def set_up(version, cuda):
    # What an earlier set-up left when it was cut off.
    for left in ROOT.glob(".libtorch.new.*"):
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".libtorch.new.", dir=ROOT))
    try:
        wheels, libtorch = new / "wheels", new / "libtorch"
        (libtorch / "lib").mkdir(parents=True)
        torch = fetch_torch(version, wheels, cuda)
        unpack_torch(torch, libtorch, cuda)
        if not cuda:
            for requirement in small_cuda_libraries(torch):
                fetch([requirement], wheels, "3.12", with_dependencies=False)
        for wheel in wheels.glob("nvidia*.whl"):
            unpack_nvidia(wheel, libtorch / "lib", cuda)
        empty_library(libtorch / "lib" / "libtorch.so")
        (libtorch / "stamp").write_text(f"{version} {'cuda' if cuda else 'cpu'}\n")
        libtorch.chmod(0o755)
        place = PLACE.resolve()
        if place.exists():
            place.rename(new / "old")
        libtorch.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def fetch_torch(version, wheels, cuda):
    print(f"fetching libtorch {version} (half a gigabyte)", flush=True)
    for python in PYTHONS:
        if fetch([f"torch=={version}"], wheels, python, with_dependencies=cuda, may_fail=python != PYTHONS[-1]):
            return next(wheels.glob("torch-*.whl"))
    fail(f"there is no wheel of torch {version} for this machine")


def fetch(requirements, wheels, python, with_dependencies, may_fail=False):
    machine = platform.machine()
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python, "--abi", "cp" + python.replace(".", "")]
    for system in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_25", "manylinux_2_17", "manylinux2014"):
        command += ["--platform", f"{system}_{machine}"]
    command += ["--retries", "5", "--dest", str(wheels)]
    command += [] if with_dependencies else ["--no-deps"]
    done = subprocess.run(command + requirements, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 and not may_fail:
        fail(f"pip could not fetch {' '.join(requirements)}:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.returncode == 0


def small_cuda_libraries(torch):
    """libtorch_cpu.so names two libraries of CUDA, though it does without a GPU."""
    with zipfile.ZipFile(torch) as wheel:
        metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        text = wheel.read(metadata).decode()
    toolkit = re.search(r"^Requires-Dist: cuda-toolkit\S*==(\d+\.\d+)", text, re.MULTILINE)
    if toolkit:
        return [f"nvidia-cuda-{part}=={toolkit.group(1)}.*" for part in ("cupti", "runtime")]
    return re.findall(r"^Requires-Dist: (nvidia-cuda-(?:cupti|runtime)-cu\d+==[\d.]+)", text, re.MULTILINE)


def unpack_torch(path, libtorch, cuda):
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.infolist():
            name = entry.filename
            if entry.is_dir():
                continue
            if name.startswith("torch/include/"):
                write(wheel, entry, libtorch / name[len("torch/") :])
            elif (
                CPU_LIBRARIES.fullmatch(name)
                or name.startswith("torch.libs/")
                or (cuda and re.fullmatch(r"torch/lib/lib[^/]+\.so[.0-9]*", name) and "python" not in name)
            ):
                write(wheel, entry, libtorch / "lib" / os.path.basename(name))


def unpack_nvidia(path, libraries, cuda):
    wanted = r"nvidia/.*/lib/(lib[^/]+\.so[.0-9]*)" if cuda else r"nvidia/.*/lib/(lib(?:cudart|cupti)\.so[.0-9]*)"
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.infolist():
            if re.fullmatch(wanted, entry.filename):
                write(wheel, entry, libraries / os.path.basename(entry.filename))


def write(wheel, entry, to):
    # No entry may leave the folder that it is meant for.
    if ".." in Path(entry.filename).parts:
        fail(f"the wheel holds a path that leads out of it: {entry.filename}")
    to.parent.mkdir(parents=True, exist_ok=True)
    with wheel.open(entry) as source, open(to, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def empty_library(path):
    """torch-sys links libtorch.so by name; in the wheel it only names the others."""
    path.unlink(missing_ok=True)
    compiler = os.environ.get("CXX", "c++").split()
    done = subprocess.run([*compiler, "-shared", "-x", "c++", os.devnull, "-o", str(path)])
    if done.returncode != 0:
        fail("a C++ compiler is needed: install g++ or clang++, or name one in CXX")


def fail(message):
    sys.exit(f"set-up failed: {message}")


if __name__ == "__main__":
    main()
