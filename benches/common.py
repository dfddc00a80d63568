"""What the scripts of this folder share: where things are, the program that they look at, and libraries of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench"
TINY = "the least that shows that this works: little work, nothing installed, no comparison with other programs"


def program(path=None):
    """The release build of trine, or the one at this path."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = Path(path or target / "release" / "trine").resolve()
    if not found.exists():
        sys.exit(f"{found} is missing: cargo build --release")
    return found


def inside(name, needs):
    """Goes on in the environment `.bench/NAME`, which has these packages, installed once."""
    home = HOME / name
    python, done = home / "bin" / "python", home / "installed"
    if not done.exists() or done.read_text().split("\n") != needs:
        sys.stderr.write(f"installing {', '.join(needs)} into .bench/{name}, once\n")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *needs], check=True)
        done.write_text("\n".join(needs))
    if Path(sys.prefix).resolve() != home.resolve():
        os.execv(str(python), [str(python), *sys.argv])
