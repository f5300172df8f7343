"""From transcripts to culprits: which statements convict their signer, and whom a fork convicts.

Everything here is sound before it is complete: a node that follows its protocol is never convicted,
whatever it missed, however often it crashed and recalled what it had signed. So a pair of
statements counts only if no correct node signs both *in any order*; which came first cannot be
seen from two signatures.

What two decision certificates of one slot show by themselves of the nodes in both quorums:

    majority, authority   convicted: two votes
    SCP                   convicted: commit accepted for two values, with no gap across ballots
    PBFT, one view        convicted: two commits in the view
    PBFT, two views       not convicted: a correct node that committed one value in a view may, if
                          that decided nothing, commit another one in a later view

Across views PBFT needs the transcript: the view changes on which the later view rests. Their
senders form a quorum, so they share at least a minimal overlap with the first certificate; each
of those either left its commit out of its view change (amnesia: two statements convict it), or the
new view ignored what they say. Nodes that agreed to a new view that ignores its view changes are
guilty too, but two statements do not show it: correct nodes check the new view, and refuse it.

Source: Sheng, Wang, Nayak, Kannan and Viswanath, BFT Protocol Forensics (CCS 2021), for what views
hide; the rules of each protocol are derived in `consensus.pbft.rules` and `consensus.scp.order`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import NamedTuple

from crypto.identity import NodeId

from .certificate import decided_quorum
from .errors import QuorumSetError
from .pbft.rules import contradicts as pbft_contradicts
from .quorum import QuorumSets
from .scp.order import contradicts as scp_contradicts
from .statements import (
    PbftStatement,
    Proposal,
    ScpStatement,
    Statement,
    Verdict,
    Vote,
    kind_of,
)
from .trust import SliceMask, Trust, greatest_quorum_mask

STATEMENTS_MAX = 4096
"""Statements of one node in one slot that are compared; what comes after them is not looked at."""
OVERLAP_NODES_MAX = 16
"""Nodes up to which `least_overlap` tries every set; flat networks may have any size."""

_ONCE = (Proposal, Verdict, Vote)
"""Kinds of which a correct node signs one in a slot."""

Signed = tuple[NodeId, Statement]
"""A statement and the node whose valid signature it bears."""


def contradiction(first: Statement, second: Statement) -> str | None:
    """Why no correct node signs both statements, in whichever order.

    Args:
        first: A statement.
        second: Another of the same node and under the same chain.

    Returns:
        A sentence that names the rule, or None if a correct node may sign both.
    """
    if first.slot != second.slot or first == second:
        return None
    if isinstance(first, _ONCE) and type(first) is type(second):
        return f"two statements in slot {first.slot}, each a {kind_of(first)}"
    if isinstance(first, PbftStatement) and isinstance(second, PbftStatement):
        return pbft_contradicts(first, second)
    if (
        isinstance(first, ScpStatement)
        and isinstance(second, ScpStatement)
        and scp_contradicts(first, second)
    ):
        return f"two statements of SCP in slot {first.slot}, none of which can follow the other"
    return None


def convict(statements: Iterable[Signed]) -> Mapping[NodeId, tuple[Statement, Statement]]:
    """For each node that contradicts itself the first two statements that show it.

    Args:
        statements: Signed statements of any slots, in any order; "first" refers to this order.
    """
    convicted: dict[NodeId, tuple[Statement, Statement]] = {}
    said: dict[tuple[NodeId, int], dict[Statement, None]] = {}
    for node, statement in statements:
        earlier = said.setdefault((node, statement.slot), {})
        if node in convicted or statement in earlier or len(earlier) >= STATEMENTS_MAX:
            continue
        for first in earlier:
            if contradiction(first, statement) is not None:
                convicted[node] = (first, statement)
                break
        earlier[statement] = None
    return convicted


@dataclass(frozen=True, slots=True)
class ForkFinding:
    """What can be said about two decisions of one slot."""

    first: frozenset[NodeId]
    """U1: the quorum that decided one value."""
    second: frozenset[NodeId]
    """U2: the quorum that decided the other."""
    culprits: Mapping[NodeId, tuple[Statement, Statement]]
    """Each node that is convicted, with the pair that does it."""

    @property
    def shared(self) -> frozenset[NodeId]:
        """Nodes in both quorums; if there are none, the quorum sets themselves allowed the fork.

        Then nobody is provably guilty, and the two quorums are the finding.
        """
        return self.first & self.second

    @property
    def unproven(self) -> frozenset[NodeId]:
        """Nodes in both quorums that the statements given do not convict (PBFT across views)."""
        return self.shared - frozenset(self.culprits)


def fork_culprits(
    first: Iterable[Signed],
    second: Iterable[Signed],
    quorum_sets: QuorumSets,
    transcript: Iterable[Signed] = (),
) -> ForkFinding:
    """Who can be convicted of a fork.

    Args:
        first: The decision certificate of one value: deciding statements of one kind.
        second: That of another value in the same slot.
        quorum_sets: Whom each node trusts, of the genesis.
        transcript: Any more signed statements of that slot; PBFT needs its view changes.

    Raises:
        CertificateError: When a certificate contains no quorum.
    """
    first, second = tuple(first), tuple(second)
    return ForkFinding(
        decided_quorum(dict(first), quorum_sets),
        decided_quorum(dict(second), quorum_sets),
        convict([*first, *second, *transcript]),
    )


class Overlap(NamedTuple):
    """How few nodes a fork convicts, and how few can cause one."""

    forensic: int | None
    """min |U1 ∩ U2| over pairs of quorums: at least so many nodes are convicted; None if no set
    of nodes is a quorum."""
    attack: int | None
    """The smallest splitting set, with deletion (Mazières): so many liars can cause a fork; None
    if none can."""


def least_overlap(quorum_sets: QuorumSets) -> Overlap:
    """Both bounds on the culprits of a fork, exactly.

    The closed form of one flat quorum set for all (2T - n for either), else by trying every set:
    the plain twin of `consensus.resilience`, which has the second number for large networks.

    Raises:
        QuorumSetError: When a network that is not flat has more than `OVERLAP_NODES_MAX` nodes.
    """
    trust = Trust(quorum_sets)
    everyone = (1 << len(trust.nodes)) - 1
    masks = set(trust.masks.values())
    flat = next(iter(masks)) if len(masks) == 1 else None
    if flat is not None and not flat.inner_sets and flat.validators == everyone:
        least = max(0, 2 * flat.threshold - len(trust.nodes))
        # Where all are needed, two decisions would need two well-behaved nodes that are not there.
        return Overlap(least, None if flat.threshold == len(trust.nodes) else least)
    if len(trust.nodes) > OVERLAP_NODES_MAX:
        raise QuorumSetError(
            f"expected at most {OVERLAP_NODES_MAX} nodes, found {len(trust.nodes)}"
        )
    quorums = _minimal_quorums(trust, everyone)
    pairs = combinations_with_replacement(quorums, 2)
    forensic = min(((one & other).bit_count() for one, other in pairs), default=None)
    return Overlap(forensic, _least_splitting(trust, everyone))


def _minimal_quorums(trust: Trust, everyone: int) -> list[int]:
    """Every quorum that contains no smaller one."""
    found: list[int] = []
    for members in sorted(range(1, everyone + 1), key=int.bit_count):
        contains_one = any(quorum & members == quorum for quorum in found)
        if not contains_one and greatest_quorum_mask(members, trust.claims) == members:
            found.append(members)
    return found


def _least_splitting(trust: Trust, everyone: int) -> int | None:
    """The size of the smallest set whose deletion leaves two disjoint quorums."""
    for liars in sorted(range(everyone + 1), key=int.bit_count):
        if _splits(trust, everyone, liars):
            return liars.bit_count()
    return None


def _splits(trust: Trust, everyone: int, liars: int) -> bool:
    """Whether two disjoint quorums are left when liars satisfy whoever asks them."""
    claims = [(mask, nodes & ~liars) for mask, nodes in trust.claims]
    # A liar demands nothing of others: a quorum set that nothing has to satisfy.
    deleted = [*claims, (SliceMask(0, 0, (), 1), liars)]
    rest = everyone & ~liars
    part = rest
    while part:  # every subset of the rest
        if greatest_quorum_mask(part | liars, deleted) & rest == part:
            other = rest & ~part
            if greatest_quorum_mask(other | liars, deleted) & rest:
                return True
        part = (part - 1) & rest
    return False
