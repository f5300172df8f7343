"""What a consensus node takes in and what it gives out.

Outputs are carried out by the shell in the order given (`Record` before `Broadcast`).

A node is built of two machines of this form. An *agreement* (`majority`, `authority`, `scp`,
`pbft`) decides on opaque values and is told by `Justified` which of them may be decided; a
`consensus.judging.JudgingNode` around it takes the candidate, the verdicts and the deadlines in and
tells it that.
"""

from dataclasses import dataclass
from typing import Protocol

from crypto.digest import Digest
from crypto.identity import NodeId

from .quorum import QuorumSet
from .statements import Statement


@dataclass(frozen=True, slots=True)
class Begin:
    """A slot opens: the previous one is on the ledger."""

    slot: int
    """The slot that opens; greater than the one before."""
    leader: NodeId
    """The only node whose proposal counts in this slot."""
    absent: Digest
    """The value decided if no candidate arrives."""
    previous: Digest
    """What the slot before decided."""


@dataclass(frozen=True, slots=True)
class Recall:
    """What this node signed in the open slot before it stopped.

    Given after `Begin`; a proposal once what it was about is there again.
    """

    statements: tuple[Statement, ...]
    """Its own, of each kind the last, in the order in which they were signed."""


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
class Justified:
    """A value may be decided from now on, by this node's own quorum set. Never taken back."""

    slot: int
    """The open slot."""
    value: Digest
    """The value."""


@dataclass(frozen=True, slots=True)
class Learn:
    """A quorum set that some node claims; the shell has it from whoever does."""

    quorum_set: QuorumSet
    """The set itself; statements name its digest."""


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


Input = Begin | Recall | Propose | Justified | Learn | Receive | Validated | TimerExpired


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
    supporting: tuple[tuple[NodeId, Statement], ...] = ()
    """Statements of others, received before, that the receivers are to take in first."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake this node later in simulated time; replaces the timer of this name, if one runs."""

    slot: int
    """The slot to name in `TimerExpired`."""
    timer: str
    """The name to give back."""
    delay_us: int
    """Microseconds from now."""


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer of this name, if one runs."""

    slot: int
    """The slot it was set in."""
    timer: str
    """Its name."""


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


Output = Record | Broadcast | SetTimer | CancelTimer | AskValidation | Externalize | Accuse | Reject


class Node(Protocol):
    """A protocol: a pure machine from one input to the effects it wants, in order."""

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do."""
        ...
