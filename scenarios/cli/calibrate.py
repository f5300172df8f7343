"""``tclearn calibrate``: how likely a hospital accepts, measured from real training."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ledger.errors import StoreError

from ..run_directory import check_writable
from ..simulation.costs import load_profile
from ..source import load
from ..units import PPM
from .output import console, percent, stdout_reserved, write_json
from .stopping import Stop, stop_on_signal

if TYPE_CHECKING:
    from ..calibration.result import Calibration, Chance

_QUIET_S = 2.0
"""Seconds after which progress is shown."""


def calibrate_command(
    name: str,
    runs: int,
    workers: int | None,
    out: Path | None,
    seed: int | None,
    overrides: Sequence[str],
    as_json: bool,
) -> int:
    """Measure, print and keep; 0, or 128 + the number of the signal that stopped it."""
    chosen = list(overrides) if seed is None else [*overrides, f"seed={seed}"]
    scenario = load(name, chosen)
    load_profile(scenario.costs)
    _check_free(out)
    with (
        stop_on_signal("stopping; the runs under way end first") as stop,
        stdout_reserved(as_json),
        _progress(runs) as show,
    ):
        # torch takes seconds to load: once the scenario is known to be good.
        from ..calibration.measure import calibrate, usable_cores

        cores = usable_cores() if workers is None else workers
        found = calibrate(scenario, runs, cores, show, stop.asked)
    if found is None:
        return _stopped(stop)
    if out is not None:
        _keep(found, out)
    if as_json:
        write_json(found.as_data())
    else:
        _print(found, out)
    return 0


def _stopped(stop: Stop) -> int:
    console(error=True).print("interrupted; nothing was written")
    return 128 + (stop.signal() or 0)


def _check_free(out: Path | None) -> None:
    """Fail now, and not after minutes."""
    if out is None:
        return
    if out.exists():
        raise StoreError(f"{out} exists; give another file with --out, or remove it")
    check_writable(out.parent)


def _keep(found: "Calibration", out: Path) -> None:
    from ..calibration.result import to_yaml

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.write(to_yaml(found))
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror}") from None


def _print(found: "Calibration", out: Path | None) -> None:
    table = Table("candidate", "accepted", "interval", "verdicts", "runs", box=None, pad_edge=False)
    _row(table, "good", found.good)
    for name, chance in found.attacks.items():
        _row(table, name, chance)
    if found.poisoned is not None and len(found.attacks) > 1:
        _row(table, "all poisoned", found.poisoned)
    voice = console()
    voice.print(table)
    voice.print()
    voice.print(
        f"How often an honest hospital accepts, in {len(found.seeds)} runs of {found.scenario};"
        f" intervals of {percent(round(found.confidence * PPM))} over runs."
    )
    if out is not None:
        voice.print(f"kept        {escape(str(out))}; in a study:  calibration: {escape(str(out))}")
    else:
        voice.print("keep it     with --out FILE, for the key `calibration` of a study")


def _row(table: Table, name: str, chance: "Chance") -> None:
    table.add_row(
        name,
        percent(chance.rate_ppm),
        f"{percent(chance.low_ppm)} to {percent(chance.high_ppm)}",
        str(chance.count),
        str(chance.runs),
    )


class _Show:
    """A bar that appears when it takes longer."""

    def __init__(self, progress: Progress, runs: int) -> None:
        self._progress = progress
        self._begun = time.monotonic()
        self._task = progress.add_task("running", total=runs)
        self._shown = False

    def __call__(self, done: int) -> None:
        """Show how many runs are done."""
        if not self._shown and time.monotonic() - self._begun > _QUIET_S:
            self._progress.start()
            self._shown = True
        self._progress.update(self._task, completed=done)


@contextmanager
def _progress(runs: int) -> Iterator[_Show]:
    voice = console(error=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=voice,
        transient=True,
        disable=not voice.is_terminal,
    )
    try:
        yield _Show(progress, runs)
    finally:
        progress.stop()
