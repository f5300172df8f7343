"""What a node signs and sends: the statements of every protocol, and the fields a signature covers.

The values agreed on are opaque 32-byte digests: nothing here knows that one names a model.

    slot's candidate        Proposal, Verdict                             `consensus.judging`
    counting, authority     Vote                                          `majority`, `authority`
    SCP                     Nominate, Prepare, Confirm, Externalized      `consensus.scp`
    PBFT                    PrePrepare, ViewPrepare, ViewCommit,
                            ViewChange, NewView                           `consensus.pbft`

Source: stellar-core ``Stellar-SCP.x``; Castro and Liskov 1999; docs/ledger-format.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from crypto.digest import Digest
from crypto.encoding import Value
from crypto.identity import NodeId

NO_CANDIDATE = Digest(bytes(32))
"""Stands for the candidate in a verdict on a slot in which none arrived."""

REASON_DEADLINE = "deadline"
"""Reason of a verdict given because no candidate arrived in time."""

COUNTER_MAX = 2**32 - 1
"""The largest ballot counter: infinity in the SCP draft."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The slot's leader puts a candidate to the vote."""

    slot: int
    """The agreement instance; equals the ledger's height."""
    candidate: Digest
    """The candidate that each node is to validate."""
    accepted: Digest
    """The value decided if the candidate is accepted (the core hash of that block)."""
    rejected: Digest
    """The value decided if the candidate is rejected."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One node's subjective judgement of a candidate."""

    slot: int
    """The slot of the candidate."""
    candidate: Digest
    """The candidate judged, or `NO_CANDIDATE`."""
    accept: bool
    """Whether the node would accept it."""
    reason: str
    """Machine-readable reason, opaque to consensus."""
    scores: tuple[tuple[str, int], ...]
    """Measurements behind the judgement, by name, in millionths; opaque to consensus."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One node's vote for the outcome of a slot. A correct node votes once in a slot."""

    slot: int
    """The slot voted on."""
    value: Digest
    """One of the values that the slot's proposal named, or the value for an absent candidate."""


@dataclass(frozen=True, slots=True, order=True)
class Ballot:
    """An attempt to agree on a value; ballots are ordered by counter, then by value."""

    counter: int
    """n: 1 to `COUNTER_MAX`."""
    value: Digest
    """x."""


@dataclass(frozen=True, slots=True)
class Nominate:
    """SCP's nomination: what a node votes to nominate and accepts as nominated. Both only grow."""

    slot: int
    """The slot."""
    quorum_set: Digest
    """Digest of the quorum set that the sender claims."""
    votes: tuple[Digest, ...]
    """X: values voted for, sorted, each once."""
    accepted: tuple[Digest, ...]
    """Y: values accepted as nominated, sorted, each once."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """SCP's ballot protocol, phase PREPARE."""

    slot: int
    """The slot."""
    quorum_set: Digest
    """Digest of the quorum set that the sender claims."""
    ballot: Ballot
    """b: votes prepare(b)."""
    prepared: Ballot | None
    """p: the highest ballot accepted as prepared."""
    prepared_prime: Ballot | None
    """p': the highest accepted as prepared below p and incompatible with it."""
    commit_counter: int
    """nC: votes commit for (nC .. nH, b.value); 0 for none."""
    high_counter: int
    """nH: confirms prepared (nH, b.value); 0 for none."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """SCP's ballot protocol, phase CONFIRM."""

    slot: int
    """The slot."""
    quorum_set: Digest
    """Digest of the quorum set that the sender claims."""
    ballot: Ballot
    """b: its value is the only one this node will ever commit."""
    prepared_counter: int
    """nP: accepts prepared (nP, b.value)."""
    commit_counter: int
    """nC: accepts commit from here."""
    high_counter: int
    """nH: to here."""


@dataclass(frozen=True, slots=True)
class Externalized:
    """SCP's ballot protocol, phase EXTERNALIZE: the slot is decided for its sender."""

    slot: int
    """The slot."""
    quorum_set: Digest
    """Digest of the quorum set with which the sender committed."""
    commit: Ballot
    """c: accepts commit (n, c.value) for every n from c.counter on."""
    high_counter: int
    """nH: confirms commit (c.counter .. nH, c.value)."""


@dataclass(frozen=True, slots=True)
class PrePrepare:
    """PBFT: the primary of a view proposes a value."""

    slot: int
    """The slot: PBFT's sequence number."""
    view: int
    """The view, from 0."""
    value: Digest
    """What is proposed."""


@dataclass(frozen=True, slots=True)
class ViewPrepare:
    """PBFT's PREPARE: a backup agrees to the primary's proposal."""

    slot: int
    """The slot."""
    view: int
    """The view."""
    value: Digest
    """What the primary proposed."""


@dataclass(frozen=True, slots=True)
class ViewCommit:
    """PBFT's COMMIT: the value is prepared at its sender."""

    slot: int
    """The slot."""
    view: int
    """The view."""
    value: Digest
    """What is prepared."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """PBFT: its sender has given up the views below this one."""

    slot: int
    """The slot."""
    view: int
    """The view it wants to enter, from 1."""
    prepared_view: int | None
    """The highest view in which a value was prepared at it, if any."""
    prepared_value: Digest | None
    """That value."""


@dataclass(frozen=True, slots=True)
class NewView:
    """PBFT: the primary of a view opens it."""

    slot: int
    """The slot."""
    view: int
    """The view, from 1."""
    value: Digest
    """What it proposes: what a view change in ``changes`` says was prepared last, if any does."""
    changes: tuple[NodeId, ...]
    """Whose view changes it rests on: sorted, each once, a quorum."""


ScpStatement = Nominate | Prepare | Confirm | Externalized
BallotStatement = Prepare | Confirm | Externalized
PbftStatement = PrePrepare | ViewPrepare | ViewCommit | ViewChange | NewView
Judging = Proposal | Verdict
Statement = Judging | Vote | ScpStatement | PbftStatement
"""What a node signs and sends."""

KINDS: Mapping[type[Statement], str] = {
    Proposal: "proposal",
    Verdict: "verdict",
    Vote: "vote",
    Nominate: "nominate",
    Prepare: "prepare",
    Confirm: "confirm",
    Externalized: "externalize",
    PrePrepare: "pre-prepare",
    ViewPrepare: "view-prepare",
    ViewCommit: "view-commit",
    ViewChange: "view-change",
    NewView: "new-view",
}
"""The name of each kind, in preimages, files and traces."""


def kind_of(statement: Statement) -> str:
    """The name of a statement's kind."""
    return KINDS[type(statement)]


def statement_body(statement: Statement) -> list[Value]:
    """What a statement says, as a list that begins with its kind; the slot stands apart."""
    kind = kind_of(statement)
    match statement:
        case Proposal(candidate=candidate, accepted=accepted, rejected=rejected):
            return [kind, candidate, accepted, rejected]
        case Verdict():
            scores: Value = dict(statement.scores)
            return [kind, statement.candidate, statement.accept, statement.reason, scores]
        case Vote(value=value):
            return [kind, value]
        case Nominate(votes=votes, accepted=named):
            return [kind, list(votes), list(named)]
        case Prepare():
            ballots = (statement.ballot, statement.prepared, statement.prepared_prime)
            counters = [statement.commit_counter, statement.high_counter]
            return [kind, *map(_ballot_value, ballots), *counters]
        case Confirm():
            counters = [statement.prepared_counter, statement.commit_counter]
            return [kind, _ballot_value(statement.ballot), *counters, statement.high_counter]
        case Externalized():
            return [kind, _ballot_value(statement.commit), statement.high_counter]
        case PrePrepare(view=view, value=value):
            return [kind, view, value]
        case ViewPrepare(view=view, value=value):
            return [kind, view, value]
        case ViewCommit(view=view, value=value):
            return [kind, view, value]
        case ViewChange():
            prepared: list[Value] = [statement.prepared_view, statement.prepared_value]
            claimed = prepared != [None, None]
            return [kind, statement.view, prepared if claimed else []]
        case NewView():
            return [kind, statement.view, statement.value, list(statement.changes)]


def _ballot_value(ballot: Ballot | None) -> list[Value]:
    return [] if ballot is None else [ballot.counter, ballot.value]


def values_of(statement: Statement) -> frozenset[Digest]:
    """The values that a statement supports in any way; of a proposal or verdict none."""
    match statement:
        case Proposal() | Verdict():
            return frozenset()
        case Nominate(votes=votes, accepted=accepted):
            return frozenset((*votes, *accepted))
        case Prepare():
            ballots = (statement.ballot, statement.prepared, statement.prepared_prime)
            return frozenset(ballot.value for ballot in ballots if ballot is not None)
        case Confirm(ballot=ballot) | Externalized(commit=ballot):
            return frozenset((ballot.value,))
        case ViewChange(prepared_value=value):
            return frozenset() if value is None else frozenset((value,))
        case Vote() | PrePrepare() | ViewPrepare() | ViewCommit() | NewView():
            return frozenset((statement.value,))


def claimed_quorum_set(statement: Statement) -> Digest | None:
    """The quorum set that a statement itself claims, if its kind does."""
    if isinstance(statement, ScpStatement):
        return statement.quorum_set
    return None


def signing_fields(
    statement: Statement, chain_id: Digest, node: NodeId, quorum_set: Digest
) -> tuple[str, list[Value]]:
    """The domain label and the fields that a statement's signature covers.

    Each covers the chain, the slot and the signer, so that no signature counts on another ledger,
    at another height or for another node (`docs/ledger-format.md`, signed preimages).

    Args:
        statement: What is signed.
        chain_id: Core hash of the genesis block.
        node: Who signs.
        quorum_set: Digest of the signer's quorum set; a statement that claims one itself covers
            that one in its place.
    """
    head: list[Value] = [chain_id, statement.slot, node]
    body = statement_body(statement)
    match statement:
        case Proposal():
            return "tclearn/block/v1", [*head, *body[1:]]
        case Verdict():
            return "tclearn/verdict/v1", [*head, *body[1:]]
        case _:
            claimed = claimed_quorum_set(statement) or quorum_set
            return "tclearn/statement/v1", [*head, claimed, body]
