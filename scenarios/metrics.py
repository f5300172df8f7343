"""The tables of a run as CSV: one file for each kind, one row for each thing."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ledger.errors import StoreError

from .simulation.outcome import Outcome

_Row = TypeVar("_Row")


def tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """The tables by name: ``rounds``, ``verdicts``, ``messages`` and ``costs``.

    Scores are in millionths, times in simulated microseconds, sizes in bytes.
    """
    return {
        "rounds": _table(
            outcome.rounds,
            {
                "height": lambda row: row.height,
                "type": lambda row: row.type.value,
                "proposer": lambda row: row.proposer,
                "authors": lambda row: " ".join(row.authors),
                "global_score": lambda row: row.global_score,
                "accept_count": lambda row: row.accept_count,
                "reject_count": lambda row: sum(row.reject_reasons.values()),
                "reject_reasons": lambda row: " ".join(
                    f"{reason}:{count}" for reason, count in row.reject_reasons.items()
                ),
                "voter_count": lambda row: row.voter_count,
                "decided_us": lambda row: row.decided_us,
            },
        ),
        "verdicts": _table(
            outcome.verdicts,
            {
                "slot": lambda row: row.slot,
                "hospital": lambda row: row.instance,
                "accept": lambda row: row.accept,
                "reason": lambda row: row.reason,
                "global_score": lambda row: row.global_score,
                "local_score": lambda row: row.local_score,
                "time_us": lambda row: row.time_us,
            },
        ),
        "messages": _table(
            outcome.traffic.items(),
            {
                "sender": lambda row: row[0][0],
                "receiver": lambda row: row[0][1],
                "message_count": lambda row: row[1].message_count,
                "size_bytes": lambda row: row[1].size_bytes,
                "held_count": lambda row: row[1].held_count,
                "dropped_count": lambda row: row[1].dropped_count,
            },
        ),
        "costs": _table(
            outcome.instances,
            {
                "hospital": lambda row: row.instance,
                "height": lambda row: row.height,
                "signature_count": lambda row: row.signature_count,
                "busy_us": lambda row: row.busy_us,
                "message_count": lambda row: row.sent.message_count,
                "size_bytes": lambda row: row.sent.size_bytes,
            },
        ),
    }


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


def _table(rows: Iterable[_Row], columns: Mapping[str, Callable[[_Row], object]]) -> pd.DataFrame:
    """Lay rows out in columns, which a table without rows has, too."""
    kept = list(rows)
    table = pd.DataFrame({name: [value(row) for row in kept] for name, value in columns.items()})
    scores = [name for name in columns if name.endswith("_score")]
    return table.astype(dict.fromkeys(scores, "Int64"))  # whole numbers, gaps left empty
