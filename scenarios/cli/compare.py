"""``tclearn compare``: runs side by side, for people and for machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from .output import console, percent, quoted, seconds, write_json

if TYPE_CHECKING:
    from ..results.comparison import Comparison, Line, Value

VALUE_WIDTH_MAX = 40
"""Characters of a value that the table shows; ``--json`` has all."""


def compare_command(directories: Sequence[Path], as_json: bool) -> int:
    """Compare runs; the exit status."""
    # pandas takes half a second to load.
    from ..results import load_run
    from ..results.comparison import compare

    comparison = compare([load_run(each) for each in directories])
    if as_json:
        write_json(_as_json(comparison))
    else:
        _print(comparison)
    return 0


def _as_json(comparison: "Comparison") -> dict[str, Any]:
    parting = comparison.parting
    return {
        "runs": list(comparison.runs),
        "sections": {
            name: [
                {
                    "name": line.name,
                    "unit": line.unit,
                    "values": list(line.values),
                    "best": list(line.best),
                    "worst": list(line.worst),
                }
                for line in lines
            ]
            for name, lines in comparison.sections.items()
        },
        "parting": None
        if parting is None
        else {
            "replica": parting.replica,
            "common_height": parting.common_height,
            "height": parting.height,
            "sentence": parting.sentence,
        },
    }


def _print(comparison: "Comparison") -> None:
    out = console()
    table = Table("", *map(quoted, _names(comparison.runs)), box=None, pad_edge=False)
    for name, lines in comparison.sections.items():
        if lines:
            table.add_row(f"[bold]{name}[/]")
        for line in lines:
            table.add_row(f"  {quoted(line.name)}", *_cells(line))
    out.print(table)
    if not comparison.sections["scenario"]:
        out.print("\nthe scenarios are the same")
    if comparison.parting is not None:
        out.print(f"\n{quoted(comparison.parting.sentence)}")
    out.print("\n[dim]+ best, - worst of three or more; costs are of all hospitals together[/]")


def _names(runs: Sequence[str]) -> list[str]:
    """The names of the folders, where they tell the runs apart; else their paths."""
    names = [Path(each).name for each in runs]
    return names if len(set(names)) == len(names) else list(runs)


def _cells(line: "Line") -> list[str]:
    worst = line.worst if len(line.values) > 2 else ()
    cells = []
    for number, value in enumerate(line.values):
        text = quoted(_shown(value, line))
        if number in line.best:
            text = f"[green]{text} +[/]"
        elif number in worst:
            text = f"[red]{text} -[/]"
        cells.append(text)
    return cells


def _shown(value: "Value", line: "Line") -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        cut = len(value) > VALUE_WIDTH_MAX
        return value[: VALUE_WIDTH_MAX - 1] + "…" if cut else value
    match line.unit:
        case "ppm":
            return percent(int(value))
        case "us":
            return seconds(int(value))
        case "loss":
            return f"{value:.4g}"
        case "bytes":
            return f"{value:,} B"
        case "count" | "text":
            return str(value)
