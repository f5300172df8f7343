"""What an analysis of a trust graph found, each question with its own time limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consensus.resilience import (
    Deadline,
    Family,
    Fbas,
    Merged,
    Minimum,
    UndecidedError,
    core,
    disjoint_quorums,
    merged,
    minimal_blocking_sets,
    minimal_quorums,
    minimal_splitting_sets,
    minimum_blocking_set,
    minimum_quorum,
    minimum_splitting_set,
    restricted,
    satisfiable,
)
from crypto.identity import NodeId

from .graph import TrustGraph

NewDeadline = Callable[[], Deadline]
"""A deadline for one question, beginning now."""


@dataclass(frozen=True, slots=True)
class Report:
    """The answers."""

    graph: TrustGraph
    """What was asked about."""
    failed: frozenset[NodeId]
    """Nodes that were taken as failed."""
    satisfiable: frozenset[NodeId]
    """The nodes that some quorum contains."""
    core: frozenset[NodeId]
    """The nodes of the components that hold a quorum."""
    intersection: bool | None
    """Whether every two quorums share a node; None when the time was up."""
    disjoint: tuple[frozenset[NodeId], frozenset[NodeId]] | None
    """Two quorums that do not."""
    quorum: Minimum
    """A smallest quorum."""
    blocking: Minimum
    """A smallest blocking set."""
    splitting: Minimum
    """A smallest splitting set out of the core."""
    splitting_whole: Minimum
    """A smallest splitting set out of all satisfiable nodes."""
    quorums: Family
    """The minimal quorums."""
    blocking_sets: Family
    """The minimal blocking sets."""
    splitting_sets: Family
    """The minimal splitting sets out of the core."""
    groups: Mapping[NodeId, str] | None
    """What nodes were merged into, if they were."""
    merged: Merged | None
    """The minimal sets of groups."""

    @property
    def has_quorum(self) -> bool:
        """Whether anybody can agree on anything."""
        return bool(self.core)

    @property
    def top_tier(self) -> frozenset[NodeId]:
        """Everybody who is in a minimal quorum."""
        return self.quorums.nodes

    @property
    def complete(self) -> bool:
        """Whether every question was answered in time."""
        smallest = (self.quorum, self.blocking, self.splitting, self.splitting_whole)
        families = [self.quorums, self.blocking_sets, self.splitting_sets]
        if self.merged is not None:
            families += [self.merged.quorums, self.merged.blocking, self.merged.splitting]
        return (
            self.intersection is not None
            and all(each.proved for each in smallest)
            and all(each.complete for each in families)
        )


def analyse(
    graph: TrustGraph,
    deadline: NewDeadline,
    failed: frozenset[NodeId] = frozenset(),
    groups: Mapping[NodeId, str] | None = None,
) -> Report:
    """Ask everything about a trust graph.

    Args:
        graph: Who trusts whom.
        deadline: The time limit of one question.
        failed: Nodes that have crashed: they are in no quorum, and satisfy nobody.
        groups: The group of each node, to ask about groups as well.
    """
    fbas = _without(graph.fbas(), failed)
    able, kept = satisfiable(fbas), core(fbas)
    intersection, disjoint = _intersection(kept, deadline())
    return Report(
        graph,
        failed,
        able.members,
        kept.members,
        intersection,
        disjoint,
        minimum_quorum(kept, deadline()),
        minimum_blocking_set(kept, deadline()),
        minimum_splitting_set(kept, deadline()),
        minimum_splitting_set(able, deadline()),
        minimal_quorums(kept, deadline()),
        minimal_blocking_sets(kept, deadline()),
        minimal_splitting_sets(kept, deadline()),
        groups,
        None if groups is None else merged(kept, groups, deadline()),
    )


def _without(fbas: Fbas, failed: frozenset[NodeId]) -> Fbas:
    return restricted(fbas, fbas.trust.members & ~fbas.mask(failed))


def _intersection(
    fbas: Fbas, deadline: Deadline
) -> tuple[bool | None, tuple[frozenset[NodeId], frozenset[NodeId]] | None]:
    try:
        disjoint = disjoint_quorums(fbas, deadline)
    except UndecidedError:
        return None, None
    return disjoint is None, disjoint
