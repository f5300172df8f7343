"""The tables of a run as CSV: one file for each kind, one row for each thing."""

from pathlib import Path

import pandas as pd

from ledger.errors import StoreError

from .simulation.outcome import Outcome


def tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """The tables by name: ``rounds``, ``verdicts``, ``messages`` and ``costs``.

    Scores are in millionths, times in simulated microseconds, sizes in bytes.
    """
    return {
        "rounds": pd.DataFrame(
            {
                "height": row.height,
                "type": row.type.value,
                "proposer": row.proposer,
                "authors": " ".join(row.authors),
                "global_score": row.global_score,
                "accept_count": row.accept_count,
                "reject_count": sum(row.reject_reasons.values()),
                "reject_reasons": " ".join(
                    f"{reason}:{count}" for reason, count in row.reject_reasons.items()
                ),
                "voter_count": row.voter_count,
                "decided_us": row.decided_us,
            }
            for row in outcome.rounds
        ),
        "verdicts": pd.DataFrame(
            {
                "slot": row.slot,
                "hospital": row.instance,
                "accept": row.accept,
                "reason": row.reason,
                "global_score": row.global_score,
                "local_score": row.local_score,
                "time_us": row.time_us,
            }
            for row in outcome.verdicts
        ),
        "messages": pd.DataFrame(
            {
                "sender": sender,
                "receiver": receiver,
                "message_count": traffic.message_count,
                "size_bytes": traffic.size_bytes,
                "held_count": traffic.held_count,
                "dropped_count": traffic.dropped_count,
            }
            for (sender, receiver), traffic in outcome.traffic.items()
        ),
        "costs": pd.DataFrame(
            {
                "hospital": row.instance,
                "height": row.height,
                "signature_count": row.signature_count,
                "busy_us": row.busy_us,
                "message_count": row.sent.message_count,
                "size_bytes": row.sent.size_bytes,
            }
            for row in outcome.instances
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
            for column in table.columns[table.columns.str.endswith("_score")]:
                table[column] = table[column].astype("Int64")  # whole numbers, gaps left empty
            table.to_csv(folder / f"{name}.csv", index=False)
    except OSError as error:
        raise StoreError(f"cannot write the tables in {folder}: {error.strerror}") from None
