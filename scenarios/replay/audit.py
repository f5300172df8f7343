"""Levels L4 and L5 of a run: rebuild its inputs, judge again, replay.

torch and simpy take seconds to load: the modules that need them are imported when they are called.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.digest import Digest
from ledger.audit.run import replica_directories
from ledger.genesis import Genesis
from ledger.store import segment_path

from ..run_directory import SCENARIO_FILE
from .report import Progress, ReplayLevel, ReplayReport, Tally
from .walk import Broken, Step, walk

if TYPE_CHECKING:
    from .inputs import Inputs


def audit_by_replay(
    run: Path, level: ReplayLevel, progress: Progress = lambda _task, _done, _total: None
) -> ReplayReport:
    """Judge every candidate of a run again and, at level L5, run it again.

    Nothing is written into the run. What the levels below find is not looked for again: an audit
    at these levels is `ledger.audit.audit_run` and this.

    Args:
        run: The run directory.
        level: How far to go.
        progress: Called with what is being done, how far it is, and how far it goes.

    Raises:
        StoreError: When ``run`` is not a run directory, a file cannot be read, or there is no room
            for the replay.
    """
    tally = Tally()
    groups = by_genesis(replica_directories(run), tally)
    for genesis, replicas in groups:
        inputs = inputs_of(run, genesis, replicas, tally, alone=len(groups) == 1)
        if inputs is None:
            continue
        from .rerun import rerun
        from .revalidate import revalidate

        revalidate(run, replicas, inputs, tally, progress)
        if level == "L5":
            rerun(run, replicas, inputs, tally, progress)
    return tally.report()


def by_genesis(replicas: Sequence[Path], tally: Tally) -> list[tuple[Genesis, list[Path]]]:
    """Group replicas by the genesis they hold; more than one group is a finding of level LA."""
    groups: dict[Digest, tuple[Genesis, list[Path]]] = {}
    for directory in replicas:
        match next(walk(directory), None):
            case None:
                tally.leave(f"{directory.name}: holds no block")
            case Broken(violation=violation):
                reason = f"its genesis is not sound ({violation.code})"
                tally.leave(f"{directory.name}: not replayed: {reason}")
            case Step(after=state):
                _, group = groups.setdefault(state.chain_id, (state.genesis, []))
                group.append(directory)
    return list(groups.values())


def inputs_of(
    run: Path, genesis: Genesis, replicas: Sequence[Path], tally: Tally, *, alone: bool
) -> "Inputs | None":
    """The inputs that a genesis names; None, and why in the tally, where there are no such."""
    from .inputs import SCENARIO_DIFFERS, IncomparableError, rebuild

    first = replicas[0]
    names = "the run" if alone else ", ".join(each.name for each in replicas)
    try:
        inputs = rebuild(run, genesis)
    except IncomparableError as error:
        tally.leave(f"{names}: neither judged again nor replayed: {error}")
        return None
    if isinstance(inputs, tuple):
        for violation in inputs:
            of_scenario = violation.code == SCENARIO_DIFFERS
            segment = str(segment_path(first, 0).relative_to(run))
            tally.find(
                "L4",
                violation,
                node=None if alone else first.name,
                height=0,
                file=SCENARIO_FILE if of_scenario else segment,
                offset=None if of_scenario else 0,
            )
        tally.leave(f"{names}: neither judged again nor replayed: the inputs are not those named")
        return None
    return inputs
