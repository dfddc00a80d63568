"""What a grid of runs costs besides training: 4 rates and 16 seeds of a 64-64-64-10 network on handwritten digits.

    python3 benches/grid.py [--epochs 100] [--rounds 3]

prints, for each round, in fresh folders:

- the share of processor time that is not training: starts of engines, compiling, scheduling, measuring the clock, storing and
  judging; processor time of `trine` and of all its engines as the system counts it, beside what engines say that their
  replicates took;
- how busy the cores were: processor time over elapsed time and cores;
- how long the same grid takes on a store that holds half of it, and on one that holds all of it.

Times hang on the machine and on who else uses it; shares hang on little but the length of training.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from common import TINY, program

SPEC = """language 0.1
use std.tasks: digits
use std.rules: backprop

architecture mlp(x: [n]) {{
  population h1: [64] = tanh(dense(x))
  population h2: [64] = tanh(dense(h1))
  output z: [10] = dense(h2)
}}

experiment grid {{
  task = digits()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = backprop(sgd(vary {{0.01, 0.03, 0.1, 0.3}}))
  train = {epochs} epochs
  batch = 32
  seeds = {seeds}

  measure accuracy = argmax(z) == task.label on test, every epoch
}}

hypothesis faster {{
  expect mean(last(grid.accuracy[0.1])) > mean(last(grid.accuracy[0.01])) at 95 %
}}
"""


def run(folder, epochs, seeds):
    """Elapsed seconds, processor seconds of all, seconds of training, runs found in the store."""
    spec = folder / "grid.trine"
    spec.write_text(SPEC.format(epochs=epochs, seeds=seeds))
    out = folder / "out.json"
    began = time.monotonic()
    with out.open("w") as to:
        child = subprocess.Popen([program(), "run", "-q", "--format", "json", spec], stdout=to)
        _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"trine ended with {child.returncode}")
    report = json.loads(out.read_text())
    training = sum(c["seconds"] for c in report["experiments"][0]["conditions"])
    return wall, used.ru_utime + used.ru_stime, training, report["provenance"]["stored"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help=TINY)
    args = parser.parse_args()
    if args.tiny:
        args.epochs, args.rounds = 1, 1
    cores = os.cpu_count()
    print(f"{cores} cores, {args.epochs} epochs, load {os.getloadavg()[0]:.1f} before")
    print("elapsed s   processor s   training s   not training   cores busy   half stored   all stored s")
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            wall, used, training, _ = run(pathlib.Path(name), args.epochs, 16)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            run(folder, args.epochs, 8)
            half, _, _, stored = run(folder, args.epochs, 16)
            assert stored == 32, stored
            again, _, _, stored = run(folder, args.epochs, 16)
            assert stored == 64, stored
        print(
            f"{wall:9.2f} {used:13.2f} {training:12.2f} {1 - training / used:13.1%} {used / wall / cores:11.1%}"
            f" {half / wall:12.1%} {again:13.3f}"
        )


if __name__ == "__main__":
    main()
