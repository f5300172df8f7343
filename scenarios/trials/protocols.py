"""The nodes of a trial: each protocol's machine, with or without judging around it."""

from collections.abc import Callable
from functools import lru_cache

from consensus.authority import trusting_only
from consensus.judging import JudgingNode, Timeouts
from consensus.messages import Input, Justified, Node, Output
from consensus.pbft import PbftTimeouts
from consensus.quorum import QuorumSet, QuorumSets
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from ..protocols import machine
from .trial import Trial

_KEPT = 4
"""Compiled coalitions that are kept for the next replica of a study."""


@lru_cache(maxsize=_KEPT)
def _compiled(quorum_sets: tuple[tuple[NodeId, QuorumSet], ...]) -> Trust:
    return Trust(dict(quorum_sets))


def trust_of(quorum_sets: QuorumSets) -> Trust:
    """The compiled quorum sets: immutable, shared by all nodes and by replicas that are alike."""
    return _compiled(tuple(sorted(quorum_sets.items(), key=lambda item: item[0])))


def counted_sets(trial: Trial) -> QuorumSets:
    """The quorum sets by which decisions count: everybody trusts an authority, if there is one."""
    if trial.protocol != "authority":
        return trial.quorum_sets
    return trusting_only(authority_of(trial), trial.hospitals)


def authority_of(trial: Trial) -> NodeId:
    """The certifying node of the protocol `authority`."""
    return trial.authority or trial.hospitals[0]


def node_of(
    trial: Trial,
    declared: Trust,
    node: NodeId,
    own: QuorumSet | None,
    justified: Callable[[int, Digest], None] | None,
) -> Node:
    """Make one node of a trial, new or recovering.

    Args:
        trial: The trial.
        declared: The quorum sets that are declared.
        node: Whose node it is.
        own: The quorum set it runs with, if not the declared one.
        justified: Called with slot and value when judging finds that it may be decided.
    """
    trust = declared if own is None else trust_of({**trial.quorum_sets, node: own})
    waits = trial.waits
    views = PbftTimeouts(waits.view_us, waits.view_cap_us)
    inside = machine(trial.protocol, node, trust, authority_of(trial), views, waits.ballot_us)
    if trial.mode == "bare":
        return inside
    timeouts = Timeouts(waits.proposal_us, waits.verdict_us)
    watched = inside if justified is None else _Watched(inside, justified)
    return JudgingNode(node, trust, timeouts, watched)


class _Watched:
    """An agreement that somebody outside sees being told what is justified."""

    __slots__ = ("_agreement", "_justified")

    def __init__(self, agreement: Node, justified: Callable[[int, Digest], None]) -> None:
        self._agreement = agreement
        self._justified = justified

    def step(self, event: Input, /) -> tuple[Output, ...]:
        if type(event) is Justified:
            self._justified(event.slot, event.value)
        return self._agreement.step(event)
