"""``tclearn replay``: do a run again, say whether it is the same, and what a hospital knew."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..results.errors import ReportError
from ..run_directory import TRACE_FILE, replica_name
from .output import DIGEST_CHARACTERS, console, quoted, stdout_reserved, write_json
from .replay_story import print_story

if TYPE_CHECKING:
    from ..replay import Replay, ReplicaPair
    from ..replay.telling import Telling
    from ..schema import Scenario

SHOWN_COUNT_MAX = 20
"""Differences printed for people; ``--json`` has all."""

_VERDICTS = {0: "same", 1: "differs", 3: "incomplete"}
_AS_FAR = {
    True: "compared as far as the replay went: the run goes on",
    False: "compared as far as the run went: it did not finish",
}
_COLOURS = {0: "green", 1: "red", 3: "yellow"}


def replay_command(run: Path, until: int | None, node: str | None, as_json: bool) -> int:
    """Replay a run; the exit status."""
    # Which rules out, before torch is loaded, what is no run.
    from ..results import load_run

    scenario = load_run(run).scenario
    instances = _instances(scenario, run, node)
    with stdout_reserved(as_json), _bar() as progress:
        from ..replay import replay
        from ..replay.telling import Telling

        telling = None
        if node is not None or until is not None:
            telling = Telling(instances, until, main_only=node is None)
        task = progress.add_task("loading torch and the data", total=scenario.rounds + 1)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        found = replay(run, show, telling)
    if as_json:
        write_json(_as_json(run, found, telling))
        return found.exit_status
    if telling is not None:
        print_story(telling, found.trace)
    _print(found)
    return found.exit_status


def _instances(scenario: "Scenario", run: Path, node: str | None) -> frozenset[str]:
    """The instances to tell of: all, or one by its name or that of its replica.

    Raises:
        ReportError: When there is none of that name.
    """
    from ..adversaries import expanded

    known = {replica_name(each): each for each in expanded(scenario).instances}
    if node is None:
        return frozenset(known.values())
    chosen = known.get(replica_name(node))
    if chosen is None:
        raise ReportError(f"--node: {run} has no hospital {node!r}; it has {', '.join(known)}")
    return frozenset({chosen})


@contextmanager
def _bar() -> Iterator[Progress]:
    voice = console(error=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=voice,
        transient=True,
        disable=not voice.is_terminal,
    ) as progress:
        yield progress


def _as_json(run: Path, found: "Replay", telling: "Telling | None") -> dict[str, Any]:
    trace = found.trace
    return {
        "run": str(run),
        "verdict": _VERDICTS[found.exit_status],
        "status": found.status,
        "replayed": found.replayed,
        "whole": found.whole,
        "trace": None
        if trace is None
        else {
            "same_lines": trace.line_count,
            "parting": None if trace.parting is None else asdict(trace.parting),
            "stated_digest": found.stated_digest,
            "recorded_digest": trace.recorded,
            "replayed_digest": found.replayed_digest,
        },
        "replicas": {name: asdict(pair) for name, pair in found.replicas.items()},
        "differences": list(found.differences),
        "findings": [asdict(each) for each in found.findings],
        "unchecked": list(found.unchecked),
        "told": None
        if telling is None
        else {
            "of": sorted(telling.instances),
            "until": telling.until,
            "moments": [asdict(each) for each in telling.moments],
        },
    }


def _print(found: "Replay") -> None:
    out = console()
    if found.replayed:
        table = Table("replica", "recorded", "replayed", box=None, pad_edge=False)
        for name, pair in found.replicas.items():
            table.add_row(quoted(name), *_ends(pair, whole=found.whole))
        out.print(table)
        out.print()
    if found.trace is not None:
        lines = f"{found.trace.line_count} lines of {TRACE_FILE} are the same"
        out.print(lines if found.trace.parting is None else f"the first {lines}")
    if found.replayed and not found.whole:
        out.print(_AS_FAR[found.status == "finished"])
    for each in found.differences[:SHOWN_COUNT_MAX]:
        out.print(f"[red]difference[/] {quoted(each)}")
    hidden = len(found.differences) - SHOWN_COUNT_MAX
    if hidden > 0:
        out.print(f"and {hidden} more: see --json")
    for each in found.unchecked:
        out.print(f"[yellow]not compared[/] {quoted(each)}")
    status = found.exit_status
    out.print(f"\n[bold {_COLOURS[status]}]{_VERDICTS[status]}[/]")


def _ends(pair: "ReplicaPair", *, whole: bool) -> tuple[str, str]:
    recorded = _end(pair.recorded_height, pair.recorded_head)
    replayed = _end(pair.replayed_height, pair.replayed_head)
    if recorded == replayed:
        return recorded, "the same"
    return recorded, replayed if whole else f"[dim]{replayed}[/]"


def _end(height: int | None, head: str | None) -> str:
    if height is None or head is None:
        return "-"
    return f"height {height}, {head[:DIGEST_CHARACTERS]}"
