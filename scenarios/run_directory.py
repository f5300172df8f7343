"""The directory of one run: made once, never over another run, readable by the audit alone.

    run.json  scenario.yaml  ledger/<instance>/  blobs/  trace.jsonl  metrics/*.csv

``run.json`` says "running" from the first moment, so that a run that was killed shows as such.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ledger.audit.compare import SUMMARY_FILE
from ledger.audit.run import BLOBS_FOLDER, LEDGER_FOLDER
from ledger.durability import replace_file
from ledger.errors import StoreError
from ledger.evidence import Evidence, encode_evidence

SCENARIO_FILE = "scenario.yaml"
"""The resolved scenario, every default spelled out."""
TRACE_FILE = "trace.jsonl"
"""What was sent, delivered and decided."""
METRICS_FOLDER = "metrics"
"""Tables as CSV."""
EVIDENCE_FOLDER = "evidence"
"""Files that `tclearn evidence` judges."""
DEFAULT_COUNT_MAX = 10_000
"""Runs of one scenario that get a name of their own below the default folder."""

_REMEDY = "give another directory with --out"


class RunDirectory:
    """Paths of a run, and its summary."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """The run."""
        self.trace = path / TRACE_FILE
        """The trace."""
        self.blobs = path / BLOBS_FOLDER
        """The models."""
        self.metrics = path / METRICS_FOLDER
        """The tables."""
        self.evidence = path / EVIDENCE_FOLDER
        """Proofs of misconduct."""

    def ledger(self, instance: str) -> Path:
        """The replica of an instance: ``hospital-5/twin`` is in ``hospital-5.twin``."""
        return self.path / LEDGER_FOLDER / replica_name(instance)

    def check_free(self) -> None:
        """Check that nothing is there yet.

        Raises:
            StoreError: When something is, or it cannot be told.
        """
        try:
            found = next(self.path.iterdir(), None) if self.path.exists() else None
        except OSError as error:
            raise _cannot_write(self.path, error) from None
        if found is not None:
            raise _taken(self.path, found.name)

    def create(self, scenario_text: str, summary: Mapping[str, Any]) -> None:
        """Make the directory and write what is known before the run starts.

        Raises:
            StoreError: When it holds anything already or cannot be written.
        """
        self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Of two runs that start at once, one makes this file.
            (self.path / SUMMARY_FILE).touch(exist_ok=False)
            replace_file(self.path / SUMMARY_FILE, _json(summary))
            replace_file(self.path / SCENARIO_FILE, scenario_text.encode())
        except OSError as error:
            if isinstance(error, FileExistsError) and self.path.is_dir():
                raise _taken(self.path, SUMMARY_FILE) from None
            raise _cannot_write(self.path, error) from None

    def keep_evidence(self, name: str, evidence: Evidence) -> None:
        """Keep a proof of misconduct; the first of a name stays.

        Raises:
            StoreError: When it cannot be written.
        """
        path = self.evidence / f"{name}.cbor"
        if path.exists():
            return
        try:
            self.evidence.mkdir(exist_ok=True)
            replace_file(path, encode_evidence(evidence))
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Replace the summary.

        Raises:
            StoreError: When it cannot be written.
        """
        try:
            replace_file(self.path / SUMMARY_FILE, _json(summary))
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def write_failure(self, summary: Mapping[str, Any], reason: str) -> None:
        """Say in the summary that the run failed and why, where it can still be written."""
        with suppress(StoreError):
            self.write_summary({**summary, "status": "failed", "reason": reason})


def replica_name(instance: str) -> str:
    """The folder of an instance's replica."""
    return instance.replace("/", ".")


def check_writable(path: Path) -> None:
    """Check that a directory could be made, as far as can be told before it is.

    Raises:
        StoreError: When what stands above it is no directory, or may not be written.
    """
    try:
        above = next(each for each in (path, *path.absolute().parents) if each.exists())
    except OSError as error:
        raise _cannot_write(path, error) from None
    if not above.is_dir():
        reason = f"{above} is not a directory"
    elif not os.access(above, os.W_OK | os.X_OK):
        reason = f"no permission to write in {above}"
    else:
        return
    raise StoreError(f"cannot write the run {path}: {reason}; {_REMEDY}")


def make_default_directory(parent: Path, scenario: str) -> Path:
    """Make a directory for a run of a scenario: its name, or its name with the next number.

    Raises:
        StoreError: When all numbers are taken, or it cannot be made.
    """
    for number in range(1, DEFAULT_COUNT_MAX + 1):
        path = parent / (scenario if number == 1 else f"{scenario}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue  # another run's, perhaps one that started a moment ago
        except OSError as error:
            raise _cannot_write(path, error) from None
        return path
    raise StoreError(f"{parent} holds {DEFAULT_COUNT_MAX} runs of {scenario}; give one with --out")


def _json(summary: Mapping[str, Any]) -> bytes:
    return (json.dumps(summary, indent=2) + "\n").encode()


def _taken(path: Path, name: str) -> StoreError:
    what = "another run" if (path / SUMMARY_FILE).exists() else f"other files ({name})"
    return StoreError(f"{path} holds {what}; {_REMEDY}, or remove it")


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write the run {path}: {error.strerror}; {_REMEDY}")
