#!/usr/bin/env python3
"""How long `trine check` takes, whole process: a spec of 50 lines (aim: under 30 ms) and one of 3,000 (under 100 ms).

    cargo build --release --no-default-features
    python3 benches/check_speed.py [PATH/TO/trine]
"""

import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

SECTION = """
architecture net{i}(x: [n], hidden: Nat = 64, classes: Nat) {{
  population a: [hidden] = tanh(dense(x))
  population b: [hidden] = relu(dense(a) + 0.5 * a)
  output z: [classes] = dense(b)
}}

rule descent{i}(optimizer: Optimizer = sgd(0.1)) {{
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by optimizer
}}

experiment try{i} {{
  task = digits()
  architecture = net{i}(task.image, classes = 10)
  objective = minimize cross_entropy(z, task.label)
  rule = descent{i}(sgd(0.1))
  train = 5 epochs
  seeds = 10

  measure accuracy = argmax(z) == task.label on test, every epoch
}}

hypothesis learns{i} {{
  expect mean(last(try{i}.accuracy)) > 0.9 at 95 %
}}
"""


def spec(sections):
    return "language 0.1\n\nuse std.tasks: digits\n" + "".join(SECTION.format(i=i) for i in range(sections))


def milliseconds(program, path, times=15):
    """The median over some runs; the first, which reads the program from disk, does not count."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        done = subprocess.run([program, "check", "-q", str(path)], capture_output=True, text=True)
        taken.append(1000 * (time.perf_counter() - start))
        if done.returncode != 0:
            sys.exit(f"{path.name} is refused:\n{done.stdout}{done.stderr}")
    return sorted(taken[1:])[times // 2]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "trine"
    with tempfile.TemporaryDirectory() as folder:
        for sections, aim in ((2, 30), (107, 100)):
            path = pathlib.Path(folder) / f"{sections}.trine"
            path.write_text(spec(sections))
            lines = path.read_text().count("\n")
            print(f"{lines:>6} lines  {milliseconds(program, path):7.1f} ms  (aim: under {aim} ms)")


if __name__ == "__main__":
    main()
