"""Whether what `trine store export` writes is read by NumPy, PyTorch, pandas and pyarrow, and holds what was trained.

    python3 benches/exports.py            # `make exports`
    python3 benches/exports.py --no-torch # without PyTorch, whose wheel is some gigabytes

Two small networks are trained and exported. Every array is read from .npz by NumPy and from .safetensors by PyTorch, the two
must agree bit for bit, and a forward pass with them must give the accuracy that the run measured; every row of the CSV must be
in the Parquet table. The libraries are installed once, into `.bench/exports`.
"""

import argparse
import csv
import json
import subprocess
import tempfile
import zipfile
from pathlib import Path

from common import ROOT, TINY, inside, program

NEEDS = ["numpy>=1.26", "pandas>=2", "pyarrow>=15", "safetensors>=0.4"]

SPEC = """language 0.1
use std.tasks: digits
use std.rules: backprop, feedback_alignment

architecture mlp(x: [n]) {
  population h: [32] = tanh(dense(x))
  output z: [10] = dense(h)
}

experiment e {
  task = digits()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(momentum(0.02)), fa: feedback_alignment(sgd(0.1)) }
  train = 3 epochs
  seeds = 2

  measure accuracy = argmax(z) == task.label on all
}
"""


def main():
    parser = argparse.ArgumentParser(description="Exports of a store, read by other programs.")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--tiny", action="store_true", help=TINY)
    words = parser.parse_args()
    if not words.tiny:
        inside("exports", NEEDS if words.no_torch else [*NEEDS, "torch>=2.4"])
    trine = program()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # All examples in one split: their order does not matter to a share.
        task = "task digits() {\n  source builtin(\"digits\")\n  image: [64] = pixels / 16\n  label: Label[10] = digit\n  split all 1797\n}\n"
        spec = SPEC.replace("use std.tasks: digits\n", "").replace("architecture mlp", task + "\narchitecture mlp", 1)
        (folder / "spec.trine").write_text(spec)
        run = subprocess.run([trine, "run", "-q", "--format", "json", "spec.trine"], cwd=folder, check=True, stdout=subprocess.PIPE)
        report = json.loads(run.stdout)
        export = [trine, "store", "export", "--csv", "t.csv", "--parquet", "t.parquet", "--npz", "a", "--safetensors", "a"]
        subprocess.run(export, cwd=folder, check=True)
        if words.tiny:
            print(f"{there(folder)} runs exported, read by nothing else")
        else:
            compared(folder, report, words)


def there(folder):
    """How many runs were exported, going by what the standard library reads."""
    with open(folder / "t.csv") as rows:
        assert len(list(csv.reader(rows))) > 1
    assert (folder / "t.parquet").read_bytes()[:4] == b"PAR1"
    archives = list((folder / "a").glob("*.npz"))
    for path in archives:
        arrays = zipfile.ZipFile(path)
        assert all(arrays.read(name)[:6] == b"\x93NUMPY" for name in arrays.namelist())
        head = path.with_suffix(".safetensors").read_bytes()
        json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
    return len(archives)


def compared(folder, report, words):
    """Every number as NumPy, PyTorch, pandas and pyarrow read it."""
    import numpy
    import pandas
    import pyarrow.parquet
    from safetensors.numpy import load_file

    images, labels = digits(numpy)
    count = 0
    for condition in report["experiments"][0]["conditions"]:
        for i, seed in enumerate(condition["seeds"]):
            [npz] = (folder / "a").glob(f"e-{condition['name']}-seed{seed}-*.npz")
            arrays = dict(numpy.load(npz))
            same(numpy, arrays, load_file(npz.with_suffix(".safetensors")))
            if not words.no_torch:
                from safetensors.torch import load_file as load_torch

                same(numpy, arrays, {k: v.numpy() for k, v in load_torch(npz.with_suffix(".safetensors")).items()})
            weight = lambda ends, kind: next(a for n, a in arrays.items() if n.endswith(f"{ends}: {kind}"))
            h = numpy.tanh(images @ weight("x -> h", "W").T + weight("x -> h", "b"))
            z = h @ weight("h -> z", "W").T + weight("h -> z", "b")
            found = float((z.argmax(1) == labels).mean())
            measured = condition["measures"]["accuracy"]["values"][i][-1]
            # Rounding may turn one example that lies on an edge.
            assert abs(found - measured) < 1.5 / len(labels), (condition["name"], seed, found, measured)
            count += 1
    table = pandas.read_csv(folder / "t.csv")
    parquet = pyarrow.parquet.read_table(folder / "t.parquet").to_pandas()
    assert list(table.columns) == list(parquet.columns) and len(table) == len(parquet) > 0
    for column in table.columns:
        left, right = table[column], parquet[column]
        assert (left == right).all(), column
    torch = "" if words.no_torch else " and PyTorch"
    print(f"{count} runs read by NumPy{torch}, {len(table)} rows by pandas and pyarrow: all as it was trained")


def digits(numpy):
    """The data of `data/`, as the spec reads them."""
    data = numpy.load(ROOT / "data" / "builtin.npz")
    return data["digits/pixels"].astype(numpy.float32) / 16, data["digits/digit"]


def same(numpy, a, b):
    assert a.keys() == b.keys(), (a.keys(), b.keys())
    for name in a:
        assert a[name].dtype == b[name].dtype and numpy.array_equal(a[name], b[name]), name


if __name__ == "__main__":
    main()
