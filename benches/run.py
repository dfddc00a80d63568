"""What a training step costs: Trine, PyTorch eager and JAX's compiled loop side by side, on one thread.

    make bench                                 # or: python3 benches/run.py, after cargo build --release
    python3 benches/run.py --json --rounds 5

Prints the processor time per training step and seed of two networks (the specs beside this file) and the ratios to
PyTorch and to JAX. The contestants take turns in short rounds on one core, so that what else the machine does
meets them all; a ratio is the median over the rounds of the ratios within a round. PyTorch, JAX and NumPy are
installed once into `.bench/venv` (some gigabytes: PyTorch's wheel brings its CUDA libraries along).
"""

import argparse
import functools
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import HOME, ROOT, TINY, program

HERE = Path(__file__).resolve().parent

# In the words of pip. PyTorch is the one whose libtorch Trine runs on.
NEEDS = {"torch": ["numpy", "torch==2.13.0"], "jax": ["numpy", "jax[cpu]>=0.5"]}

SIZES = [
    {"name": "digits", "layers": [64, 64, 10], "batch": 32, "train": 1437, "test": 360, "seeds": 10},
    {"name": "wide", "layers": [784, 512, 10], "batch": 64, "train": 2000, "test": 200, "seeds": 10},
]

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


class Unavailable(Exception):
    """A contestant cannot take part; the text says why."""


def main():
    words = arguments()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    report = {"schema": "trine-bench/1", "machine": machine(), "versions": {"Python": platform.python_version()}}
    report["sizes"] = [contest(size, words, cores, report["versions"]) for size in SIZES if size["name"] in words.size]
    if words.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


def arguments():
    parser = argparse.ArgumentParser(description="Processor time per training step, beside PyTorch and JAX.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which all take their turn (7)")
    parser.add_argument("--work", type=float, default=0.4, help="seconds of training that a turn aims at (0.4)")
    parser.add_argument("--trine", type=Path, help="the trine program (that of the release build)")
    parser.add_argument(
        "--size", action="append", choices=[size["name"] for size in SIZES], help="only this size (both)"
    )
    parser.add_argument("--tiny", action="store_true", help=TINY)
    words = parser.parse_args()
    words.size = words.size or [size["name"] for size in SIZES]
    words.rounds = max(1, words.rounds)
    if words.tiny:
        words.size, words.rounds, words.work = ["digits"], 1, 0.01
    words.trine = program(words.trine)
    return words


# ---------------------------------------------------------------- one size


def contest(size, words, cores, versions):
    """All contestants of one size in turns."""
    core = cores[-1:]
    makers = [
        ("Trine, 1 replicate", lambda: Trine(size, 1, words, core)),
        (f"Trine, {size['seeds']} replicates", lambda: Trine(size, size["seeds"], words, core)),
        ("PyTorch eager", lambda: Worker("torch", "torch", size, core)),
        ("JAX, jit", lambda: Worker("jax", "jax", size, core)),
        (f"JAX, jit of vmap over {size['seeds']} seeds", lambda: Worker("jax-vmap", "jax", size, core)),
    ]
    if words.tiny:
        makers = makers[:2]
    rows, players = [], []
    for name, make in makers:
        row = {"name": name, "times": []}
        rows.append(row)
        say(f"{size['name']}: {name}: getting ready")
        try:
            player = make()
            player.calibrate(words.work)
            players.append((row, player))
            versions.update(player.versions)
            row["seeds"], row["epochs_a_turn"] = player.seeds, player.epochs
        except Unavailable as why:
            row["unavailable"] = str(why)
    for turn in range(words.rounds):
        shift = turn % max(1, len(players))
        for row, player in players[shift:] + players[:shift]:
            say(f"{size['name']}: round {turn + 1} of {words.rounds}: {row['name']}")
            take_turn(size, row, player, turn)
    for _, player in players:
        player.close()
    judge(rows)
    result = {key: size[key] for key in ("name", "layers", "batch", "train")}
    result |= {"steps_per_epoch": steps(size), "rounds": words.rounds, "rows": rows}
    result["two_engines"] = two_engines(size, words, cores, players)
    return result


def take_turn(size, row, player, turn):
    """One more measured time of a row: microseconds per step and seed."""
    if "unavailable" in row:
        return
    try:
        seconds, accuracy = player.train(turn + 1)
    except Unavailable as why:
        row["unavailable"] = str(why)
        return
    row["times"].append(seconds / (player.epochs * steps(size) * player.seeds) * 1e6)
    row["accuracy"] = accuracy


def judge(rows):
    """Medians, ranges, and ratios within rounds."""
    against = {"pytorch": "PyTorch eager", "jax": "JAX, jit"}
    for row in rows:
        times = row["times"]
        if "unavailable" in row or not times:
            continue
        row["microseconds"] = statistics.median(times)
        row["range"] = [min(times), max(times)]
        for key, name in against.items():
            other = next((r for r in rows if r["name"] == name and "unavailable" not in r), None)
            if other is not None and other["times"]:
                row["times_" + key] = statistics.median(a / b for a, b in zip(times, other["times"]))


def steps(size):
    return -(-size["train"] // size["batch"])


# ---------------------------------------------------------------- PyTorch and JAX


class Worker:
    """A process of contestants.py, kept for all rounds."""

    def __init__(self, kind, package, size, core):
        python, trouble = installed(package)
        if trouble:
            raise trouble
        command = [str(python), str(HERE / "contestants.py"), kind, json.dumps(size)]
        command += [str(path) for path in [ROOT / "data" / "builtin.npz"] if path.exists()]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | ONE_THREAD,
            preexec_fn=pin(core),
        )
        hello = self.answer()
        name, version = hello["version"].split(" ", 1)
        self.versions, self.seeds, self.epochs = {name: version}, hello["seeds"], 2

    def calibrate(self, work):
        seconds, _ = self.train(0)
        self.epochs = max(2, round(self.epochs * work / max(seconds, 1e-4)))
        self.train(0)  # a whole turn to warm up, which no one counts

    def train(self, seed):
        try:
            self.process.stdin.write(f"{self.epochs} {seed}\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Unavailable(self.last_words()) from error
        answer = self.answer()
        return answer["seconds"], answer["accuracy"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Unavailable(self.last_words())
        return json.loads(line)

    def last_words(self):
        self.process.wait()
        self.errors.seek(0)
        return last_line(self.errors.read()) or f"ended with code {self.process.returncode}"

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


@functools.cache
def installed(package):
    """What keeps a package from being installed, tried once."""
    try:
        return environment(package), None
    except Unavailable as why:
        return None, why


def environment(package):
    """The interpreter of `.bench/venv` with a package in it, installed if it is not."""
    python = HOME / "venv" / "bin" / "python"
    done = HOME / f"{package}.installed"
    wanted = " ".join(NEEDS[package])
    if done.exists() and done.read_text() == wanted and python.exists():
        return python
    if not python.exists():
        HOME.mkdir(exist_ok=True)
        run_or_say([sys.executable, "-m", "venv", str(HOME / "venv")], "no virtual environment")
    say(f"installing {wanted} into .bench/venv, once", stays=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--retries", "1", "--disable-pip-version-check"]
    run_or_say(pip + NEEDS[package], f"{package} cannot be installed")
    done.write_text(wanted)
    return python


def run_or_say(command, trouble):
    result = subprocess.run(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if result.returncode != 0:
        raise Unavailable(f"{trouble}: {last_line(result.stderr)}")


# ---------------------------------------------------------------- Trine


class Trine:
    """Runs of a spec by the release build. The difference of a long and a short run is training alone."""

    SHORT = 10

    def __init__(self, size, seeds, words, cores, jobs=1):
        self.program = words.trine
        self.size, self.seeds, self.cores, self.jobs = size, seeds, cores, jobs
        self.short = 2 if size["name"] == "wide" else self.SHORT
        self.epochs = self.short
        self.versions = {}

    def calibrate(self, work):
        short = self.run(self.short)
        # Longer and longer, until the difference is more than what two equal runs differ by.
        more = self.short
        while (inside := (long := self.run(self.short + more))["seconds"] - short["seconds"]) < work / 4:
            more *= 2
        self.versions |= long["versions"]
        self.epochs = max(self.short, round(work * more / inside))

    def train(self, _seed):
        """Processor time of `self.epochs` epochs of all replicates, as the engine reports it."""
        short, long = self.run(self.short), self.run(self.short + self.epochs)
        inside, outside = long["seconds"] - short["seconds"], long["process"] - short["process"]
        if inside <= 0:
            raise Unavailable("a longer run took no more processor time than a shorter one")
        if outside > 1.25 * inside + 0.15:
            say(f"the processes took {outside:.2f} s for what the engine counts as {inside:.2f} s", stays=True)
        return inside, long["accuracy"]

    def wall(self):
        """Seconds on the clock of `self.epochs` epochs of all replicates; None where starting took about as long."""
        short, long = self.run(self.short), self.run(self.short + self.epochs)
        inside = long["wall"] - short["wall"]
        return inside if inside > short["wall"] / 4 else None

    def run(self, epochs):
        """One whole run in a folder of its own, so that nothing is taken from a store."""
        text = (HERE / f"{self.size['name']}.trine").read_text()
        text = setting(setting(text, "train", f"{epochs} epochs"), "seeds", str(self.seeds))
        with tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "bench.trine"
            spec.write_text(text)
            flags = ["--format", "json", "--jobs", str(self.jobs), "--threads", "1"]
            command = [str(self.program), "run", str(spec), *flags]
            before, start = os.times(), time.monotonic()
            done = subprocess.run(command, text=True, capture_output=True, cwd=folder, preexec_fn=pin(self.cores))
            wall, after = time.monotonic() - start, os.times()
        if done.returncode != 0:
            raise Unavailable(f"trine ended with code {done.returncode}: {gist(done.stderr)}")
        report = json.loads(done.stdout)
        conditions = report["experiments"][0]["conditions"]
        process = sum(after[2:4]) - sum(before[2:4])
        known = report.get("provenance", {})
        names = {"Trine": known.get("trine"), "libtorch": known.get("libtorch")}
        return {
            "seconds": sum(condition["seconds"] for condition in conditions),
            "process": process,
            "wall": wall,
            "accuracy": accuracy_of(conditions[0]),
            "versions": {name: version for name, version in names.items() if version},
        }

    def close(self):
        pass


def setting(text, name, value):
    """The spec with another value of a setting that stands on a line of its own."""
    text, count = re.subn(rf"(?m)^(\s*{name}\s*=\s*).*$", rf"\g<1>{value}", text)
    if count != 1:
        raise Unavailable(f"the spec sets `{name}` {count} times")
    return text


def accuracy_of(condition):
    last = [values[-1] for values in condition["measures"]["accuracy"]["values"] if values]
    return statistics.mean(last) if last and all(isinstance(x, (int, float)) for x in last) else None


def two_engines(size, words, cores, players):
    """How much more two engines on two cores do on the clock than one on one core."""
    many = next((player for _, player in players if isinstance(player, Trine) and player.seeds > 1), None)
    if many is None:
        return {"unavailable": "needs Trine's replicates"}
    if len(cores) < 2:
        return {"unavailable": "needs two cores"}
    gains = []
    try:
        one = Trine(size, many.seeds, words, cores[-1:])
        two = Trine(size, many.seeds, words, cores[-2:], jobs=2)
        one.epochs = two.epochs = 2 * many.epochs
        for turn in range(max(1, words.rounds // 2)):
            say(f"{size['name']}: two engines, round {turn + 1} of {max(1, words.rounds // 2)}")
            alone, beside = one.wall(), two.wall()
            if alone is not None and beside is not None:
                gains.append(alone / beside)
    except Unavailable as why:
        return {"unavailable": str(why)}
    if not gains:
        return {"unavailable": "training took no longer than starting: more --work tells"}
    return {"throughput": statistics.median(gains), "range": [min(gains), max(gains)], "seeds": many.seeds}


# ---------------------------------------------------------------- the machine, and words


def pin(cores):
    """What a child does before it starts: it stays on these cores."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, set(cores))


def machine():
    name = platform.processor() or platform.machine()
    try:
        names = re.findall(r"(?m)^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text())
        name = names[0] if names else name
        flags = re.findall(r"(?m)^flags\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text())
        vectors = [v for v in ("avx512f", "avx2") if flags and v in flags[0].split()]
    except OSError:
        vectors = []
    return {"processor": name, "vectors": vectors[0] if vectors else None, "cores": os.cpu_count()}


def say(text, stays=False):
    """Progress, on standard error: over itself on a terminal, and else only what lasts."""
    width = shutil.get_terminal_size().columns - 1
    if sys.stderr.isatty():
        end = "\n" if stays else "\r"
        print(f"\r\x1b[K{text[:width]}", end=end, file=sys.stderr, flush=True)
    elif stays:
        print(text, file=sys.stderr, flush=True)


def last_line(text):
    """The last line that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [""])[-1][:200]


def gist(text):
    """The first line of a diagnostic."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:200] if lines else "nothing said"


def show(report):
    say("")
    of = report["machine"]
    vectors = f", {of['vectors']}" if of["vectors"] else ""
    print("Processor time of training, one thread\n")
    print(f"{of['processor']}{vectors}, {of['cores']} cores")
    print(", ".join(f"{name} {version}" for name, version in report["versions"].items()))
    for size in report["sizes"]:
        layers = "-".join(map(str, size["layers"]))
        print(f"\n{size['name']}: {layers}, batch {size['batch']}, {size['train']:,} examples,", end=" ")
        print(f"{size['steps_per_epoch']} steps an epoch; {size['rounds']} rounds, median\n")
        print(f"  {'':34}{'µs a step':>10}{'':19}{'of PyTorch':>11}{'of JAX':>9}{'accuracy':>10}")
        print(f"  {'':34}{'and seed':>10}{'   range':19}{'eager':>11}{'jit':>9}{'':>10}")
        for row in size["rows"]:
            print("  " + line_of(row))
        two = size["two_engines"]
        if "unavailable" in two:
            print(f"\n  two engines on two cores: {two['unavailable']}")
        else:
            low, high = two["range"]
            print(f"\n  two engines on two cores, {two['seeds']} seeds: {two['throughput']:.2f} times", end=" ")
            print(f"the throughput of one ({low:.2f} to {high:.2f})")


def line_of(row):
    if "microseconds" not in row:
        return f"{row['name']:34}{row.get('unavailable', 'not measured')}"
    low, high = row["range"]
    spread = f"  {low:.1f} to {high:.1f}"
    parts = [f"{row['name']:34}{row['microseconds']:10.1f}{spread:19}"]
    for key, width in (("times_pytorch", 11), ("times_jax", 9)):
        parts.append(f"{row[key]:{width}.2f}" if key in row else " " * (width - 1) + "-")
    accuracy = row.get("accuracy")
    parts.append(f"{accuracy:10.3f}" if accuracy is not None else f"{'-':>10}")
    return "".join(parts)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
