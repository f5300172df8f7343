"""What the instances of a trial share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from consensus.judging import leader_of
from consensus.quorum import QuorumSet, QuorumSets
from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId

from ..adversaries import Interposer
from ..simulation.network import Network
from .checker import Checker
from .clock import Clock
from .protocols import counted_sets, trust_of
from .swift import SwiftNetwork
from .trial import Trial
from .values import Faces, SlotValues, values_of
from .wire import Message, Signed, statement_bytes

_KEPT_MAX = 10_000
"""Statements that are kept, and sizes of statements."""

Trace = Callable[[int, str, str, str], None]
"""Called with time, instance, event and words."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an instance decided."""

    slot: int
    """The slot."""
    value: Digest
    """The value."""
    time_us: int
    """When, in simulated time."""
    opened_us: int
    """When the instance had opened the slot."""


class World:
    """The trial, simulated time, the network, and who watches."""

    def __init__(
        self,
        trial: Trial,
        env: Clock,
        network: Network[Message] | SwiftNetwork,
        checker: Checker,
        interposers: Mapping[str, Interposer],
        trace: Trace | None,
    ) -> None:
        self.trial = trial
        self.env = env
        self.network = network
        self.checker = checker
        self.interposers = interposers
        self.trace = trace
        self.faces = Faces(trial)
        self.loses = trial.loses_messages
        """Whether what is sent may never arrive."""
        self.helps = self.loses or (trial.slots > 1 and bool(trial.faults))
        """Whether certificates are kept for those who may fall behind."""
        self.sets: QuorumSets = counted_sets(trial)
        """The quorum sets by which decisions count."""
        self.trust = trust_of(trial.quorum_sets)
        """The declared quorum sets, compiled."""
        self._nodes = trial.hospitals
        self._values: dict[int, SlotValues] = {}
        self._leaders: dict[int, NodeId] = {}
        self._sizes: dict[tuple[int, Statement], int] = {}
        self._statements: dict[Statement, Statement] = {}
        self._given: Statement | None = None
        self._same: Statement

    @property
    def now_us(self) -> int:
        """The simulated time."""
        return int(self.env.now)

    def leader(self, slot: int) -> NodeId:
        """Who leads a slot."""
        found = self._leaders.get(slot)
        if found is None:
            found = self._leaders[slot] = leader_of(slot, self._nodes)
        return found

    def values(self, slot: int) -> SlotValues:
        """The values of a slot."""
        found = self._values.get(slot)
        if found is None:
            found = self._values[slot] = values_of(slot)
        return found

    def same(self, statement: Statement) -> Statement:
        """The first of all equal statements: others recognise it without comparing."""
        if statement is not self._given:  # what is recorded is broadcast next
            if len(self._statements) >= _KEPT_MAX:
                self._statements.clear()
            self._same = self._statements.setdefault(statement, statement)
            self._given = statement
        return self._same

    def claims_to(self, receiver: str) -> Iterator[QuorumSet]:
        """The false quorum sets that an instance is told of."""
        for instance in sorted(self.interposers):
            claimed = self.interposers[instance].claims(receiver)
            if claimed is not None and instance != receiver:
                yield claimed

    def bytes_of(self, node: NodeId, statement: Statement, supporting: tuple[Signed, ...]) -> int:
        """The bytes of a statement and of those that go with it."""
        size = self._bytes_of(node, statement)
        for each in supporting:
            size += self._bytes_of(*each)
        return size

    def _bytes_of(self, node: NodeId, statement: Statement) -> int:
        # Those who say the same under names of one length need the same space.
        key = (len(node), statement)
        found = self._sizes.get(key)
        if found is None:
            if len(self._sizes) >= _KEPT_MAX:
                self._sizes.clear()
            extra = self.trial.signature_bytes
            found = statement_bytes((node, statement), self.trust.digests[node], extra)
            self._sizes[key] = found
        return found
