"""What came out of a study, as tables for people."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..studies.measures import MEASURES
from .output import console

ROW_COUNT_MAX = 200
"""The most rows that are printed; the results have all."""


def print_results(results: Mapping[str, Any], directory: Path) -> None:
    """Print thresholds or cells, what was expected, and where everything is."""
    out = console()
    rows = results["thresholds"] or results["cells"]
    table = _thresholds(results) if results["thresholds"] else _cells(results)
    out.print(table)
    if len(rows) > ROW_COUNT_MAX:
        out.print(f"[dim]and {len(rows) - ROW_COUNT_MAX} more in the results[/]")
    out.print()
    for each in results["expectations"]:
        mark = "[green]met[/]    " if each["met"] else "[red]not met[/]"
        out.print(f"{mark}  {escape(each['expects'])}: {escape(each['found'])}")
    if results["expectations"]:
        met = results["as_expected"]
        out.print("[bold green]as expected[/]" if met else "[bold red]not as expected[/]")
    replicas = sum(cell["replications"] for cell in results["cells"])
    out.print(f"computed    {replicas} replicas in {len(results['cells'])} cells")
    out.print(f"results     {escape(str(directory))}/results.json")
    out.print(f"report      {escape(shlex.join(['tclearn', 'report', str(directory)]))}")


def _thresholds(results: Mapping[str, Any]) -> Table:
    shown = results["thresholds"][:ROW_COUNT_MAX]
    names = [axis["name"] for axis in results["axes"] if axis["name"] != "faulty"]
    sized = "hospitals" not in names
    table = Table(box=None, pad_edge=False)
    _add_axes(table, names, shown)
    for head in (*(["n"] if sized else []), "of", "holds", "breaks", "theory", ""):
        table.add_column(head, no_wrap=head != "")
    for each in shown:
        held, broken = each["interval"]
        expected = each["theory_interval"]
        table.add_row(
            *(_label(each["axes"][name]) for name in names),
            *([str(each["hospitals"])] if sized else []),
            each["of"],
            "-" if held is None else str(held),
            "-" if broken is None else str(broken),
            "" if expected is None else _theory(*expected),
            _agreement(each),
        )
    return table


def _add_axes(table: Table, names: Sequence[str], shown: Sequence[Mapping[str, Any]]) -> None:
    """Add a column for each axis, wide enough for its values; its name may take several lines."""
    for name in names:
        widest = max((len(_label(each["axes"].get(name, ""))) for each in shown), default=1)
        table.add_column(name.rpartition(".")[2] if "." in name else name, min_width=widest)


def _theory(held: int | None, broken: int | None) -> str:
    if broken is None:
        return "never"
    return f"{'-' if held is None else held} | {broken}"


def _agreement(threshold: Mapping[str, Any]) -> str:
    if not threshold["decided"]:
        return f"[yellow]{escape(threshold['note'])}[/]"
    if threshold["agrees"] is None:
        return ""
    return "[green]agrees[/]" if threshold["agrees"] else "[red]differs[/]"


def _cells(results: Mapping[str, Any]) -> Table:
    names = [axis["name"] for axis in results["axes"]]
    question = results["question"]
    head = {"rate": f"rate of {question['is']}", "mean": "mean"}.get(
        question["kind"], f"{question['quantile']:.0%} quantile"
    )
    theory = any(cell["estimate"]["theory"] is not None for cell in results["cells"])
    table = Table(box=None, pad_edge=False)
    _add_axes(table, names, results["cells"][:ROW_COUNT_MAX])
    for words in ("of", head, f"{question['confidence']:.0%} interval"):
        table.add_column(words, no_wrap=words == "of")
    if theory:
        table.add_column("theory")
    table.add_column("replicas", justify="right")
    for cell in results["cells"][:ROW_COUNT_MAX]:
        found = cell["estimate"]
        of = found["of"]
        row = [*(_label(cell["axes"][name]) for name in names), of, value(found["value"], of)]
        row.append(f"{value(found['low'], of)} to {value(found['high'], of)}")
        if theory:
            row.append("" if found["theory"] is None else value(found["theory"], of))
        table.add_row(*row, str(cell["replications"]))
    return table


def value(number: float | None, of: str) -> str:
    """A value of a measure as people read it: rates in per cent, times in seconds."""
    if number is None:
        return "-"
    measure = MEASURES[of]
    if measure.kind == "status":
        return f"{number:.1%}"
    match measure.unit:
        case "us":
            return f"{number / 1e6:.3f} s"
        case "ppm":
            return f"{number / 1e6:.1%}"
        case unit:
            return f"{number:,.6g} {unit}".rstrip()


def _label(label: Any) -> str:
    return escape(str(label).lower() if isinstance(label, bool) else str(label))
