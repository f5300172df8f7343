"""The chain: which block may follow which. Pure; the writer and the audit use the same rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from consensus.judging import leader_of
from consensus.quorum import greatest_quorum
from crypto.digest import Digest
from crypto.identity import NodeId

from .block import NO_PREVIOUS, Block, Core, RecordType, recorded_as
from .body import Candidate
from .candidate import EndCandidate, ModelCandidate
from .errors import Violation
from .genesis import Genesis
from .model import ModelFile
from .notice import Action, EvidenceNotice, MembershipNotice, OpinionNotice, QualityNotice


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a reader must remember of a chain to judge its next block."""

    genesis: Genesis
    """What the coalition agreed on."""
    chain_id: Digest
    """Core hash of the genesis block."""
    height: int
    """Height of the last block."""
    head: Digest
    """Core hash of the last block."""
    time_us: int
    """Simulated time of the last block."""
    voters: tuple[NodeId, ...]
    """Whose votes seal the last block in this replica."""
    model: ModelFile
    """The model last accepted."""
    round_count: int
    """Rounds of learning so far: models accepted or rejected, and rounds without a candidate."""
    accepted_count: int
    """Models accepted so far."""
    ended: bool
    """Whether the last block is an end record."""
    rejections: Mapping[NodeId, int]
    """By author, its own candidates that were rejected; who is in none is not named."""
    excluded: frozenset[NodeId]
    """Nodes that evidence on this chain convicts, or that are quarantined: they still vote, and
    neither lead a slot nor contribute to a model."""

    @property
    def leader(self) -> NodeId:
        """Who may propose the next block."""
        return self.leader_at(self.height + 1)

    def leader_at(self, height: int) -> NodeId:
        """Who may propose at a height if nobody else is excluded before it.

        The nodes that are not excluded take turns; where everybody is, all of them.
        """
        nodes = self.genesis.nodes.keys()
        return leader_of(height, tuple(nodes - self.excluded) or tuple(nodes))


def start(block: Block, value: Digest) -> ChainState:
    """The state after a genesis block.

    Args:
        block: The block.
        value: Its core hash.

    Raises:
        Violation: When it is not a genesis block, or not a sound one.
    """
    core = block.core
    genesis = core.body
    if core.type is not RecordType.GENESIS or not isinstance(genesis, Genesis):
        raise Violation("BAD_GENESIS", "a genesis record at height 0", core.type.value)
    unlinked = (core.chain, core.prev, core.height, core.slot, core.time_us)
    if unlinked != (NO_PREVIOUS, NO_PREVIOUS, 0, 0, 0) or core.prev_voters or core.proposer:
        raise Violation(
            "BAD_GENESIS", "height 0, time 0, no chain, predecessor or proposer", "another core"
        )
    return ChainState(
        genesis,
        value,
        height=0,
        head=value,
        time_us=0,
        voters=(),
        model=genesis.model,
        round_count=0,
        accepted_count=0,
        ended=False,
        rejections={},
        excluded=frozenset(),
    )


def extend(state: ChainState, block: Block, value: Digest) -> ChainState:
    """The state after one more block.

    Args:
        state: The chain before it.
        block: The block.
        value: Its core hash.

    Raises:
        Violation: Naming the rule that the block breaks.
    """
    core = block.core
    _check_links(state, core)
    candidate = core.body
    if core.type is RecordType.GENESIS or isinstance(candidate, Genesis):
        raise Violation("BAD_TYPE", "a genesis record at height 0 only", f"height {core.height}")
    _check_type(state, core, candidate)
    accepted = core.type is RecordType.ACCEPTED and isinstance(candidate, ModelCandidate)
    a_round = isinstance(candidate, ModelCandidate | None)
    return replace(
        state,
        height=core.height,
        head=value,
        time_us=core.time_us,
        voters=tuple(vote.node for vote in block.seal.votes),
        model=candidate.model
        if isinstance(candidate, ModelCandidate) and accepted
        else state.model,
        round_count=state.round_count + a_round,
        accepted_count=state.accepted_count + accepted,
        ended=core.type is RecordType.END,
        rejections=_rejections(state, core),
        excluded=state.excluded | _excluded_by(core),
    )


def _rejections(state: ChainState, core: Core) -> Mapping[NodeId, int]:
    """Of a candidate of many authors nobody can tell whose part was bad."""
    body = core.body
    if core.type is not RecordType.REJECTED or not isinstance(body, ModelCandidate):
        return state.rejections
    if len(body.updates) != 1:
        return state.rejections
    author = body.updates[0].author
    return {**state.rejections, author: state.rejections.get(author, 0) + 1}


def _excluded_by(core: Core) -> frozenset[NodeId]:
    """Whom a block takes out of the learning."""
    match core.type, core.body:
        case RecordType.EVIDENCE, EvidenceNotice(culprits=culprits):
            return frozenset(culprits)
        case RecordType.MEMBERSHIP, MembershipNotice(action=Action.QUARANTINE, node=node):
            return frozenset((node,))
        case _:
            return frozenset()


def _check_links(state: ChainState, core: Core) -> None:
    if state.ended:
        raise Violation("AFTER_END", "nothing after the end record", f"a {core.type} record")
    if core.height != state.height + 1:
        raise Violation("BAD_HEIGHT", f"height {state.height + 1}", f"height {core.height}")
    if core.slot != core.height:
        raise Violation("BAD_SLOT", f"slot {core.height}", f"slot {core.slot}")
    if core.chain != state.chain_id:
        raise Violation("BAD_CHAIN", f"chain {state.chain_id.hex()}", core.chain.hex())
    if core.prev != state.head:
        raise Violation("BAD_PREV", f"previous core hash {state.head.hex()}", core.prev.hex())
    if core.time_us < state.time_us:
        raise Violation("BAD_TIME", f"a time of at least {state.time_us} us", str(core.time_us))
    _check_prev_voters(state, core)


def _check_prev_voters(state: ChainState, core: Core) -> None:
    """The proposer names who sealed the block before: a quorum, or nobody after the genesis."""
    voters = core.prev_voters
    if core.proposer is None or state.height == 0:
        if voters:
            raise Violation("BAD_PREV_VOTERS", "no previous voters here", ", ".join(voters))
        return
    quorum_sets = state.genesis.quorum_sets
    unknown = [voter for voter in voters if voter not in quorum_sets]
    if unknown or not greatest_quorum(frozenset(voters), quorum_sets):
        raise Violation("BAD_PREV_VOTERS", "a quorum of the genesis", ", ".join(voters) or "nobody")


def _check_type(state: ChainState, core: Core, candidate: Candidate | None) -> None:
    """What a slot may decide: a model up to the last round, then the end; or nothing."""
    if core.proposer is not None and core.proposer not in state.genesis.nodes:
        raise Violation("BAD_PROPOSER", "a node of the genesis", core.proposer)
    if (candidate is None) is not (core.proposer is None):
        raise Violation("BAD_PROPOSER", "a proposer where there is a candidate", "only one of them")
    if candidate is None:
        if core.type is not RecordType.REJECTED:
            raise Violation("BAD_TYPE", "a rejected record where no candidate came", core.type)
        return
    if core.type not in (RecordType.REJECTED, recorded_as(candidate)):
        raise Violation(
            "BAD_TYPE",
            f"a record of type {recorded_as(candidate)} or rejected for its candidate",
            core.type,
        )
    if isinstance(candidate, ModelCandidate):
        _check_model(state, candidate)
    elif isinstance(candidate, MembershipNotice) and core.type is RecordType.MEMBERSHIP:
        _check_quarantine(state, candidate)
    elif isinstance(candidate, EndCandidate):
        _check_end(state, core, candidate)
    strangers = sorted(_named(candidate) - state.genesis.nodes.keys())
    if strangers:
        raise Violation("BAD_AUTHOR", "nodes of the genesis", ", ".join(strangers))


def _check_model(state: ChainState, candidate: ModelCandidate) -> None:
    rounds = state.genesis.round_count
    if state.round_count >= rounds:
        raise Violation("BAD_ROUND", f"at most {rounds} rounds of learning", "another model")
    if candidate.base != state.model.tensors:
        raise Violation(
            "BAD_BASE", f"the accepted model {state.model.tensors.hex()}", candidate.base.hex()
        )
    if not candidate.updates:
        raise Violation("BAD_AUTHOR", "an update by a node of the genesis", "no update")
    proven = state.genesis.norm is not None
    if (candidate.total is not None) is not proven or any(
        (entry.proof is not None) is not proven for entry in candidate.updates
    ):
        expected = "a proof of every update, and a total" if proven else "no proofs"
        raise Violation("BAD_NORM", expected, "others")
    excluded = sorted({entry.author for entry in candidate.updates} & state.excluded)
    if excluded:
        raise Violation("BAD_AUTHOR", "authors who are not excluded", ", ".join(excluded))


def _check_quarantine(state: ChainState, notice: MembershipNotice) -> None:
    """Nobody is quarantined before the coalition's rule says so."""
    if notice.action is not Action.QUARANTINE:
        return
    needed, found = state.genesis.quarantine_after, state.rejections.get(notice.node, 0)
    if found < needed:
        expected = f"{needed} rejected candidates of {notice.node}"
        raise Violation("BAD_QUARANTINE", expected, str(found))


def _check_end(state: ChainState, core: Core, candidate: EndCandidate) -> None:
    rounds = state.genesis.round_count
    if state.round_count < rounds:
        raise Violation("BAD_ROUND", f"the end after {rounds} rounds", f"{state.round_count}")
    expected = EndCandidate(core.height, state.accepted_count, state.model.tensors)
    if core.type is RecordType.END and candidate != expected:
        raise Violation("BAD_END", _describe(expected), _describe(candidate))


def _named(candidate: Candidate) -> set[NodeId]:
    """The nodes that a candidate names as authors or culprits; who joins need not be known yet."""
    match candidate:
        case ModelCandidate():
            return {entry.author for entry in candidate.updates}
        case EvidenceNotice():
            return set(candidate.culprits)
        case MembershipNotice():
            return set() if candidate.action is Action.JOIN else {candidate.node}
        case OpinionNotice():
            return {candidate.expert}
        case QualityNotice():
            return {candidate.owner, *(reviewer for reviewer, _ in candidate.reviews)}
        case EndCandidate():
            return set()


def _describe(end: EndCandidate) -> str:
    return (
        f"final height {end.final_height}, {end.accepted_count} models accepted, "
        f"final model {end.model.hex()}"
    )
