"""What a consensus node takes in, what it gives out, and the statements it signs.

The values agreed on are opaque 32-byte digests: nothing here knows that one names a model. Outputs
are carried out by the shell in the order given (`Record` before `Broadcast`).
"""

from dataclasses import dataclass
from typing import Protocol

from crypto.digest import Digest
from crypto.encoding import Value
from crypto.identity import NodeId

NO_CANDIDATE = Digest(bytes(32))
"""Stands for the candidate in a verdict on a slot in which none arrived."""

REASON_DEADLINE = "deadline"
"""Reason of a verdict given because no candidate arrived in time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The slot's leader puts a candidate to the vote."""

    slot: int
    """The agreement instance; equals the ledger's height and the round of learning."""
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


Statement = Proposal | Verdict | Vote
"""What a node signs and sends."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A slot opens: the previous one is on the ledger."""

    slot: int
    """The slot that opens."""
    leader: NodeId
    """The only node whose proposal counts in this slot."""
    absent: Digest
    """The value decided if no candidate arrives."""


@dataclass(frozen=True, slots=True)
class Propose:
    """The shell asks its own node, the leader, to put a candidate forward."""

    slot: int
    """The open slot."""
    candidate: Digest
    """See `Proposal`."""
    accepted: Digest
    """See `Proposal`."""
    rejected: Digest
    """See `Proposal`."""


@dataclass(frozen=True, slots=True)
class Receive:
    """A statement arrived; the shell has verified its signature."""

    sender: NodeId
    """The node that signed it."""
    statement: Statement
    """What was signed."""


@dataclass(frozen=True, slots=True)
class Validated:
    """The answer to `AskValidation`."""

    slot: int
    """The slot of the candidate."""
    candidate: Digest
    """The candidate validated."""
    accept: bool
    """Whether this hospital accepts it."""
    reason: str
    """See `Verdict`."""
    scores: tuple[tuple[str, int], ...]
    """See `Verdict`."""


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """A timer set by `SetTimer` ran out."""

    slot: int
    """The slot it was set in."""
    timer: str
    """Its name."""


Input = Begin | Propose | Receive | Validated | TimerExpired


@dataclass(frozen=True, slots=True)
class Record:
    """Sign this statement of ours and keep it, before anything of it is sent."""

    statement: Statement
    """What this node says."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send the recorded statement to every other node."""

    statement: Statement
    """A statement recorded before."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake this node later in simulated time."""

    slot: int
    """The slot to name in `TimerExpired`."""
    timer: str
    """The name to give back."""
    delay_us: int
    """Microseconds from now."""


@dataclass(frozen=True, slots=True)
class AskValidation:
    """Validate the candidate (takes simulated time) and answer with `Validated`."""

    slot: int
    """The slot of the candidate."""
    candidate: Digest
    """The candidate to validate."""


@dataclass(frozen=True, slots=True)
class Externalize:
    """The slot is decided."""

    slot: int
    """The slot."""
    value: Digest
    """The value decided."""


@dataclass(frozen=True, slots=True)
class Accuse:
    """Two statements of one node contradict each other (TCLearn's threat: a node of two faces)."""

    node: NodeId
    """The node that signed both."""
    first: Statement
    """The statement that counted."""
    second: Statement
    """The one that contradicts it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A statement was not taken in, and why."""

    sender: NodeId
    """Who signed it."""
    reason: str
    """One sentence for the trace."""


Output = Record | Broadcast | SetTimer | AskValidation | Externalize | Accuse | Reject


class Node(Protocol):
    """A protocol: a pure machine from one input to the effects it wants, in order."""

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do."""
        ...


def signing_fields(
    statement: Statement, chain_id: Digest, node: NodeId, quorum_set: Digest
) -> tuple[str, list[Value]]:
    """The domain label and the fields that a statement's signature covers.

    Each covers the chain, the slot and the signer, so that no signature counts on another ledger,
    at another height or for another node (`docs/ledger-format.md`, signed preimages).
    """
    head: list[Value] = [chain_id, statement.slot, node]
    match statement:
        case Proposal():
            fields: list[Value] = [statement.candidate, statement.accepted, statement.rejected]
            return "tclearn/block/v1", head + fields
        case Verdict():
            scores: Value = dict(statement.scores)
            judgement: list[Value] = [statement.accept, statement.reason, scores]
            return "tclearn/verdict/v1", [*head, statement.candidate, *judgement]
        case Vote():
            return "tclearn/statement/v1", [*head, quorum_set, ["vote", statement.value]]
