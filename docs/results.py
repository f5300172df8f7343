"""The tables of docs/results.md, from what the studies of the library found.

    tclearn study non-iid --out studies/non-iid
    python docs/results.py keep studies/non-iid
    python docs/results.py

`keep` writes the part of a study's results.json that the page shows to docs/results/NAME.json.
Without it the page's sections between `<!-- results: NAME -->` and `<!-- end -->` are made anew.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scenarios.studies.measures import MEASURES
from scenarios.studies.statistics import clustered_interval

FOLDER = Path(__file__).parent
PAGE = FOLDER / "results.md"
KEPT = FOLDER / "results"
BEGIN, END = "<!-- results: {} -->", "<!-- end -->"

NONE = "-"
"""What a table shows of a value that is not there."""

Results = Mapping[str, Any]
"""A study's results.json, or what is kept of it."""


@dataclass(frozen=True)
class Table:
    """One measure, over the axes of a study."""

    of: str
    """The measure."""
    title: str
    """What it is, in the words of the page."""
    columns: str
    """The axis whose values head the columns; the others head the rows."""
    where: Mapping[str, Any]
    """Which cells are shown; an axis that is named here heads nothing."""


TABLES: Mapping[str, Sequence[Table]] = {
    "validation-ablation": [
        Table("detection_rate", "Poisoned updates that were refused", "attack", {"faulty": 1}),
        Table(
            "false_alarm_rate",
            "Honest updates that were refused; they are the same whatever the attack",
            "checks",
            {"faulty": 1, "attack": "nan"},
        ),
        Table(
            "lowest_score",
            "Accuracy on G of the model in force, at its lowest since the attack began",
            "attack",
            {"faulty": 1},
        ),
    ],
    "proof-cost": [
        Table("round_us", "Time from one record to the next", "hospitals", {}),
        Table("proof_bytes", "Proofs sent in the whole run", "hospitals", {"proof": "with"}),
    ],
    "norm-bound-sweep": [
        Table(
            "honest_over_rate",
            "Honest updates longer than the bound: clipped here, and what a scheme that refuses "
            "them would lose",
            "proof.norm_bound",
            {},
        ),
        Table(
            "poisoned_over_rate",
            "Poisoned updates longer than the bound before they were clipped",
            "proof.norm_bound",
            {},
        ),
        Table(
            "detection_rate",
            "Poisoned updates that are in no accepted model",
            "proof.norm_bound",
            {},
        ),
        Table("final_score", "Accuracy in the end", "proof.norm_bound", {}),
    ],
    "non-iid": [
        Table("final_score", "Accuracy in the end", "data.alpha", {}),
        Table("mean_score", "Accuracy, mean over rounds", "data.alpha", {}),
        Table("false_alarm_rate", "Honest updates in a refused candidate", "data.alpha", {}),
    ],
    "sequential-vs-fedavg": [
        Table("final_score", "Accuracy after so many rounds", "rounds", {}),
        Table("final_loss", "Loss (mean cross-entropy on G) after so many rounds", "rounds", {}),
        Table("train_us", "Training time of all hospitals together", "rounds", {}),
    ],
}
"""What is shown of a study; of one that is not here, what its question asks."""

RATES: Mapping[str, tuple[str, str]] = {
    "detection_rate": ("poisoned_accepted", "poisoned_count"),
    "false_alarm_rate": ("honest_rejected", "honest_count"),
    "honest_over_rate": ("honest_over_bound", "honest_count"),
    "poisoned_over_rate": ("poisoned_over_bound", "poisoned_count"),
}
"""Rates of updates: of which, of how many. The first counts those that are *not* detected."""

STAGES: Mapping[str, str] = {
    "train_us": "train",
    "prove_us": "prove",
    "check_proof_us": "verify proofs",
    "validate_us": "validate",
    "sign_us": "sign",
    "verify_us": "verify signatures",
}


def kept_of(results: Results, rows_of: Callable[[str], Sequence[Results]]) -> dict[str, Any]:
    """The part of a study's results that the page needs.

    Args:
        results: What results.json says.
        rows_of: The replicas of a cell, by its id.
    """
    name = results["study"]
    shown = {table.of for table in TABLES.get(name, ())} | {results["question"]["of"]}
    if name == "proof-cost":
        shown |= {*STAGES, "busy_us", "bytes", "check_peer_us", "honest_count"}
    keys = ("study", "description", "fidelity", "seed", "as_expected", "expectations", "question")
    cells = [
        {
            "axes": cell["axes"],
            "replications": cell["replications"],
            "estimate": cell["estimate"],
            "measures": {
                of: {key: value for key, value in found.items() if key in _SHOWN}
                for of, found in cell["measures"].items()
                if of in shown - set(RATES)
            }
            | {of: _rate(of, rows_of(cell["id"])) for of in sorted(shown & set(RATES))},
        }
        for cell in results["cells"]
    ]
    thresholds = [
        {key: value for key, value in each.items() if key != "probes"}
        for each in results["thresholds"]
    ]
    kept = {key: results[key] for key in (*keys, "axes")}
    searched = thresholds and results["question"]["search"] != "every"
    return {**kept, "cells": [] if searched else cells, "thresholds": thresholds}


def _rate(of: str, rows: Sequence[Results]) -> Results:
    """A rate of updates, with an interval that knows that those of a run belong together."""
    some, all_ = RATES[of]
    counts = [row[all_] for row in rows]
    held = [row[some] for row in rows]
    if of == "detection_rate":
        held = [count - each for count, each in zip(counts, held, strict=True)]
    if not sum(counts):
        return {"mean": None, "low": None, "high": None}
    interval = clustered_interval(held, counts, CONFIDENCE)
    return {"mean": sum(held) / sum(counts), "low": interval.low, "high": interval.high}


CONFIDENCE = 0.95
"""Of the intervals of rates."""

_SHOWN = ("mean", "low", "high", "held", "violated", "undecided")


def section(results: Results) -> str:
    """What the page shows of a study: what was run, tables, and what was expected."""
    name = results["study"]
    parts = [_run_line(results)]
    if results["thresholds"]:
        parts.append(_thresholds(results))
        if results["cells"]:
            parts.append(_rates(results))
    elif name in TABLES:
        parts += [_measure(results, table) for table in TABLES[name]]
    else:
        axes, of = [axis["name"] for axis in results["axes"]], results["question"]["of"]
        across = "hospitals" if "hospitals" in axes else axes[-1]
        share = _number(results["question"]["quantile"] * 100)
        quantile = f", {share} % quantile" if results["question"]["kind"] == "quantile" else ""
        title = f"{of}{quantile}: {MEASURES[of].meaning}"
        parts.append(_measure(results, Table(of, title, across, {})))
    parts += [make(results) for make in _MORE.get(name, ())]
    return "\n\n".join([*parts, _expectations(results)])


def _run_line(results: Results) -> str:
    counts = [each["replications"] for each in results["thresholds"] or results["cells"]]
    least, most = min(counts), max(counts)
    replicas = str(least) if least == most else f"{least} to {most}"
    what, of = ("thresholds", "each") if results["thresholds"] else ("cells", "each")
    confidence = _number(results["question"]["confidence"] * 100)
    return (
        f"`tclearn study {results['study']}`: fidelity {results['fidelity']}, seed "
        f"{results['seed']}, {len(counts)} {what}, {replicas} replicas of {of}; "
        f"intervals of {confidence} %."
    )


def _thresholds(results: Results) -> str:
    """Located thresholds, by hospitals if that is an axis."""
    axes = [axis for axis in results["axes"] if axis["name"] != "faulty"]
    across = next((axis for axis in axes if axis["name"] == "hospitals"), axes[-1])
    rows = [axis["name"] for axis in axes if axis is not across]
    cells = {_key(each["axes"], rows, across["name"]): _located(each) for each in _of(results)}
    text = "The greatest number of faulty hospitals with which the property holds; theory's in"
    return f"{text} brackets.\n\n" + _grid(rows, across["values"], across["name"], cells)


def _of(results: Results) -> Sequence[Results]:
    thresholds: Sequence[Results] = results["thresholds"]
    return thresholds


def _rates(results: Results) -> str:
    """How often the property holds, by number of faulty hospitals."""
    rows = [axis["name"] for axis in results["axes"] if axis["name"] != "faulty"]
    counts = next(axis["values"] for axis in results["axes"] if axis["name"] == "faulty")
    cells = {}
    for cell in results["cells"]:
        rate, theory = cell["estimate"]["value"], cell["estimate"]["theory"]
        exact = "" if theory is None else f" [{_number(theory * 100)}]"
        cells[_key(cell["axes"], rows, "faulty")] = f"{_number(rate * 100)}{exact} %"
    text = "How often it holds, by number of faulty hospitals; the exact rate in brackets."
    return f"{text}\n\n" + _grid(rows, counts, "faulty", cells)


def _located(each: Results) -> str:
    if not each["decided"]:
        return "not decided"
    held, broken = each["interval"]
    text = "never" if broken is None else ("none" if held is None else str(held))
    expected = each["theory_interval"]
    if expected is None:
        return text
    theory = "never" if expected[1] is None else ("none" if expected[0] is None else expected[0])
    return f"{text} [{theory}]"


def _measure(results: Results, table: Table) -> str:
    """A measure with its intervals."""
    axes = [axis for axis in results["axes"] if axis["name"] not in table.where]
    across = next(axis for axis in axes if axis["name"] == table.columns)
    rows = [axis["name"] for axis in axes if axis is not across]
    cells = {}
    for cell in results["cells"]:
        if all(cell["axes"].get(axis) == value for axis, value in table.where.items()):
            cells[_key(cell["axes"], rows, table.columns)] = _value(cell, table.of, results)
    return f"{table.title}.\n\n" + _grid(rows, across["values"], table.columns, cells)


Key = tuple[tuple[Any, ...], Any]


def _key(axes: Results, rows: Sequence[str], across: str) -> Key:
    return tuple(axes[row] for row in rows), axes[across]


def _grid(rows: Sequence[str], values: Sequence[Any], across: str, cells: Mapping[Key, str]) -> str:
    """A table in Markdown; rows in the order of the cells, without those of no value."""
    heads = dict.fromkeys(row for row, _ in cells)
    shown = [row for row in heads if any(cells.get((row, each), NONE) != NONE for each in values)]
    corner = rows or [""]
    lines = [[*corner, *(f"{across} {value}" for value in values)]]
    lines.append(["---"] * len(lines[0]))
    for row in shown:
        found = [cells.get((row, value), NONE) for value in values]
        lines.append([*(map(str, row) if rows else [""]), *found])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _value(cell: Results, of: str, results: Results) -> str:
    """An estimate and its interval, as people read them."""
    estimate, found = cell["estimate"], cell["measures"].get(of)
    if estimate["of"] == of and of not in RATES:
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
    elif found is None or "mean" not in found:
        return NONE
    else:
        value, low, high = found["mean"], found["low"], found["high"]
    if value is None:
        return NONE
    show = _form(of)
    if low is None or high is None or low == high:
        return show(value)
    if show(low) == show(high):
        return show(value)
    unit = show(value).partition(" ")[2]
    if MEASURES[of].unit == "ppm":  # of a mean near 100 %, Student's interval goes beyond
        low, high = max(low, 0), min(high, 1e6)
    ends = f"{show(low).partition(' ')[0]} to {show(high).partition(' ')[0]}"
    return f"{show(value).partition(' ')[0]} ({ends}){f' {unit}' if unit else ''}"


def _form(of: str) -> Callable[[float], str]:
    """How a measure is written: with one unit throughout."""
    measure = MEASURES[of]
    scales = {"ppm": (1e-4, "%"), "us": (1e-3, "ms"), "bytes": (1e-6, "MB")}
    if measure.kind == "status" or of.endswith("_rate"):
        return partial(_scaled, 100.0, "%")
    return partial(_scaled, *scales.get(measure.unit, (1.0, "")))


def _scaled(scale: float, unit: str, value: float) -> str:
    return f"{_number(value * scale)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three significant digits, or all before the point; a rate of 100 keeps no more."""
    value = round(value, 9)  # an end of 1e-17 is 0
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if value < 1 else f"{value:.2f}"


def _expectations(results: Results) -> str:
    if not results["expectations"]:
        return "Nothing is expected."
    lines = (
        f"- {'met' if each['met'] else '**not met**'}: {each['expects']}"
        for each in results["expectations"]
    )
    return "\n".join(["Expected, and found:", "", *lines])


# Tables of one study


def _stage_shares(results: Results) -> str:
    """What computing time goes to with proofs, and how much more it is than without."""
    by_axes = {tuple(cell["axes"].values()): cell for cell in results["cells"]}
    heads = ["parameters", "hospitals", *STAGES.values(), "in all", "without proofs", "more"]
    lines = [heads, ["---"] * len(heads)]
    for (size, hospitals, proof), cell in by_axes.items():
        if proof != "with":
            continue
        busy = _mean(cell, "busy_us")
        shares = [f"{_number(_mean(cell, stage) / busy * 100)} %" for stage in STAGES]
        plain = _mean(by_axes[size, hospitals, "without"], "busy_us")
        seconds = [f"{_number(each / 1e6)} s" for each in (busy, plain)]
        lines.append(
            [str(size), str(hospitals), *shares, *seconds, f"{_number(busy / plain)} times"]
        )
    title = "Computing time of all hospitals by stage, in simulated time by the cost profile."
    return f"{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _by_peers(results: Results) -> str:
    """What it takes all together in a round if k peers verify every proof."""
    cells = [cell for cell in results["cells"] if cell["axes"]["proof"] == "with"]
    most = max(cell["axes"]["hospitals"] for cell in cells)
    heads = ["parameters", "hospitals", *(f"k = {k}" for k in range(1, most + 1))]
    lines = [heads, ["---"] * len(heads)]
    for cell in cells:
        hospitals = cell["axes"]["hospitals"]
        round_count = _mean(cell, "honest_count") / hospitals
        each_ms = _mean(cell, "check_peer_us") / round_count / 1e3
        costs = [_number(k * each_ms) if k <= hospitals else "" for k in range(1, most + 1)]
        lines.append([str(cell["axes"]["parameters"]), str(hospitals), *costs])
    title = (
        "Verifying proofs in a round, in milliseconds of all peers together, if k of them did; "
        "here all do (k = n)."
    )
    return f"{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _mean(cell: Results, of: str) -> float:
    return float(cell["measures"][of]["mean"])


_MORE: Mapping[str, Sequence[Callable[[Results], str]]] = {"proof-cost": (_stage_shares, _by_peers)}


# The page


def rendered(page: str, kept: Mapping[str, Results]) -> str:
    """The page with its sections made anew from what is kept."""
    for name, results in kept.items():
        begin = BEGIN.format(name)
        if page.count(begin) != 1:
            raise SystemExit(f"{PAGE.name}: expected one line {begin}")
        before, after = page.split(begin)
        page = f"{before}{begin}\n\n{section(results)}\n\n{after[after.index(END) :]}"
    return page


def read_kept() -> dict[str, Results]:
    """What is kept, by study."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(KEPT.glob("*.json"))}


def keep(directory: Path) -> None:
    """Keep what the page shows of a study."""
    results = json.loads((directory / "results.json").read_text("utf-8"))

    def rows_of(cell: str) -> list[Any]:
        lines = (directory / "cells" / f"{cell}.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines[1:]]

    kept = kept_of(results, rows_of)
    lists = ("cells", "thresholds", "expectations")
    text = json.dumps({key: value for key, value in kept.items() if key not in lists}, indent=1)
    for key in lists:  # a line for each, for whoever reads a difference
        lines = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in kept[key])
        text = f'{text[:-2]},\n "{key}": [\n  {lines}\n ]\n}}'
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{kept['study']}.json").write_text(text + "\n", "utf-8")


def main() -> None:
    """Keep results, or make the page's sections anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", choices=["keep"])
    parser.add_argument("directories", nargs="*", type=Path)
    options = parser.parse_args()
    for directory in options.directories:
        keep(directory)
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), read_kept()), "utf-8")


if __name__ == "__main__":
    main()
