"""Level L5: the run is run again from its inputs, and the replicas are compared block by block.

Core hashes are compared and nothing else: seals hold randomised signatures. Of a run that was
interrupted, what it recorded is compared with the beginning of the replay.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.audit.run import LEDGER_FOLDER
from ledger.errors import StoreError, Violation

from ..adversaries import expanded
from ..run_directory import RunDirectory, replica_name
from ..simulation.outcome import Outcome, RoundRow
from ..simulation.simulate import Follower, Stopped, simulate
from .divergence import Divergence, first_divergence
from .inputs import Inputs, summary
from .report import Progress, Tally
from .walk import Broken, Step, walk

FINISHED = "finished"
"""What a summary says of a run that was not cut short."""


def rerun(
    run: Path, replicas: Sequence[Path], inputs: Inputs, tally: Tally, progress: Progress
) -> None:
    """Run a scenario again in a temporary directory and compare what comes out.

    Args:
        run: The run.
        replicas: The ledger directories of replicas with the genesis of ``inputs``.
        inputs: What the run started from.
        tally: Added to.
        progress: Told the height that the replay has reached, and the last.

    Raises:
        StoreError: When a ledger cannot be read, or the replay cannot be written.
    """
    with replayed(inputs, progress) as (directory, _):
        compare_replicas(run, replicas, directory, inputs, tally)


@contextmanager
def replayed(
    inputs: Inputs,
    progress: Progress,
    stopped: Stopped = lambda: None,
    follower: Follower | None = None,
) -> Iterator[tuple[RunDirectory, Outcome]]:
    """Run again what these inputs give; the directory is gone when this is left.

    Args:
        inputs: What the run started from.
        progress: Told the height that the replay has reached, and the last.
        stopped: Asked whether it has gone far enough.
        follower: Looks on.

    Raises:
        StoreError: When the replay cannot be written.
    """
    last = inputs.scenario.rounds + 1

    def show(row: RoundRow) -> None:
        progress("replaying", row.height, last)

    try:
        scratch = TemporaryDirectory(prefix="tclearn-replay-")
    except OSError as error:
        raise StoreError(f"cannot make a directory for the replay: {error.strerror}") from None
    with scratch as path:
        directory = RunDirectory(Path(path))
        scenario, coalition = inputs.scenario, inputs.coalition
        yield directory, simulate(scenario, coalition, directory, show, stopped, follower)


def compare_replicas(
    run: Path,
    replicas: Sequence[Path],
    again: RunDirectory,
    inputs: Inputs,
    tally: Tally,
    *,
    whole: bool = True,
) -> None:
    """Compare recorded replicas with replayed ones, block by block.

    Args:
        run: The run.
        replicas: The ledger directories of its replicas.
        again: The replay.
        inputs: What both started from.
        tally: Added to.
        whole: Whether the replay went to its end; else only what both have is compared.
    """
    names = {replica_name(each): each for each in expanded(inputs.scenario).instances}
    finished = summary(run).get("status") == FINISHED
    comparison = _Comparison(run, tally, finished=finished, whole=whole)
    for directory in replicas:
        if directory.name in names:
            comparison.compare(directory, again.ledger(names[directory.name]))
        else:
            comparison.find(directory.name, "no such replica", "one")
    for name in sorted(names):
        if not (run / LEDGER_FOLDER / name).is_dir():
            comparison.missing(name)


class _Comparison:
    """Compares recorded replicas with replayed ones."""

    def __init__(self, run: Path, tally: Tally, *, finished: bool, whole: bool) -> None:
        self._run = run
        self._tally = tally
        self._finished = finished
        self._whole = whole

    def compare(self, recorded: Path, replayed: Path) -> None:
        """Go along two replicas to the first block in which they differ."""
        name = recorded.name
        sound = (step for step in walk(replayed) if isinstance(step, Step))
        for height, (ours, theirs) in enumerate(zip_longest(sound, walk(recorded))):
            if isinstance(theirs, Broken):
                reason = f"the block is not sound ({theirs.violation.code})"
                self._tally.leave(f"{name}: not replayed from height {height} on: {reason}")
                return
            if theirs is None:
                if self._whole:
                    self._ends_early(name, height)
                return
            if ours is None:
                if not self._whole:
                    return
                self.find(name, f"no block after height {height - 1}", "one", theirs)
                return
            self._tally.counters.blocks += 1
            if ours.core_hash != theirs.core_hash:
                self._differ(name, ours, theirs)
                return

    def missing(self, name: str) -> None:
        """A replica of the replay has no counterpart in the run."""
        if self._finished:
            self.find(name, "the replica of an instance of the scenario", "none")
        else:
            self._tally.leave(f"{name}: an instance of the scenario without a replica")

    def find(self, name: str, expected: str, found: str, step: Step | None = None) -> None:
        """Report where a replica and its replay part."""
        folder = f"{LEDGER_FOLDER}/{name}"
        self._tally.find(
            "L5",
            Violation("REPLAY_DIFFERS", expected, found),
            node=name,
            height=None if step is None else step.after.height,
            file=folder if step is None else str(step.file.relative_to(self._run)),
            offset=None if step is None else step.offset,
        )

    def _differ(self, name: str, ours: Step, theirs: Step) -> None:
        whole = Divergence("core hash", ours.core_hash.hex(), theirs.core_hash.hex())
        parting = first_divergence(ours.block.core, theirs.block.core) or whole
        self.find(name, f"{parting.field} {parting.first}", parting.second, theirs)

    def _ends_early(self, name: str, height: int) -> None:
        """A finished run has all that its replay has; of others, a part is what is to be found."""
        if self._finished:
            self._tally.find(
                "L5",
                Violation("REPLAY_DIFFERS", f"a block at height {height}", "none"),
                node=name,
                height=height,
                file=f"{LEDGER_FOLDER}/{name}",
            )
        else:
            self._tally.leave(
                f"{name}: the replay goes on from height {height}; the run says that it did not"
                " finish, and a cut tail would look the same"
            )
