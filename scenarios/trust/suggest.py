"""Proposes quorum sets that meet a wish, with the proof that they do, or that none can.

The wish: any so many hospitals (or organisations) may fail, and any so many may lie together. For n
hospitals of which L may fail and C may lie, n > 2L + C is necessary, whatever the quorum sets (if L
is at least 1): take a minimal quorum Q that is left when some L fail, so that it has at most n - L
members, and let L of its own members fail. The quorum that is then left shares at most n - 2L with
Q, and if those are liars, the two disagree. The same holds for organisations. Two forms are tried:
T of n hospitals, and T of N organisations with t of k hospitals each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consensus.quorum import QuorumSet
from consensus.resilience import (
    ClosedForm,
    Deadline,
    Fbas,
    flat,
    merged,
    minimum_blocking_set,
    minimum_quorum,
    minimum_splitting_set,
    never,
    two_level,
)
from crypto.identity import NodeId

NO_LIMIT: Final = 10**9
"""Stands for: however many try."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What must be borne."""

    failing: int = 0
    """Hospitals that may fail together, any of them, and the others go on."""
    lying: int = 0
    """Hospitals that may lie together, any of them, and the others agree."""
    failing_groups: int = 0
    """Organisations that may fail together."""
    lying_groups: int = 0
    """Organisations that may lie together."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Quorum sets, the same for everybody, and what was proved of them by the analysis."""

    quorum_set: QuorumSet
    """What every hospital declares."""
    form: str
    """The form and its closed form, in words."""
    quorum: int
    """Hospitals in the smallest quorum."""
    blocking: int
    """Hospitals that can halt it, at least."""
    splitting: int | None
    """Hospitals that can split it, at least; None where nobody can."""
    blocking_groups: int
    """Organisations that can halt it, at least."""
    splitting_groups: int | None
    """Organisations that can split it, at least; None where nobody can."""

    def meets(self, wish: Wish) -> bool:
        """Whether it bears what must be borne."""
        return (
            self.blocking > wish.failing
            and self.blocking_groups > wish.failing_groups
            and _number(self.splitting) > wish.lying
            and _number(self.splitting_groups) > wish.lying_groups
        )


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What came of it: a proposal, or why there is none."""

    proposal: Proposal | None
    """The proposal with the most in reserve."""
    impossible: str | None
    """The proof that no quorum sets meet the wish; None where there is no such proof."""


def suggest(
    groups: Mapping[str, Sequence[NodeId]], wish: Wish, deadline: Deadline = never
) -> Suggestion:
    """Look for quorum sets.

    Args:
        groups: The hospitals of each organisation.
        wish: What must be borne.
        deadline: When to stop looking.
    """
    count = sum(map(len, groups.values()))
    impossible = _refuted(count, wish.failing, wish.lying, "hospitals") or _refuted(
        len(groups), wish.failing_groups, wish.lying_groups, "organisations"
    )
    if impossible is not None:
        return Suggestion(None, impossible)
    best: Proposal | None = None
    for quorum_set, form in _forms(groups):
        if deadline():
            break
        proposal = _proved(groups, quorum_set, form, deadline)
        if proposal is not None and proposal.meets(wish):
            best = (
                proposal
                if best is None
                else max(best, proposal, key=lambda each: _reserve(each, wish))
            )
    return Suggestion(best, None)


def _refuted(count: int, failing: int, lying: int, what: str) -> str | None:
    if failing >= count:
        return f"{failing} of {count} {what} may fail: then nobody is left to go on."
    if failing and count <= 2 * failing + lying:
        return (
            f"No quorum sets can: with {count} {what}, {failing} of whom may fail, there are two"
            f" quorums that share at most {count} - 2 * {failing} = {count - 2 * failing}; so many"
            f" liars split them, and {lying} may lie. At least {2 * failing + lying + 1} {what}"
            " are needed."
        )
    return None


def _forms(groups: Mapping[str, Sequence[NodeId]]) -> Iterator[tuple[QuorumSet, str]]:
    """Every threshold of both forms."""
    everybody = tuple(node for nodes in groups.values() for node in nodes)
    count = len(everybody)
    for threshold in range(count // 2 + 1, count + 1):
        form = f"{threshold} of {count} hospitals"
        yield QuorumSet(threshold, everybody), f"{form}: {_in_words(flat(threshold, count))}"
    sizes = [len(nodes) for nodes in groups.values()]
    if len(sizes) == 1 or max(sizes) == 1:
        return
    for spare in range(max(sizes)):
        inner = tuple(
            QuorumSet(max(1, len(nodes) - spare), tuple(nodes)) for nodes in groups.values()
        )
        for threshold in range(len(sizes) // 2 + 1, len(sizes) + 1):
            yield QuorumSet(threshold, (), inner), _two_levels(threshold, inner)


def _two_levels(threshold: int, inner: tuple[QuorumSet, ...]) -> str:
    form = f"{threshold} of {len(inner)} organisations"
    kinds = [(each.threshold, each.entry_count) for each in inner]
    if len(set(kinds)) > 1:
        return f"{form}, in each so many hospitals: {', '.join(f'{t} of {k}' for t, k in kinds)}"
    inner_threshold, size = kinds[0]
    closed = two_level(threshold, len(inner), inner_threshold, size)
    return f"{form} with {inner_threshold} of {size} hospitals each: {_in_words(closed)}"


def _in_words(form: ClosedForm) -> str:
    splitting = "nobody" if form.splitting is None else form.splitting
    return f"quorum {form.quorum}, blocking {form.blocking}, splitting {splitting}"


def _proved(
    groups: Mapping[str, Sequence[NodeId]],
    quorum_set: QuorumSet,
    form: str,
    deadline: Deadline,
) -> Proposal | None:
    """What the analysis says of a form; None where it was not settled in time."""
    owners = {node: name for name, nodes in groups.items() for node in nodes}
    fbas = Fbas(dict.fromkeys(owners, quorum_set))
    quorum = minimum_quorum(fbas, deadline)
    blocking = minimum_blocking_set(fbas, deadline)
    splitting = minimum_splitting_set(fbas, deadline)
    together = merged(fbas, owners, deadline)
    settled = quorum.proved and blocking.proved and splitting.proved
    if not (settled and together.blocking.complete and together.splitting.complete):
        return None
    return Proposal(
        quorum_set,
        form,
        quorum.upper or 0,
        blocking.upper or 0,
        splitting.upper,
        together.blocking.size_min or 0,
        together.splitting.size_min,
    )


def _reserve(proposal: Proposal, wish: Wish) -> tuple[int, int, int]:
    """How much more it bears than was wished: the scarcest first, then all, then small quorums."""
    wishes = (
        (proposal.blocking, wish.failing),
        (min(_number(proposal.splitting), proposal.quorum), wish.lying),
        (proposal.blocking_groups, wish.failing_groups),
        (min(_number(proposal.splitting_groups), proposal.quorum), wish.lying_groups),
    )
    spare = [bears - wished for bears, wished in wishes if wished] or [proposal.blocking]
    return min(spare), sum(spare), -proposal.quorum


def _number(splitting: int | None) -> int:
    return NO_LIMIT if splitting is None else splitting
