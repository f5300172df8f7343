"""What a `split` is made of: twins, a cut between them that never heals, and lies about slices.

Each liar runs twice under one key, one instance on each side, so that two quorums meet in nobody
who would notice. Both instances follow the protocol: the fork shows a bound, not a bug.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.quorum import QuorumSets, is_quorum_slice
from crypto.identity import NodeId

from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..schema_adversaries import Slices, Split
from ..schema_faults import Fault, Partition, Twin, twin_of
from .splitting import minimum_splitting

_TELLS_SLICES = "scp"
"""The protocol whose statements say whom their sender trusts."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a split is carried out."""

    needed: int | None
    """How many hospitals must lie for a fork; None if no number is enough."""
    liars: tuple[NodeId, ...]
    """Who is twinned."""
    faults: tuple[Fault, ...]
    """The twins, the lies and the cut."""
    reason: str
    """One sentence: why it forks, or why the bound forbids that."""

    @property
    def possible(self) -> bool:
        """Whether theory says that this forks."""
        return self.needed is not None and len(self.liars) >= self.needed


def plan_split(quorum_sets: QuorumSets, faulty: int | None, *, deletion: bool) -> SplitPlan:
    """Plan the attack with at most ``faulty`` hospitals, or with as many as it takes.

    Args:
        quorum_sets: Whom each hospital trusts.
        faulty: The most hospitals that may lie; None for as many as it takes.
        deletion: Whether they can also lie about whom they trust: in SCP.

    Raises:
        SimulationError: The splitting set cannot be computed.
    """
    found = minimum_splitting(quorum_sets, deletion=deletion)
    if found is None:
        return SplitPlan(None, (), (), "no set of liars splits these quorum sets")
    needed = sorted(found.liars)
    liars = tuple(needed[: len(needed) if faulty is None else faulty])
    honest = needed[len(liars) :]
    sides = [sorted(side) for side in found.sides]
    for index, hospital in enumerate(honest):
        sides[index % 2].append(hospital)
    groups = (
        (*sides[0], *liars),
        (*sides[1], *map(twin_of, liars)),
    )
    lies = _lies(quorum_sets, liars, sides) if deletion else ()
    faults: list[Fault] = [Twin(kind="twin", hospital=liar) for liar in liars]
    faults += lies
    faults.append(Partition(kind="partition", groups=groups, start="0 s", heal="never"))  # type: ignore[arg-type]  # text, as in a file
    if honest:
        reason = f"{len(needed)} hospitals must lie for a fork, and only {len(liars)} may"
    else:
        reason = f"two quorums meet only in {', '.join(liars) or 'nobody'}"
    return SplitPlan(len(needed), liars, tuple(faults), reason)


def _lies(
    quorum_sets: QuorumSets, liars: Sequence[NodeId], sides: Sequence[Sequence[NodeId]]
) -> list[Slices]:
    """Let each liar trust itself alone whose own quorum set one of the sides cannot satisfy."""
    return [
        Slices(kind="slices", hospital=liar)
        for liar in liars
        if not all(is_quorum_slice(quorum_sets[liar], {*side, *liars}) for side in sides)
    ]


def expanded(scenario: Scenario) -> Scenario:
    """Replace a scenario's split by what it is made of; without one it stays as it is.

    Raises:
        SimulationError: The splitting set cannot be computed.
    """
    faults: list[Fault] = []
    for fault in scenario.faults:
        if isinstance(fault, Split):
            sets = declared_quorum_sets(scenario.protocol, scenario.hospitals)
            deletion = str(scenario.protocol.name) == _TELLS_SLICES
            faults += plan_split(sets, fault.faulty, deletion=deletion).faults
        else:
            faults.append(fault)
    if len(faults) == len(scenario.faults) and all(
        one is other for one, other in zip(faults, scenario.faults, strict=True)
    ):
        return scenario
    return scenario.model_copy(update={"faults": tuple(faults)})
