"""Invariants, checked outside the hospitals at every event: held, violated or undecided.

| invariant | held when |
|---|---|
| agreement | no two honest hospitals put different blocks at one height |
| validity | every outcome is one that some honest hospital voted for and itself judged so |
| chain | every honest replica is one unbroken chain |
| termination | every correct hospital reaches the end record in time |
| containment | no accepted model contains an update that was poisoned |
| accountability | evidence convicts hospitals that lie, and no other |

An honest hospital follows the protocol: it may stop, be cut off or learn from poisoned data. A
correct one also runs to the end. The checker keeps its own copy of everything it judges by.
"""

from collections.abc import Mapping, Set

from consensus.statements import Proposal, Statement, Verdict, values_of
from crypto.digest import Digest
from crypto.identity import NodeId
from ledger import chain
from ledger.block import Block, RecordType, core_hash
from ledger.body import candidate_digest
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.evidence import Evidence, ForkEvidence, check_evidence
from ledger.genesis import Genesis

from ..findings import Finding, Invariant, Status
from ..schema_faults import hospital_of
from .learner import Poisoning
from .trace import short

__all__ = ["Checker", "Finding", "Invariant", "Status"]

_HELD: Mapping[Invariant, str] = {
    Invariant.AGREEMENT: "no two honest hospitals recorded different blocks at one height",
    Invariant.VALIDITY: "every outcome was justified by an honest hospital's own judgement",
    Invariant.CHAIN: "every honest replica is one unbroken chain",
    Invariant.CONTAINMENT: "no poisoned update is part of an accepted model",
    Invariant.ACCOUNTABILITY: "no evidence convicts an honest hospital",
}


class Checker:
    """Watches a run; ask for `findings` when it is over."""

    def __init__(
        self,
        genesis: Block,
        honest: Set[str],
        correct: Set[str],
        poisonings: Mapping[NodeId, tuple[Poisoning, ...]],
    ) -> None:
        """Watch from the genesis block on.

        Args:
            genesis: The first block of every replica.
            honest: Instances that follow the protocol.
            correct: Honest instances that run to the end.
            poisonings: What the scenario made each hospital poison.
        """
        self._honest = honest
        self._correct = correct
        self._poisonings = poisonings
        self._externalized: dict[int, tuple[Digest, str]] = {}
        first = chain.start(genesis, core_hash(genesis.core))
        self._chains: dict[str, ChainState] = dict.fromkeys(sorted(honest), first)
        self._genesis = genesis
        self.convicted: set[NodeId] = set()
        """Whom evidence has convicted so far."""
        self._recorded: dict[int, tuple[Digest, str, Block]] = {}
        self._judged: set[tuple[int, Digest, bool]] = set()
        self._voted: set[tuple[int, Digest]] = set()
        self._violations: dict[Invariant, Finding] = {}

    def said(self, instance: str, statement: Statement) -> None:
        """Note what an honest hospital itself thinks of a candidate, and what it votes for."""
        if instance not in self._honest:
            return
        match statement:
            case Verdict():
                self._judged.add((statement.slot, statement.candidate, statement.accept))
            case Proposal():
                pass  # says what is to be judged, and nothing about it
            case _:
                self._voted.update((statement.slot, value) for value in values_of(statement))

    def externalized(self, instance: str, slot: int, value: Digest, time_us: int) -> None:
        """Judge a decision of a node, which its hospital may not yet be able to record."""
        if instance not in self._honest:
            return
        expected, first = self._externalized.setdefault(slot, (value, instance))
        if value != expected:
            self._violate(
                Invariant.AGREEMENT,
                f"in slot {slot} {first} decided {short(expected)} and {instance} decided "
                f"{short(value)}",
                time_us,
            )

    def appended(self, instance: str, block: Block, time_us: int) -> None:
        """Judge a block that a hospital put on its replica."""
        if instance not in self._honest:
            return
        self._check_agreement(instance, block, time_us)
        self._check_chain(instance, block, time_us)
        self._check_validity(instance, block, time_us)
        self._check_containment(instance, block, time_us)

    def accused(self, evidence: Evidence, time_us: int) -> None:
        """Judge what a hospital takes for evidence, by the genesis alone."""
        self._convict(evidence, time_us)

    def findings(self, *, still_running: bool) -> Mapping[Invariant, Finding]:
        """The state of every invariant when the run is over.

        Args:
            still_running: Whether something was still to happen when it stopped.
        """
        findings = {
            invariant: self._violations.get(invariant, Finding(Status.HELD, reason))
            for invariant, reason in _HELD.items()
        }
        findings[Invariant.TERMINATION] = self._termination(still_running)
        if self.convicted and findings[Invariant.ACCOUNTABILITY].status is Status.HELD:
            names = ", ".join(sorted(self.convicted))
            reason = f"evidence convicts {names}, and no honest hospital"
            findings[Invariant.ACCOUNTABILITY] = Finding(Status.HELD, reason)
        return {invariant: findings[invariant] for invariant in Invariant}

    def _termination(self, still_running: bool) -> Finding:
        late = sorted(each for each in self._correct if not self._chains[each].ended)
        if not late:
            return Finding(Status.HELD, "every correct hospital reached the end record")
        first = late[0]
        where = f"{first} stopped at height {self._chains[first].height}"
        others = f", and {len(late) - 1} more" if len(late) > 1 else ""
        if still_running:
            return Finding(Status.UNDECIDED, f"when the run stopped, {where}{others}")
        return Finding(Status.VIOLATED, f"nothing is left to happen, and {where}{others}")

    def _check_agreement(self, instance: str, block: Block, time_us: int) -> None:
        found = core_hash(block.core)
        height = block.core.height
        expected, first, ours = self._recorded.setdefault(height, (found, instance, block))
        if found != expected:
            self._convict(ForkEvidence(ours, block), time_us)
            self._violate(
                Invariant.AGREEMENT,
                f"at height {height} {first} recorded {short(expected)} and {instance} "
                f"recorded {short(found)} ({block.core.type.value})",
                time_us,
            )

    def _convict(self, evidence: Evidence, time_us: int) -> None:
        """Whom evidence convicts must be a liar; what proves nothing must not pass for evidence."""
        try:
            culprits = check_evidence(evidence, self._genesis).culprits
        except Violation as violation:
            reason = f"a hospital accused another of what is no evidence: {violation}"
            self._violate(Invariant.ACCOUNTABILITY, reason, time_us)
            return
        self.convicted.update(culprits)
        innocent = sorted(set(culprits) & {hospital_of(each) for each in self._honest})
        if innocent:
            reason = f"evidence convicts {', '.join(innocent)}, who followed the protocol"
            self._violate(Invariant.ACCOUNTABILITY, reason, time_us)

    def _check_chain(self, instance: str, block: Block, time_us: int) -> None:
        try:
            state = self._chains[instance]
            self._chains[instance] = chain.extend(state, block, core_hash(block.core))
        except Violation as violation:
            height = block.core.height
            reason = f"{instance} broke its chain at height {height}: {violation}"
            self._violate(Invariant.CHAIN, reason, time_us)

    def _check_validity(self, instance: str, block: Block, time_us: int) -> None:
        """Some honest hospital voted for this, and its own judgement, if any, says the same."""
        core = block.core
        body = core.body
        judgement = None
        if body is not None and not isinstance(body, Genesis):
            accept = core.type is not RecordType.REJECTED
            judgement = (core.slot, candidate_digest(body), accept)
        voted = (core.slot, core_hash(core)) in self._voted
        if not voted or (judgement is not None and judgement not in self._judged):
            reason = (
                f"{instance} recorded at height {core.height} a block of type {core.type} that no "
                "honest hospital's own judgement led to"
            )
            self._violate(Invariant.VALIDITY, reason, time_us)

    def _check_containment(self, instance: str, block: Block, time_us: int) -> None:
        body = block.core.body
        if block.core.type is not RecordType.ACCEPTED or not isinstance(body, ModelCandidate):
            return
        for entry in body.updates:
            attacks = self._poisonings.get(entry.author, ())
            if any(each.active(block.core.slot) for each in attacks):
                reason = (
                    f"{instance} recorded at height {block.core.height} an accepted model with the "
                    f"poisoned update of {entry.author}"
                )
                self._violate(Invariant.CONTAINMENT, reason, time_us)

    def _violate(self, invariant: Invariant, reason: str, time_us: int) -> None:
        self._violations.setdefault(invariant, Finding(Status.VIOLATED, reason, time_us))
