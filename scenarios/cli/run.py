"""``tclearn run``: load, found, simulate, write down, say what came out."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto.algorithm import Algorithm
from crypto.providers.choice import choose
from ledger.errors import StoreError

from ..run_directory import (
    RunDirectory,
    check_writable,
    make_default_directory,
    replica_name,
)
from ..schema import Scenario
from ..simulation.costs import load_profile
from ..source import load, resolved_yaml
from .minimal import print_minimal
from .output import console, percent, seconds, stdout_reserved, write_json
from .quorum_check import warn_of_disjoint_quorums
from .stopping import stop_on_signal

if TYPE_CHECKING:
    from ..simulation.outcome import Outcome, RoundRow

RUNS_FOLDER = Path("runs")
"""Where runs go unless ``--out`` says otherwise."""
TYPE_WIDTH = len("membership")
"""Characters of the longest type of record."""
LINE_COUNT_MAX = 60
"""Rounds printed while a run goes on; of longer runs, only the rejected ones and every n-th."""

_MARKS = {"held": "[green]held[/]", "violated": "[red]violated[/]"}
_TYPES = {"accepted": "[green]accepted[/]", "rejected": "[red]rejected[/]"}


def run_command(
    name: str,
    seed: str | None,
    out: Path | None,
    overrides: Sequence[str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a scenario; the exit status."""
    chosen = list(overrides) if seed is None else [*overrides, f"seed={seed}"]
    scenario = load(name, chosen)
    _check_ready(scenario, out)
    warn_of_disjoint_quorums(scenario)
    repeat = _repeat(name, scenario, overrides)
    with (
        stdout_reserved(as_json),
        _progress(scenario, hidden=quiet, to_stderr=as_json) as show,
    ):
        outcome, directory, summary = _run(scenario, out, show, repeat)
    if as_json:
        write_json(summary)
    elif not quiet:
        _print_summary(outcome, directory, summary)
        if outcome.stopped_by is None:
            print_minimal(scenario, outcome)
    return outcome.exit_status


def _check_ready(scenario: Scenario, out: Path | None) -> None:
    """Fail now, where it can be told, and not after the seconds that loading takes."""
    check_writable(out or RUNS_FOLDER)
    if out is not None:
        RunDirectory(out).check_free()
    load_profile(scenario.costs)
    choose(Algorithm(scenario.signature))


def _run(
    scenario: Scenario, out: Path | None, show: "_Show", repeat: str
) -> tuple["Outcome", RunDirectory, dict[str, Any]]:
    # torch, scikit-learn and pandas take seconds to load: once the scenario is known to be good.
    from ..metrics import write_tables
    from ..simulation.coalition import environment, found
    from ..simulation.simulate import simulate

    coalition = found(scenario)
    beginning = {
        "status": "running",
        "scenario": scenario.name,
        "seed": scenario.seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "signatures": {
            "algorithm": scenario.signature,
            "provider": next(key.provider for key in coalition.keys.values()),
        },
        "chain_id": coalition.chain_id.hex(),
        "repeat": repeat,
        "replicas": None,
    }
    with stop_on_signal("stopping; the event under way ends first") as stop:
        directory = RunDirectory(out or make_default_directory(RUNS_FOLDER, scenario.name))
        directory.create(resolved_yaml(scenario), beginning)
        with _failure_recorded(directory, beginning):
            outcome = simulate(scenario, coalition, directory, show.row, stop.signal)
            write_tables(outcome, directory.metrics)
            summary = beginning | _result(outcome, directory)
            directory.write_summary(summary)
    return outcome, directory, summary


@contextmanager
def _failure_recorded(directory: RunDirectory, beginning: dict[str, Any]) -> Iterator[None]:
    """Write down why a run failed, and say that what it recorded before is still there."""
    failure: Exception
    try:
        yield
    except OSError as error:  # which does not say what was being written
        failure = StoreError(f"cannot write the run {directory.path}: {error.strerror}")
    except Exception as error:
        failure = error
    else:
        return
    directory.write_failure(beginning, str(failure) or type(failure).__name__)
    audit = shlex.join(["tclearn", "audit", str(directory.path)])
    failure.add_note(f"what was recorded before is on the disk: {audit}")
    raise failure


def _result(outcome: "Outcome", directory: RunDirectory) -> dict[str, Any]:
    """What is known when a run has stopped."""
    return {
        "status": "finished" if outcome.stopped_by is None else "interrupted",
        "as_expected": outcome.as_expected,
        "verdicts": {
            invariant.value: {
                "verdict": finding.status.value,
                "expected": outcome.expected[invariant].value,
                "reason": finding.reason,
                "time_us": finding.time_us,
            }
            for invariant, finding in outcome.findings.items()
        },
        "accepted": outcome.accepted_count,
        "rejected": outcome.rejected_count,
        "global_score": {"first": outcome.first_score, "final": outcome.final_score},
        "global_loss": {
            "first": _finite(outcome.first_loss),
            "final": _finite(outcome.final_loss),
        },
        "accused": dict(outcome.accused),
        "simulated_us": outcome.time_us,
        "trace_events": outcome.event_count,
        "trace_digest": outcome.trace_digest.hex(),
        "chain_head": outcome.chain_head.hex(),
        "replicas": {
            replica_name(row.instance): {"height": row.height, "chain_head": row.chain_head.hex()}
            for row in outcome.instances
        },
        "run_dir": str(directory.path),
    }


def _finite(number: float | None) -> float | None:
    """A number as JSON knows numbers."""
    return number if number is not None and isfinite(number) else None


class _Show:
    """Prints rounds as they are recorded, above a bar."""

    def __init__(self, scenario: Scenario, progress: Progress) -> None:
        self._progress = progress
        self._every = -(-scenario.rounds // LINE_COUNT_MAX)
        self._voters = len(scenario.hospitals)
        self._task = progress.add_task("loading torch and the data", total=scenario.rounds + 1)

    def row(self, row: "RoundRow") -> None:
        """Show one height."""
        score = "" if row.global_score is None else f", G {percent(row.global_score)}"
        now = f"round {row.height}{score}, simulated {seconds(row.decided_us)}"
        self._progress.update(self._task, completed=row.height, description=now)
        if row.height % self._every == 0 or row.type.value == "rejected":
            self._progress.console.print(_line(row, self._voters))


@contextmanager
def _progress(scenario: Scenario, *, hidden: bool, to_stderr: bool) -> Iterator[_Show]:
    voice = console(error=to_stderr)
    voice.quiet = hidden
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=voice,
        transient=True,
        disable=hidden or not voice.is_terminal,
    ) as progress:
        yield _Show(scenario, progress)


def _line(row: "RoundRow", voter_count: int) -> str:
    kind = _TYPES.get(row.type.value, row.type.value)
    who = row.proposer or "nobody"
    reasons = ", ".join(f"{count} x {reason}" for reason, count in row.reject_reasons.items())
    votes = f"{row.accept_count} of {voter_count} accept" + (f"; {reasons}" if reasons else "")
    padding = " " * (TYPE_WIDTH - len(row.type.value))
    return (
        f"{row.height:5d}  {kind}{padding}  {who:<12}  G {percent(row.global_score):>7}"
        f"  {votes}  [dim]t = {seconds(row.decided_us)}[/]"
    )


def _repeat(name: str, scenario: Scenario, overrides: Sequence[str]) -> str:
    """The command that gives the same run again."""
    words = ["tclearn", "run", name, "--seed", str(scenario.seed)]
    for override in overrides:
        words += ["--set", override]
    return shlex.join(words)


def _print_summary(outcome: "Outcome", directory: RunDirectory, summary: dict[str, Any]) -> None:
    out = console()
    table = Table("invariant", "verdict", "expected", "why", box=None, pad_edge=False)
    for invariant, finding in outcome.findings.items():
        table.add_row(
            invariant.value,
            _MARKS.get(finding.status.value, f"[yellow]{finding.status.value}[/]"),
            outcome.expected[invariant].value,
            escape(finding.reason),
        )
    out.print()
    out.print(table)
    out.print()
    if outcome.stopped_by is not None:
        out.print("[yellow]interrupted[/]: what was recorded is on the disk and can be audited")
    elif outcome.as_expected:
        out.print("[bold green]as expected[/]")
    else:
        names = ", ".join(invariant.value for invariant in outcome.unexpected)
        out.print(f"[bold red]not as expected[/]: {names}")
    for node, count in outcome.accused.items():
        out.print(f"{node} was caught {count} times: its own signatures convict it")
    out.print(
        f"models      {outcome.accepted_count} accepted, {outcome.rejected_count} rejected;"
        f" score on G {percent(outcome.first_score)} -> {percent(outcome.final_score)}"
    )
    out.print(f"simulated   {seconds(outcome.time_us)}, {outcome.event_count} events")
    out.print(f"chain head  {outcome.chain_head.hex()}")
    out.print(f"trace       {outcome.trace_digest.hex()}")
    out.print(f"run         {escape(str(directory.path))}")
    out.print(f"repeat      {escape(summary['repeat'])}")
    out.print(f"audit       {escape(shlex.join(['tclearn', 'audit', str(directory.path)]))}")
