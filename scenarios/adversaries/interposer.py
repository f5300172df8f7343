"""What stands between a lying hospital's node and everybody else.

The node inside follows the protocol and knows nothing of it. The shell of an instance, of the full
engine or of a trial, asks the interposer at three points: before a judgement reaches the node,
before a statement leaves for a receiver, and when quorum sets are announced. An interposer keeps no
state: what it needs to know of the slot is handed to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consensus.messages import Validated
from consensus.quorum import QuorumSet, quorum_set_digest
from consensus.statements import Confirm, Externalized, Nominate, Prepare, Statement, Verdict
from crypto.digest import Digest
from crypto.identity import NodeId

from ..schema_adversaries import Bias, Collude, Equivocate, Mutate, Slices
from ..schema_faults import Fault, Silence, hospital_of
from .mutation import mutated
from .rewriting import exchange_of, turned

_ACCEPTED, _REJECTED = "ok", "local-score"
"""Reasons that a liar gives: nobody else can measure its own data."""


@dataclass(frozen=True, slots=True)
class Interposer:
    """How one instance departs from what its node says."""

    instance: str
    """The instance: a hospital, or its twin."""
    far_peers: frozenset[str] = frozenset()
    """The half of its peers that hears the second face."""
    silent_from: int | None = None
    """The first slot in which it sends nothing."""
    equivocations: tuple[Equivocate, ...] = ()
    """When it has two faces, and in what."""
    slices: Slices | None = None
    """What it says about whom it trusts."""
    bias: bool | None = None
    """The verdict it gives on everything."""
    allies: frozenset[NodeId] = frozenset()
    """The hospitals whose candidates it accepts."""
    mutations: tuple[Mutate, ...] = ()
    """Which of its messages change in one field."""
    seed: int = 0
    """Of the run."""

    def judge(self, validated: Validated, leader: NodeId) -> Validated:
        """Turn what the hospital measured into what its node is told.

        Args:
            validated: The honest answer.
            leader: Who proposed the candidate.
        """
        accept = self.bias
        if accept is None and leader in self.allies:
            accept = True
        if accept is None or accept == validated.accept:
            return validated
        return replace(validated, accept=accept, reason=_ACCEPTED if accept else _REJECTED)

    def outgoing(
        self, receiver: str, statement: Statement, values: Sequence[Digest] = ()
    ) -> Statement | None:
        """Return what one receiver is sent in place of a statement of the node; None for nothing.

        Args:
            receiver: The instance it is for.
            statement: What the node says.
            values: The slot's values as far as they are known: if its candidate is accepted, if it
                is rejected, if it is absent.
        """
        if self.silent_from is not None and statement.slot >= self.silent_from:
            return None
        if receiver in self.far_peers and self._two_faced(statement):
            statement = turned(statement, exchange_of(values))
        claimed = self.claims(receiver)
        if claimed is not None and isinstance(
            statement, Nominate | Prepare | Confirm | Externalized
        ):
            statement = replace(statement, quorum_set=quorum_set_digest(claimed))
        for mutation in self.mutations:
            statement = mutated(statement, mutation, values, self.seed, receiver)
        return statement

    def claims(self, receiver: str) -> QuorumSet | None:
        """The false quorum set that the instance announces to a receiver before the first slot.

        The shell gives it to the receiver's node as `consensus.messages.Learn`.
        """
        lie = self.slices
        if lie is None or (lie.to and hospital_of(receiver) not in lie.to):
            return None
        validators = lie.validators or (lie.hospital,)
        return QuorumSet(lie.threshold, tuple(sorted(validators)))

    @property
    def trusts(self) -> QuorumSet | None:
        """The quorum set its own node is to run with; None for the declared one.

        Who tells everybody the same lie acts upon it; who lies to some only does not.
        """
        return None if self.slices is None or self.slices.to else self.claims("")

    def _two_faced(self, statement: Statement) -> bool:
        kind = "verdict" if isinstance(statement, Verdict) else "statement"
        return any(
            each.what == kind
            and each.from_round <= statement.slot
            and (each.until_round is None or statement.slot <= each.until_round)
            for each in self.equivocations
        )


def interposer_of(
    faults: Sequence[Fault], instance: str, instances: Sequence[str], seed: int
) -> Interposer | None:
    """What stands before an instance; None if nothing does. A twin lies as its hospital does.

    Args:
        faults: Of the scenario, any split expanded.
        instance: The instance.
        instances: All of the run.
        seed: Of the run.
    """
    hospital = hospital_of(instance)
    own = [fault for fault in faults if getattr(fault, "hospital", None) == hospital]
    silences = [fault.from_round for fault in own if isinstance(fault, Silence)]
    allies = [
        fault.hospitals
        for fault in faults
        if isinstance(fault, Collude) and hospital in fault.hospitals
    ]
    peers = sorted(peer for peer in instances if hospital_of(peer) != hospital)
    found = Interposer(
        instance,
        frozenset(peers[(len(peers) + 1) // 2 :]),
        min(silences, default=None),
        tuple(fault for fault in own if isinstance(fault, Equivocate)),
        next((fault for fault in own if isinstance(fault, Slices)), None),
        next((fault.verdict == "accept" for fault in own if isinstance(fault, Bias)), None),
        frozenset(ally for each in allies for ally in each),
        tuple(fault for fault in own if isinstance(fault, Mutate)),
        seed,
    )
    idle = Interposer(instance, found.far_peers, seed=seed)
    return None if found == idle else found
