#!/usr/bin/env python3
"""How `trine check` grows with the text, by kinds of texts that once grew faster than they should.

    make scaling
    python3 benches/scaling.py [--tiny] [--limit SECONDS] [PROGRAM] [EARLIER PROGRAM]

A size is doubled until a check takes longer than the limit. Of two programs, which take turns, the ratio is printed too:
times of different machines do not compare. Some texts are refused; a refusal costs as much as what led to it.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

EXPERIMENT = """
experiment e {{
  task = digits()
  architecture = {net}
  objective = minimize cross_entropy(z, task.label)
  rule = backprop({optimizer})
  train = 2 epochs
  batch = {batch}
  measure accuracy = argmax(z) == task.label on test
{more}}}
"""

MLP = "architecture mlp(x: [n], classes: Nat) {\n  output z: [classes] = dense(x)\n}\n"


def spec(*parts):
    return "language 0.1\nuse std.tasks: digits\nuse std.rules: backprop\n" + "".join(parts)


def experiment(net="mlp(task.image, classes = 10)", optimizer="sgd(0.1)", batch="32", more=""):
    return EXPERIMENT.format(net=net, optimizer=optimizer, batch=batch, more=more)


def functions(n):
    chain = [f"function f{i}(x: [n]) = f{i - 1}(x) + f{i - 1}(0.5 * x)\n" for i in range(1, n)]
    use = f"architecture mlp(x: [n], classes: Nat) {{\n  output z: [classes] = f{n - 1}(dense(x))\n}}\n"
    # Each calls the one before at the same value twice; at two values there would be twice as many values each time.
    chain = [line.replace("0.5 * x", "x") for line in chain]
    return spec("function f0(x: [n]) = tanh(x)\n", *chain, use, experiment())


def lets(n):
    chain = [f"  let a{i} = a{i - 1} + a{i - 1} + a{i - 1}\n" for i in range(1, n)]
    measure = f"  measure last = a{n - 1} on test\n"
    return spec(MLP, experiment(more="".join(["  let a0 = norm(z)\n", *chain, measure])))


def optimizers(n):
    first = "optimizer o0(rate: Real = 0.1) {\n  move rate * direction\n}\n"
    chain = [
        f"optimizer o{i}(inner: Optimizer = o{i - 1}()) {{\n  move inner(direction) + inner(direction)\n}}\n"
        for i in range(1, n)
    ]
    return spec(first, *chain, MLP, experiment(optimizer=f"o{n - 1}()"))


def nested_for(n):
    heads = "".join(f"{'  ' * (i + 1)}for i{i} in 1..1 {{\n" for i in range(n))
    tails = "".join(f"{'  ' * (i + 1)}}}\n" for i in reversed(range(n)))
    body = "population h: [8] = relax { rate = tanh(dense(x)) }, 2\n"
    net = f"architecture mlp(x: [n], classes: Nat) {{\n{heads}{body}{tails}  output z: [classes] = dense(h)\n}}\n"
    return spec(net, experiment())


def depth(n):
    net = """architecture deep(x: [n], depth: Nat, classes: Nat) {
  population h[1]: [8] = tanh(dense(x))
  for i in 2..depth {
    population h[i]: [8] = tanh(dense(h[i - 1]))
  }
  output z: [classes] = dense(h[depth])
}
"""
    return spec(net, experiment(f"deep(task.image, {n}, 10)"))


def nesting(n):
    first = "architecture a0(x: [n]) {\n  output y: [8] = tanh(dense(x))\n}\n"
    chain = [
        f"architecture a{i}(x: [n]) {{\n  let inner = a{i - 1}(x)\n  output y: [8] = tanh(dense(inner.y))\n}}\n"
        for i in range(1, n)
    ]
    net = (
        "architecture mlp(x: [n], classes: Nat) {\n"
        f"  let inner = a{n - 1}(x)\n  output z: [classes] = dense(inner.y)\n}}\n"
    )
    return spec(first, *chain, net, experiment())


def edges(n):
    """As many projections, between populations that all read all before them."""
    count = max(2, round((2 * n) ** 0.5))
    layers = [
        f"  population h{i}: [4] = tanh({' + '.join(['dense(x)'] + [f'dense(h{j})' for j in range(i)])})\n"
        for i in range(count)
    ]
    net = f"architecture mlp(x: [n], classes: Nat) {{\n{''.join(layers)}  output z: [classes] = dense(h{count - 1})\n}}\n"
    return spec(net, experiment())


def vary(n):
    return spec(MLP, experiment(batch=f"vary {{1..{n}}}"))


def names(n):
    layers = "".join(f"  population h{i}: [8] = tanh(missing{i})\n" for i in range(n))
    net = f"architecture mlp(x: [n], classes: Nat) {{\n{layers}  output z: [classes] = dense(x)\n}}\n"
    return spec(net, experiment())


def braces(n):
    return spec(MLP, "architecture odd(x: [n]) {\n  output y: [n] = x\n", "}\n" * n)


def brackets(n):
    return spec(MLP, f"function f(x: [n]) = x {')' * n}\n")


# Each with the size to begin with, and the largest that is tried.
KINDS = [
    ("functions that call the one before twice", functions, 5, 1280),
    ("`let`s that read the one before three times", lets, 5, 1280),
    ("optimizers that use the one before twice", optimizers, 5, 640),
    ("`for` within `for`", nested_for, 2, 64),
    ("layers", depth, 50, 1600),
    ("architectures within each other", nesting, 10, 320),
    ("projections, all to all", edges, 50, 3200),
    ("conditions of a `vary`", vary, 100, 10_000),
    ("names that are not defined", names, 100, 12_800),
    ("closing braces", braces, 500, 128_000),
    ("closing brackets", brackets, 500, 128_000),
]


def check(program, path, limit):
    """Seconds and MiB at most of one check, or nothing where it takes longer than the limit."""
    start = time.perf_counter()
    process = subprocess.Popen([program, "check", "-q", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        taken = time.perf_counter() - start
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in (0, 1):
                sys.exit(f"{program} ended with {process.returncode} on {path.read_text()[:400]}")
            return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        if taken > limit:
            process.kill()
            process.wait()
            return None
        time.sleep(0.0005)


def text(found, limit):
    return f"over {limit:g} s | " if found is None else f"{1000 * found[0]:.0f} ms | {found[1]:.0f} MiB"


def rows(name, make, size, most, programs, limit, folder):
    alive = list(programs)
    while size <= most and alive:
        path = pathlib.Path(folder) / "spec.trine"
        path.write_text(make(size))
        found = []
        for program in programs:
            best = None
            for _ in range(3 if program in alive else 0):
                now = check(program, path, limit)
                if now is None or (best and best[0] > 0.3):
                    best = best or now
                    break
                best = min(best or now, now)
            found.append(best)
        alive = [p for p, f in zip(programs, found) if f is not None]
        yield f"| {name} | {size:,} | {' | '.join(text(f, limit) for f in found)} |"
        size = most if size < most < 2 * size else 2 * size


def main():
    reading = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reading.add_argument("--tiny", action="store_true", help="only the smallest size of each kind")
    reading.add_argument("--limit", type=float, default=20.0)
    reading.add_argument("--only", default="", help="kinds whose name holds this")
    reading.add_argument("programs", nargs="*", default=[str(ROOT / "target" / "release" / "trine")])
    told = reading.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    heads = [f"{pathlib.Path(p).name} | memory" for p in told.programs]
    print(f"| of what | how many | {' | '.join(heads)} |")
    print("|---" * (2 + 2 * len(heads)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make, size, most in KINDS:
            if told.only in name:
                last = size if told.tiny else most
                for row in rows(name, make, size, last, told.programs, told.limit, folder):
                    print(row, flush=True)


if __name__ == "__main__":
    main()
