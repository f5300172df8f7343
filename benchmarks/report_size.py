"""How large the report of a long run is, how long it takes to write, and to open in Chromium.

    python -m benchmarks.report_size [--rounds 100] [--hospitals 50] [--run FOLDER] [--repeat 3]

Without ``--run`` it makes the run first: generated patients, SCP, one hospital that poisons,
Ed25519 signatures. Those of ML-DSA fill gigabytes; a report holds none, only keys of the genesis.
A hundred rounds of fifty hospitals take ten minutes on one core.
Opening is timed from the navigation to the last figure drawn and the ledger verified.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FEATURE_COUNT = 8
PATIENTS_EACH = 40
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
PROGRAM = Path(sys.executable).with_name("tclearn")


def make_run(folder: Path, rounds: int, hospitals: int) -> Path:
    """Run the scenario that is measured; return its directory."""
    chance = np.random.default_rng(7)
    features = chance.normal(size=(PATIENTS_EACH * hospitals, FEATURE_COUNT))
    labels = features @ np.linspace(1, -1, FEATURE_COUNT) + chance.normal(size=len(features)) > 0
    names = ",".join(f"f{number}" for number in range(FEATURE_COUNT))
    rows = [
        ",".join(f"{value:.4f}" for value in row) + (",yes" if label else ",no")
        for row, label in zip(features, labels, strict=True)
    ]
    (folder / "patients.csv").write_text("\n".join([f"{names},label", *rows]) + "\n", "utf-8")
    scenario = {
        "scenario": "long",
        "rounds": rounds,
        "hospitals": hospitals,
        "data": {"source": "patients.csv", "label": "label"},
        "signature": "Ed25519",
        "ledger": {"checkpoint_every": 10 * rounds},
        "faults": [
            {"kind": "poison", "hospital": "hospital-1", "attack": "sign-flip", "factor": 20.0}
        ],
    }
    (folder / "long.yaml").write_text(json.dumps(scenario), "utf-8")
    start = time.perf_counter()
    subprocess.run([PROGRAM, "run", "long.yaml", "--out", "run", "-q"], cwd=folder, check=True)
    print(f"the run took {time.perf_counter() - start:.0f} s")
    return folder / "run"


def opening(page_file: Path, repeat: int) -> list[float]:
    """Seconds from the navigation until all is drawn and verified, once for each repetition."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        for _ in range(repeat):
            page = browser.new_page()
            start = time.perf_counter()
            page.goto(page_file.as_uri())
            page.wait_for_selector("html[data-figures=drawn]", timeout=120_000)
            page.wait_for_selector("#ledger-view .banner[data-state=good]", timeout=120_000)
            found.append(time.perf_counter() - start)
            page.close()
        browser.close()
    return found


def main() -> None:
    """Print size and times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--hospitals", type=int, default=50)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = options.run or make_run(folder, options.rounds, options.hospitals)
        out = folder / "report.html"
        start = time.perf_counter()
        done = subprocess.run(
            [PROGRAM, "report", run.resolve(), "--out", out, "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        print(f"the report took {time.perf_counter() - start:.1f} s")
        said = json.loads(done.stdout)
        slots = said["slots"] or {"shown": [], "left_out": []}
        print(f"it has {said['size_bytes'] / 1e6:.1f} MB")
        print(f"it plays {len(slots['shown'])} slots; {len(slots['left_out'])} have no room")
        times = opening(out, options.repeat)
        print(
            f"it opens in {statistics.median(times):.1f} s ({min(times):.1f} to {max(times):.1f})"
        )


if __name__ == "__main__":
    main()
