"""Draw a run: the score on G of every candidate, and what each hospital measured on its own L.

    tclearn run quickstart --out runs/figure
    python docs/figures/quickstart.py runs/figure docs/figures/quickstart.svg

Reads metrics/rounds.csv, metrics/verdicts.csv and, for round 0, run.json. The suffix of the
second path chooses the format. Equal tables and an equal version of matplotlib give equal bytes.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

# Okabe and Ito's colours, which differ for every kind of colour vision; marks differ in form too.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#8c8c8c"
PPM = 1_000_000


def draw(axes: Axes, first: int, rounds: pd.DataFrame, verdicts: pd.DataFrame) -> None:
    """Draw the first model, a run's candidates and the local scores."""
    local = verdicts.dropna(subset=["local_score"]).sort_values(["hospital", "slot"])
    for number, (_, seen) in enumerate(local.groupby("hospital")):
        axes.plot(
            seen["slot"],
            seen["local_score"] / PPM,
            color=GREY,
            alpha=0.55,
            linewidth=0.8,
            label="on L, one line per hospital" if number == 0 else None,
        )
    candidates = rounds.dropna(subset=["global_score"])
    accepted = candidates[candidates["type"] == "accepted"]
    refused = candidates[candidates["type"] == "rejected"]
    axes.plot(
        [0, *accepted["height"]],
        [first / PPM, *(accepted["global_score"] / PPM)],
        color=BLUE,
        linewidth=1.8,
        marker="o",
        markersize=6,
        label="on G, accepted",
    )
    axes.plot(
        refused["height"],
        refused["global_score"] / PPM,
        color=VERMILION,
        linestyle="none",
        marker="X",
        markersize=9,
        label="on G, refused",
    )
    for row in refused.itertuples():
        axes.annotate(
            str(row.proposer),
            (float(row.height), float(row.global_score) / PPM),  # type: ignore[arg-type]  # a number
            textcoords="offset points",
            xytext=(-9, 0),
            ha="right",
            va="center",
            color=VERMILION,
            fontsize=9,
        )


def figure(run: Path, target: Path) -> None:
    """Read a run's tables and write its figure."""
    rounds = pd.read_csv(run / "metrics" / "rounds.csv")
    verdicts = pd.read_csv(run / "metrics" / "verdicts.csv")
    first = json.loads((run / "run.json").read_text())["global_score"]["first"]
    style: Any = {
        "font.size": 10,
        "svg.fonttype": "none",  # text stays text: small, and read by whoever reads the page
        "svg.hashsalt": "tclearn",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        canvas, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
        draw(axes, first, rounds, verdicts)
        axes.set_xlabel("round (0: the untrained model)")
        axes.set_ylabel("candidate's accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_ylim(0.3, 1.02)
        axes.grid(axis="y", color="#e0e0e0", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(0.14, 0.5), fontsize=9)
        bare = {"Date": None, "Creator": None} if target.suffix == ".svg" else {}
        canvas.savefig(target, metadata=bare, dpi=150)
        plt.close(canvas)


def main() -> None:
    """Draw the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    figure(options.run, options.target)


if __name__ == "__main__":
    main()
