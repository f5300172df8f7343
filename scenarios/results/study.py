"""One study as data frames: what `tclearn study` wrote, read back and checked for its form."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ledger.errors import StoreError

from ..studies.store import CELLS_FOLDER, RESULTS_FILE, SUMMARY_FILE, read_json
from .errors import ReportError

CELL_SIZE_MAX = 2**30
"""The largest file of a cell, in bytes."""


class StudyResults:
    """What one study found; a table is made when it is first asked for.

    The tables and their columns are described in ``docs/studies.md``. Every table has a column for
    each axis, called as the axis is.
    """

    def __init__(self, path: Path, summary: Mapping[str, Any]) -> None:
        self.path = path
        """The study directory."""
        self.summary = summary
        """``results.json``."""
        self.axes = tuple(str(axis["name"]) for axis in summary["axes"])
        """The axes, in order."""
        self._replicas: pd.DataFrame | None = None

    @property
    def as_expected(self) -> bool:
        """Whether everything came out that the author expects."""
        return bool(self.summary["as_expected"])

    @property
    def cells(self) -> pd.DataFrame:
        """One row per cell.

        Its id, axes and replications; the estimate of the question with its interval and theory
        (``of``, ``value``, ``low``, ``high``, ``theory``); and of each measure ``<measure>.mean``
        and so on, or ``<measure>.held`` and so on.
        """
        rows = []
        for cell in self.summary["cells"]:
            row = {"cell": cell["id"], **cell["axes"], "replications": cell["replications"]}
            row |= cell["estimate"]
            for name, values in cell["measures"].items():
                row |= {f"{name}.{key}": value for key, value in values.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def thresholds(self) -> pd.DataFrame:
        """One row per threshold; none where the question is another.

        Its axes, ``of``, ``hospitals``, ``located`` and ``located_fraction``, ``held`` and
        ``broken`` (the interval), ``theory``, ``agrees``, ``decided``, ``note``, ``confidence`` and
        ``replications``.
        """
        rows = []
        for each in self.summary["thresholds"]:
            rest = {key: each[key] for key in each if key not in _NOT_FLAT}
            held, broken = each["interval"]
            rows.append({**each["axes"], **rest, "held": held, "broken": broken})
        table = pd.DataFrame(rows)
        for column in _WHOLE & set(table.columns):
            table[column] = table[column].astype("Int64")
        return table

    @property
    def probes(self) -> pd.DataFrame:
        """One row per probe of a threshold, with the interval of its rate.

        Its axes, ``faulty``, in how many of the ``replications`` it ``held``, ``low``, ``high``.
        """
        return pd.DataFrame(
            [
                {**each["axes"], **probe}
                for each in self.summary["thresholds"]
                for probe in each["probes"]
            ]
        )

    @property
    def replicas(self) -> pd.DataFrame:
        """One row per replica: the axes of its cell, ``cell``, ``replica``, ``seed``, its measures.

        Raises:
            ReportError: A cell is missing or damaged.
        """
        if self._replicas is None:
            rows = [row for cell in self.summary["cells"] for row in self._rows(cell)]
            self._replicas = pd.DataFrame(rows)
        return self._replicas

    def _rows(self, cell: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        path = self.path / CELLS_FOLDER / f"{cell['id']}.jsonl"
        try:
            if path.stat().st_size > CELL_SIZE_MAX:
                raise ReportError(f"{path} is larger than {CELL_SIZE_MAX} bytes")
            lines = path.read_bytes().splitlines()[1:]
            rows = [json.loads(line) for line in lines]
        except OSError as error:
            raise ReportError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, RecursionError):
            rows = [None]
        if len(rows) != cell["replications"] or not all(isinstance(row, dict) for row in rows):
            raise ReportError(f"{path} is damaged; remove it, and tclearn study --resume mends it")
        for row in rows:
            yield {"cell": cell["id"], **cell["axes"], **row}


_NOT_FLAT = frozenset({"axes", "interval", "theory_interval", "probes"})
_WHOLE = frozenset({"located", "held", "broken", "theory"})
_NEEDED: Mapping[str, type] = {
    "axes": list,
    "cells": list,
    "thresholds": list,
    "expectations": list,
    "question": dict,
    "as_expected": bool,
}


def load_study(directory: str | Path) -> StudyResults:
    """Open the directory of a study that is finished.

    Raises:
        ReportError: When it is none, or what it says of itself cannot be read.
    """
    path = Path(directory)
    try:
        results = read_json(path / RESULTS_FILE)
        summary = read_json(path / SUMMARY_FILE)
    except StoreError as error:
        raise ReportError(str(error)) from None
    if summary is None:
        what = "no directory" if not path.is_dir() else f"no study: it has no {SUMMARY_FILE}"
        raise ReportError(f"{path} is {what}; give the directory of a study, such as studies/NAME")
    if results is None:
        command = summary.get("repeat", "tclearn study NAME")
        raise ReportError(
            f"{path} is not finished ({summary.get('status')}); go on with: "
            f"{command} --out {path} --resume"
        )
    for key, kind in _NEEDED.items():
        if not isinstance(results.get(key), kind):
            raise ReportError(f"{path / RESULTS_FILE} is damaged: it has no {key}")
    return StudyResults(path, results)
