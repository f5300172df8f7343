"""Runs as `tclearn run` leaves them, made in this process: small, and quick to make."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import scenarios.cli.run as command

SMALL = """
scenario: small
seed: 7
rounds: 4
hospitals: 4
model: {kind: logistic}
training: {epochs: 1}
signature: Ed25519
ledger: {checkpoint_every: 2}
faults:
  - {kind: poison, hospital: hospital-4, attack: sign-flip, from_round: 4, factor: 20}
"""
"""Four rounds, of which the last one is refused, and the end."""
END = 5
"""The last height of such a run."""


def recorded(folder: Path, *overrides: str, events: int | None = None, text: str = SMALL) -> Path:
    """Run a scenario as the command does; its directory.

    Args:
        folder: Where to put the scenario and the run.
        overrides: As after ``--set``.
        events: After how many events of the simulation a signal comes; None for never.
        text: The scenario.
    """
    folder.mkdir(exist_ok=True)
    scenario, run = folder / "small.yaml", folder / "run"
    scenario.write_text(text, "utf-8")
    with patch.object(command, "stop_on_signal", lambda _: _stopping(events)):
        command.run_command(str(scenario), None, run, overrides, as_json=False, quiet=True)
    return run


class _Stop:
    def __init__(self, events: int | None) -> None:
        self._left = events

    def signal(self) -> int | None:
        """The signal, once its time has come."""
        if self._left is None:
            return None
        self._left -= 1
        return 15 if self._left < 0 else None


@contextmanager
def _stopping(events: int | None) -> Iterator[_Stop]:
    yield _Stop(events)
