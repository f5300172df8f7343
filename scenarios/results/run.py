"""One run as data frames: what `tclearn run` wrote, read back and checked for its form.

Nothing here judges a run: its tables are what it says of itself. `tclearn audit` judges ledgers.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ledger.audit.compare import SUMMARY_FILE, SUMMARY_SIZE_MAX

from ..errors import ScenarioError
from ..run_directory import METRICS_FOLDER, SCENARIO_FILE, TRACE_FILE
from ..schema import Scenario
from ..source import load
from ..tables import COLUMNS, Kind
from .errors import ReportError

TABLE_SIZE_MAX = 2**30
"""The largest table, in bytes."""
LINE_SIZE_MAX = 2**20
"""The longest line of a trace, in bytes."""


_TRUTH = {"True": True, "False": False}


class RunResults:
    """What one run left; a table is read when it is first asked for.

    The tables and their columns are described in ``docs/scenarios.md``. Scores are in millionths,
    times in simulated microseconds, sizes in bytes; a gap is a missing value.
    """

    def __init__(self, path: Path, summary: Mapping[str, Any], scenario: Scenario) -> None:
        self.path = path
        """The run directory."""
        self.summary = summary
        """``run.json``: what the run says of itself."""
        self.scenario = scenario
        """What was asked for, every default spelled out."""
        self._tables: dict[str, pd.DataFrame] = {}

    @property
    def status(self) -> str:
        """``finished``, ``interrupted``, ``running`` or ``failed``."""
        return str(self.summary["status"])

    @property
    def has_tables(self) -> bool:
        """Whether it wrote its tables: a run does when it stops, not when it is killed."""
        return (self.path / METRICS_FOLDER).is_dir()

    @property
    def rounds(self) -> pd.DataFrame:
        """One row per height, as the first hospital to record it did.

        Raises:
            ReportError: When the table is missing or damaged; so do all others.
        """
        return self._table("rounds")

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per verdict."""
        return self._table("verdicts")

    @property
    def updates(self) -> pd.DataFrame:
        """One row per update that was handed in: its norm, whether it was poisoned, its fate."""
        return self._table("updates")

    @property
    def messages(self) -> pd.DataFrame:
        """One row per sender and receiver."""
        return self._table("messages")

    @property
    def costs(self) -> pd.DataFrame:
        """One row per hospital: signatures, computing time, what it sent."""
        return self._table("costs")

    @property
    def stages(self) -> pd.DataFrame:
        """One row per hospital and stage: computing time, or messages and bytes sent."""
        return self._table("stages")

    def scores(self, on: Literal["global", "local"]) -> pd.DataFrame:
        """What each hospital measured: a row per judged round, a column per hospital; millionths.

        A gap is a score that a hospital did not come to measure.

        Args:
            on: ``global`` for G, ``local`` for each hospital's own L.
        """
        verdicts = self.verdicts.drop_duplicates(["slot", "hospital"])
        judged = verdicts[verdicts.groupby("slot")["global_score"].transform("count") > 0]
        table = judged.pivot(index="slot", columns="hospital", values=f"{on}_score")
        hospitals = sorted(verdicts["hospital"].unique())
        return table.reindex(columns=hospitals).astype("Int64").rename_axis("round")

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the trace; one that was cut off by a kill ends them.

        Raises:
            ReportError: When there is no trace, or a line is not one of ours.
        """
        path = self.path / TRACE_FILE
        try:
            with path.open("rb") as lines:
                number = 0
                while line := lines.readline(LINE_SIZE_MAX):
                    number += 1
                    if not line.endswith(b"\n") and len(line) < LINE_SIZE_MAX:
                        return  # the run was killed as it wrote this
                    yield _event(line, path, number)
        except OSError as error:
            raise ReportError(f"cannot read {path}: {error.strerror}") from None

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            path = self.path / METRICS_FOLDER / f"{name}.csv"
            if not path.is_file() and self.status != "finished":
                why = f"the run is {self.status}" if self.status == "running" else "the run failed"
                raise ReportError(
                    f"{self.path} has no table {name!r}: {why}, and tables are written when a run "
                    f"stops; its blocks can be read: tclearn ledger log {self.path}"
                )
            self._tables[name] = _read_table(path, COLUMNS[name])
        return self._tables[name]


def load_run(directory: str | Path) -> RunResults:
    """Open a run directory.

    Raises:
        ReportError: When it is none, or what it says of itself cannot be read.
    """
    path = Path(directory)
    summary = _summary(path)
    scenario_file = path / SCENARIO_FILE
    if not scenario_file.is_file():
        raise ReportError(f"{path} is not a whole run: it has no {SCENARIO_FILE}")
    try:
        scenario = load(scenario_file)
    except ScenarioError as error:
        first = str(error).partition("\n")[0]
        raise ReportError(f"the scenario of the run {path} cannot be read: {first}") from None
    return RunResults(path, summary, scenario)


def _summary(path: Path) -> Mapping[str, Any]:
    file = path / SUMMARY_FILE
    try:
        if not file.is_file():
            what = "no directory" if not path.is_dir() else f"no run: it has no {SUMMARY_FILE}"
            raise ReportError(f"{path} is {what}; give the directory of a run, such as runs/NAME")
        if file.stat().st_size > SUMMARY_SIZE_MAX:
            raise ReportError(f"{file} is larger than {SUMMARY_SIZE_MAX} bytes")
        found = json.loads(file.read_bytes())
    except OSError as error:
        raise ReportError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ReportError(f"{file} is damaged: it is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("status"), str):
        raise ReportError(f"{file} is not the summary of a run: it has no status")
    return found


def _read_table(path: Path, columns: Mapping[str, Kind]) -> pd.DataFrame:
    """Read a table; every column of ours must be there and hold what it should."""
    try:
        if path.stat().st_size > TABLE_SIZE_MAX:
            raise ReportError(f"{path} is larger than {TABLE_SIZE_MAX} bytes")
        with path.open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines, strict=True)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, csv.Error):
        raise _damaged(path, "it is no table of comma-separated values") from None
    missing = [name for name in columns if name not in header]
    if missing:
        what = f"it has no column {missing[0]}; another version of tclearn may have written it"
        raise _damaged(path, what)
    short = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if short:
        raise _damaged(path, f"row {short[0]} has not {len(header)} values")
    read = {}
    for name, kind in columns.items():
        place = header.index(name)
        try:
            read[name] = _column([row[place] for row in rows], kind)
        except (ValueError, KeyError, OverflowError):
            raise _damaged(path, f"column {name} holds what is no {kind}") from None
    return pd.DataFrame(read)


def _column(values: Sequence[str], kind: Kind) -> "pd.Series[Any]":
    match kind:
        case "text":
            return pd.Series(values, dtype=object)
        case "truth":
            return pd.Series([_TRUTH[each] for each in values], dtype=bool)
        case "number":
            return pd.Series([float(each or "nan") for each in values], dtype="float64")
        case "whole":
            gaps = "" in values
            numbers = [int(each) if each else None for each in values]
            return pd.Series(numbers, dtype="Int64" if gaps else "int64")


def _damaged(path: Path, what: str) -> ReportError:
    return ReportError(f"{path} is damaged: {what}")


def _event(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"time_us", "event", "at"} <= found.keys():
        raise ReportError(f"{path}:{number} is damaged: it is no event of a run")
    return found
