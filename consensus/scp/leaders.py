"""Whose nominations a node follows: leaders drawn by lot, weighted by its own quorum set.

All of it is integers: a weight is a share of 2^64 - 1, rounded up at each level.

Source: draft-mazieres-dinrg-scp-05, section 3.4; stellar-core ``SCPDriver::getNodeWeight``,
``NominationProtocol::updateRoundLeaders``, ``normalizeQSet``.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from crypto.digest import Digest, digest
from crypto.encoding import Value
from crypto.identity import NodeId

from ..trust import SliceMask, Trust

WEIGHT_MAX = 2**64 - 1
"""The weight of a node to itself: it is in each of its own slices."""

ROUNDS_MAX = 1000
"""Rounds without a new leader that are passed over at once (stellar-core: the same cap)."""

_DRAWS_MAX = 1 << 14
"""How many draws are remembered: each node of a run makes the same ones."""


class Tag(IntEnum):
    """What a draw is for."""

    NEIGHBOUR = 1
    PRIORITY = 2
    VALUE = 3


@lru_cache(_DRAWS_MAX)
def draw(slot: int, previous: Digest, tag: Tag, round_number: int, subject: NodeId | Digest) -> int:
    """The number of 64 bits that lots give to a node or a value in a round."""
    fields: list[Value] = [slot, previous, int(tag), round_number, subject]
    return int.from_bytes(digest("tclearn/nomination/v1", fields)[:8], "big")


def weight(quorum_set: SliceMask, bit: int) -> int:
    """The share of a quorum set's slices that a node is in, out of `WEIGHT_MAX`.

    The product of threshold / entries down to the node's first occurrence; 0 if it has none.
    """
    entries = quorum_set.blocking + quorum_set.threshold - 1
    below = 0
    if quorum_set.validators & bit:
        below = WEIGHT_MAX
    else:
        for inner in quorum_set.inner_sets:
            below = weight(inner, bit)
            if below:
                break
    return -(-below * quorum_set.threshold // entries) if below else 0


def without(quorum_set: SliceMask, bit: int) -> SliceMask:
    """The quorum set with one node left out, which then counts as always there."""
    inner = tuple(without(each, bit) for each in quorum_set.inner_sets)
    named = 1 if quorum_set.validators & bit else 0
    validators = quorum_set.validators & ~bit
    threshold = quorum_set.threshold - named
    return SliceMask(threshold, validators, inner, quorum_set.blocking)


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who may become a leader for one node, and how likely."""

    node: NodeId
    """The node that follows the leaders."""
    weights: tuple[tuple[NodeId, int], ...]
    """Each node of a weight above 0, itself included, with its weight."""

    @classmethod
    def of(cls, node: NodeId, trust: Trust) -> "Electorate":
        """The electorate of a node under the quorum set it declares."""
        others = without(trust.mask_of(node), trust.bits[node])
        shares = [(each, weight(others, bit)) for each, bit in trust.bits.items() if each != node]
        return cls(node, ((node, WEIGHT_MAX), *((each, share) for each, share in shares if share)))

    def leaders(self, slot: int, previous: Digest, round_number: int) -> frozenset[NodeId]:
        """The leader of a round, or several in case of a tie: neighbours of the top priority."""
        top, found = 0, [self.node]
        for node, share in self.weights:
            if draw(slot, previous, Tag.NEIGHBOUR, round_number, node) > share:
                continue
            priority = draw(slot, previous, Tag.PRIORITY, round_number, node)
            if priority > top:
                top, found = priority, [node]
            elif priority == top:
                found.append(node)
        return frozenset(found)
