"""``tclearn replay``: a run is done again from its inputs, and everything it recorded is compared.

More than level L5 of an audit, which compares core hashes: the trace, too, line by line. Of a run
that did not finish, or up to a slot, what is there is compared with the beginning of the replay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.audit.finding import Finding
from ledger.audit.run import replica_directories

from ..run_directory import TRACE_FILE, replica_name
from .audit import by_genesis, inputs_of
from .report import Progress, Tally
from .traces import TraceComparison, compare_traces
from .walk import Step, walk

if TYPE_CHECKING:
    from .inputs import Inputs
    from .telling import Telling

INTERRUPTED = "interrupted"
"""What a summary says of a run that a signal stopped, and that wrote down how far it came."""

_End = tuple[int | None, str | None]
_NOTHING: _End = (None, None)
_NO_LINE = "no line"
_ENOUGH = 15
"""What stops a replay that has gone far enough; as a signal would."""


@dataclass(frozen=True, slots=True)
class ReplicaPair:
    """One replica, as recorded and as replayed."""

    recorded_height: int | None
    """Of its last sound block; None where there is none."""
    recorded_head: str | None
    """Core hash of that block, in hexadecimal."""
    replayed_height: int | None
    """The same of the replay."""
    replayed_head: str | None
    """The same of the replay."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found."""

    status: str
    """What the run says of itself: ``finished``, ``interrupted`` …"""
    replayed: bool
    """Whether it could be done at all."""
    whole: bool
    """Whether it went to the end of the run."""
    trace: TraceComparison | None
    """The traces compared; None where there was nothing to compare."""
    stated_digest: str | None
    """The trace digest in the run's summary."""
    replayed_digest: str | None
    """That of the replay."""
    replicas: Mapping[str, ReplicaPair]
    """By folder."""
    findings: tuple[Finding, ...]
    """Where blocks, or the inputs, differ."""
    unchecked: tuple[str, ...]
    """What could not be compared, and why."""

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs, the first thing first; none where all is the same."""
        found = tuple(str(each) for each in self.findings)
        trace = self.trace
        if trace is None:
            return found
        if trace.parting is not None:
            expected, there = trace.parting.replayed, trace.parting.recorded
            line = f"line {trace.parting.line} of {TRACE_FILE}"
            return (f"{line}: expected {expected or _NO_LINE}, found {there or _NO_LINE}", *found)
        if self.stated_digest not in (None, trace.recorded):
            stated = f"the digest {self.stated_digest} that run.json states"
            return (*found, f"{TRACE_FILE}: expected {stated}, found {trace.recorded}")
        return found

    @property
    def exit_status(self) -> int:
        """0 the same, 1 not, 3 where it cannot be told of all."""
        if self.differences:
            return 1
        return 3 if self.unchecked or not self.replayed else 0


def replay(run: Path, progress: Progress, telling: "Telling | None" = None) -> Replay:
    """Do a run again and compare it with what it recorded. Nothing is written into the run.

    Args:
        run: The run directory.
        progress: Called with what is being done, how far it is, and how far it goes.
        telling: Keeps what happened to some hospitals; where it has a last slot, the replay ends
            there.

    Raises:
        StoreError: When ``run`` is not a run directory, a file cannot be read, or there is no room
            for the replay.
    """
    tally = Tally()
    directories = replica_directories(run)
    groups = by_genesis(directories, tally)
    if len(groups) != 1:
        if groups:
            tally.leave("the replicas begin with different genesis blocks: see tclearn audit")
        return _not_replayed(run, directories, tally)
    genesis, replicas = groups[0]
    inputs = inputs_of(run, genesis, replicas, tally, alone=True)
    if inputs is None:
        return _not_replayed(run, directories, tally)
    return _replay(run, directories, replicas, inputs, tally, progress, telling)


def _replay(
    run: Path,
    directories: Sequence[Path],
    replicas: Sequence[Path],
    inputs: "Inputs",
    tally: Tally,
    progress: Progress,
    telling: "Telling | None",
) -> Replay:
    from .inputs import summary
    from .rerun import FINISHED, compare_replicas, replayed

    stated = summary(run)
    status = str(stated.get("status"))
    recorded = {each.name: _end(each) for each in directories}
    last = max((height for height, _ in recorded.values() if height is not None), default=0)
    until = None if telling is None else telling.until
    reached = 0

    def show(what: str, done: int, total: int) -> None:
        nonlocal reached
        reached = max(reached, done)
        progress(what, done, total)

    def stopped() -> int | None:
        if telling is not None and until is not None:
            enough = telling.complete
        else:
            enough = status != FINISHED and reached > last
        return _ENOUGH if enough else None

    with replayed(inputs, show, stopped, telling) as (again, outcome):
        whole = outcome.stopped_by is None and status == FINISHED
        compare_replicas(run, replicas, again, inputs, tally, whole=whole)
        trace = _traces(run, again.trace, tally, whole=whole)
        ends = {row.instance: (row.height, row.chain_head.hex()) for row in outcome.instances}
    if status not in (FINISHED, INTERRUPTED):
        tally.leave(f"the run says that it is {status}: its end cannot be told from a cut")
    names = {replica_name(each): end for each, end in ends.items()}
    pairs = {
        name: ReplicaPair(*recorded.get(name, _NOTHING), *names.get(name, _NOTHING))
        for name in sorted(recorded.keys() | names.keys())
    }
    digest, report = outcome.trace_digest.hex(), tally.report()
    stated_digest = _text(stated.get("trace_digest"))
    compared = (trace, stated_digest, digest, pairs, report.findings, report.unchecked)
    return Replay(status, True, whole, *compared)


def _not_replayed(run: Path, directories: Sequence[Path], tally: Tally) -> Replay:
    from .inputs import summary

    pairs = {each.name: ReplicaPair(*_end(each), *_NOTHING) for each in directories}
    report, stated = tally.report(), summary(run)
    compared = (_text(stated.get("trace_digest")), None, pairs, report.findings, report.unchecked)
    return Replay(str(stated.get("status")), False, False, None, *compared)


def _traces(run: Path, again: Path, tally: Tally, *, whole: bool) -> TraceComparison | None:
    recorded = run / TRACE_FILE
    if not recorded.is_file():
        tally.leave(f"the run has no {TRACE_FILE}: only its blocks were compared")
        return None
    return compare_traces(recorded, again, whole=whole)


def _end(directory: Path) -> _End:
    """Height and core hash of the last sound block of a replica."""
    end: _End = _NOTHING
    for step in walk(directory):
        if isinstance(step, Step):
            end = step.after.height, step.core_hash.hex()
    return end


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
