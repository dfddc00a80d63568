"""Whether the page of a report is what it should be, in a browser, and whether TensorBoard reads the event files.

    cargo build --release && python3 benches/page.py
    python3 benches/page.py --trine target/debug/trine --pictures DIR

Trains examples/01-feedback-alignment.trine into a folder of its own, opens the page in headless Chromium at 1280 and 400 pixels, dark
and on paper, and asks: does it fit, does it ask anybody for anything, does the console stay empty, can every text be read
against its ground (4.5 to 1, WCAG 2.2, 1.4.3; lines of plots 3 to 1, 1.4.11)? Then it opens `trine watch` and looks whether the page
follows the run. Chromium must be installed (`apt-get install chromium`); playwright and tensorboard are installed once,
into `.bench/page`.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from common import ROOT, TINY, inside, program

NEEDS = ["playwright>=1.48", "tensorboard>=2.18"]
LARGEST = 1_500_000

# Every text whose contrast is too low, and the contrast of the colours of lines.
CONTRAST = r"""() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\)$/.test(colour) && colour !== "transparent") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    if (e.tagName !== "text" && (e.closest("svg") || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))) continue;
    const style = getComputedStyle(e);
    const found = ratio(e.tagName === "text" ? style.fill : style.color, ground(e));
    if (found < 4.5) low.push(`${e.tagName} ${e.textContent.slice(0, 20)}: ${found.toFixed(2)}`);
  }
  for (let i = 0; i < 6; i++) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--c${i})`;
    const found = ratio(getComputedStyle(probe).color, ground(document.body));
    if (found < 3) low.push(`line ${i}: ${found.toFixed(2)}`);
  }
  return low;
}"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trine", help="the trine program (that of the release build)")
    parser.add_argument("--pictures", help="folder to keep screenshots in")
    parser.add_argument("--tiny", action="store_true", help=TINY)
    args = parser.parse_args()
    args.trine = str(program(args.trine))
    if not args.tiny:
        inside("page", NEEDS)
    browser = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if browser is None and not args.tiny:
        sys.exit("there is no Chromium: apt-get install chromium")
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pictures = Path(args.pictures) if args.pictures else folder
        pictures.mkdir(parents=True, exist_ok=True)
        spec = folder / "spec.trine"
        spec.write_text((ROOT / "examples" / "01-feedback-alignment.trine").read_text())
        page, logs = folder / "page.html", folder / "logs"
        run = [args.trine, "run", str(spec), "--quiet", "--html", str(page), "--tensorboard", str(logs)]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        if page.stat().st_size > LARGEST:
            faults.append(f"the page has {page.stat().st_size} bytes")
        if args.tiny:
            if b"<script" in page.read_bytes():
                faults.append("the page has a script")
            watched(None, args.trine, spec, folder, faults)
            if not list(logs.rglob("*tfevents*")):
                faults.append("there are no event files")
        else:
            looked(browser, page, pictures, faults)
            watched(browser, args.trine, spec, folder, faults)
            events(logs, faults)
        print(f"page: {page.stat().st_size} bytes")
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"{0 if faults else 1} passed, {len(faults)} failed")
    sys.exit(1 if faults else 0)


def looked(browser, page, pictures, faults):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for name, width, scheme in [("wide", 1280, "light"), ("narrow", 400, "light"), ("dark", 1280, "dark")]:
            tab = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
            tab.on("console", lambda m, name=name: faults.append(f"{name}: the console says {m.text}"))
            tab.on("pageerror", lambda e, name=name: faults.append(f"{name}: {e}"))
            tab.on("request", lambda r, name=name: r.url.startswith("file:") or faults.append(f"{name}: asks for {r.url}"))
            tab.goto(page.as_uri())
            tab.screenshot(path=str(pictures / f"page-{name}.png"), full_page=True)
            wide = tab.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{name}: {wide} pixels wide")
            faults.extend(f"{name}: contrast of {low}" for low in tab.evaluate(CONTRAST))
            if name == "wide":
                tab.pdf(path=str(pictures / "page.pdf"), format="A4")
        chromium.close()


def watched(browser, trine, spec, folder, faults):
    """The page of a run on its way follows the run, and keeps what a reader has opened; without a browser, that it is served."""
    watch = [trine, "watch", str(spec), "--port", "0", "--seeds", "60", "--store", str(folder / "other"), "--jobs", "1"]
    process = subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = None
        for line in process.stderr:
            if found := re.search(r"http://localhost:\d+", line):
                address = found.group(0)
                break
        if browser is None:
            with urllib.request.urlopen(address, timeout=30) as served:
                if b"<title" not in served.read():
                    faults.append("watch: no page is served")
            return
        from playwright.sync_api import sync_playwright

        with sync_playwright() as play:
            chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            tab = chromium.new_page()
            tab.on("console", lambda m: faults.append(f"watch: the console says {m.text}"))
            tab.goto(address)
            tab.wait_for_selector("details[data-key]", timeout=30_000)
            version = "document.body.dataset.version"
            first = tab.evaluate(version)
            key = tab.evaluate("(() => { const d = document.querySelector('details[data-key]'); d.open = true; return d.dataset.key; })()")
            # The page's own policy refuses what `wait_for_function` would do.
            for _ in range(300):
                if tab.evaluate(version) != first:
                    break
                time.sleep(0.1)
            else:
                faults.append("watch: the page does not follow the run")
            if not tab.evaluate("key => [...document.querySelectorAll('details')].find(d => d.dataset.key === key).open", key):
                faults.append("watch: what was open is closed")
            chromium.close()
    finally:
        process.terminate()
        for _ in range(100):
            if process.poll() is not None:
                break
            time.sleep(0.1)
        process.kill()


def events(logs, faults):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = sorted({p.parent for p in logs.rglob("*tfevents*")})
    if len(folders) != 20:
        faults.append(f"{len(folders)} folders of event files")
    for folder in folders:
        read = EventAccumulator(str(folder))
        read.Reload()
        steps = [s.step for s in read.Scalars("accuracy/test")]
        if steps != list(range(21)):
            faults.append(f"{folder.name}: steps {steps}")


if __name__ == "__main__":
    main()
