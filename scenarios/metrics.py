"""Writes the tables of a run as CSV: one file for each kind, one row for each thing."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ledger.errors import StoreError

from .simulation.handed_in import UpdateRow
from .simulation.outcome import Outcome
from .simulation.stages import Work
from .tables import COLUMNS, Kind


def _of_origin(name: str, row: UpdateRow) -> object:
    return getattr(row.origin, name)


_VALUES: Mapping[str, Mapping[str, Callable[[Any], object]]] = {
    "rounds": {
        "type": lambda row: row.type.value,
        "authors": lambda row: " ".join(row.authors),
        "reject_count": lambda row: sum(row.reject_reasons.values()),
        "reject_reasons": lambda row: " ".join(
            f"{reason}:{count}" for reason, count in row.reject_reasons.items()
        ),
    },
    "verdicts": {"hospital": lambda row: row.instance},
    "updates": {
        "hospital": lambda row: row.instance,
        **{
            name: partial(_of_origin, name)
            for name in ("norm", "sent_norm", "over_bound", "poisoned", "forged")
        },
        "refused_count": lambda row: len(row.refused_by),
        "refused_by": lambda row: " ".join(row.refused_by),
        "fate": lambda row: row.fate.value,
    },
    "messages": {
        "sender": lambda row: row[0][0],
        "receiver": lambda row: row[0][1],
        "message_count": lambda row: row[1].message_count,
        "size_bytes": lambda row: row[1].size_bytes,
        "held_count": lambda row: row[1].held_count,
        "dropped_count": lambda row: row[1].dropped_count,
    },
    "costs": {
        "hospital": lambda row: row.instance,
        "message_count": lambda row: row.sent.message_count,
        "size_bytes": lambda row: row.sent.size_bytes,
    },
    "stages": {
        "hospital": lambda row: row.instance,
        "kind": lambda row: "computing" if isinstance(row.stage, Work) else "sending",
        "stage": lambda row: row.stage.value,
        "message_count": lambda row: row.sent.message_count,
        "size_bytes": lambda row: row.sent.size_bytes,
    },
}
"""How a column comes from a row, where it is not the row's field of its name."""
_TYPES: Mapping[Kind, str] = {
    "text": "object",
    "whole": "Int64",  # stays whole where there are gaps
    "number": "float64",
    "truth": "bool",
}


def tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """The tables by name, as `COLUMNS` says.

    Scores are in millionths, times in simulated microseconds, sizes in bytes.
    """
    rows: Mapping[str, Iterable[object]] = {
        "rounds": outcome.rounds,
        "verdicts": outcome.verdicts,
        "updates": outcome.updates,
        "messages": outcome.traffic.items(),
        "costs": outcome.instances,
        "stages": outcome.stages,
    }
    return {name: _table(name, rows[name]) for name in COLUMNS}


def write_tables(outcome: Outcome, folder: Path) -> None:
    """Write every table.

    Raises:
        StoreError: When a file cannot be written.
    """
    try:
        folder.mkdir(exist_ok=True)
        for name, table in tables(outcome).items():
            table.to_csv(folder / f"{name}.csv", index=False)
    except OSError as error:
        raise StoreError(f"cannot write the tables in {folder}: {error.strerror}") from None


def _table(name: str, rows: Iterable[object]) -> pd.DataFrame:
    """Lay rows out in columns, which a table without rows has, too."""
    kept, kinds, values = list(rows), COLUMNS[name], _VALUES[name]
    table = pd.DataFrame(
        {column: [_value(row, column, values.get(column)) for row in kept] for column in kinds}
    )
    return table.astype({column: _TYPES[kind] for column, kind in kinds.items()})


def _value(row: object, column: str, value: Callable[[Any], object] | None) -> object:
    return getattr(row, column) if value is None else value(row)
