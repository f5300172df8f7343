"""What is explored: the hospitals of a scenario and how they agree, without anything around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from consensus.messages import Begin, Node
from consensus.quorum import QuorumSet
from consensus.scp.leaders import Electorate
from consensus.trust import Trust
from crypto.digest import Digest, digest
from crypto.identity import NodeId

from ..protocols import agreement
from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..schema_faults import Twin
from .case import HOSPITALS_MAX, VALUES
from .errors import ExplorationError

_LABEL = "tclearn/exploration/v1"
_TRIES_MAX = 1000
"""Seeds of SCP's lots that are tried until a hospital leads everybody's first round."""
_LED = frozenset({"pbft", "scp"})
"""Protocols in which one hospital goes first."""


@dataclass(frozen=True, slots=True)
class System:
    """A small coalition that agrees on one slot."""

    quorum_sets: Mapping[NodeId, QuorumSet]
    """Whom each hospital trusts."""
    protocol: str
    """How they agree."""
    timeout_us: int
    """The first timeout of the protocol."""
    make: Callable[[NodeId], Node]
    """Makes the node of a hospital, or of its twin."""
    authority: NodeId | None = None
    """Who decides for all, if somebody does."""
    seed: int = 0
    """What samples are drawn from."""

    @property
    def hospitals(self) -> tuple[NodeId, ...]:
        """The hospitals, sorted: the order in which ids number them."""
        return tuple(sorted(self.quorum_sets))

    @property
    def led(self) -> bool:
        """Whether one hospital goes first."""
        return self.protocol in _LED


def system_of(scenario: Scenario) -> System:
    """Take from a scenario what agreement alone needs.

    Raises:
        ExplorationError: There are too many hospitals.
    """
    count = len(scenario.hospitals)
    if count > HOSPITALS_MAX:
        raise ExplorationError(
            f"expected at most {HOSPITALS_MAX} hospitals, found {count}; "
            "larger coalitions are for trials with chance, not for systematic exploration"
        )
    section = scenario.protocol
    quorum_sets = declared_quorum_sets(section, scenario.hospitals)
    trust = Trust(quorum_sets)
    return System(
        quorum_sets,
        section.name,
        section.round_timeout_us,
        lambda node: agreement(section, node, trust),
        section.authority,
        scenario.seed,
    )


def faulty_count(scenario: Scenario) -> int:
    """How many hospitals may be twinned: as the scenario says, else less than a third, or 1."""
    twinned = {fault.hospital for fault in scenario.faults if isinstance(fault, Twin)}
    return len(twinned) or max(1, (len(scenario.hospitals) - 1) // 3)


def value_digests() -> tuple[Digest, ...]:
    """The values that a slot may be decided for, ascending."""
    return tuple(sorted(digest(_LABEL, ["value", name]) for name in VALUES))


def opening(system: System, leader: int | None) -> Begin:
    """Open a slot that a hospital leads: the first view of PBFT, the first round of SCP's lots."""
    hospitals = system.hospitals
    absent = digest(_LABEL, ["absent"])
    first = leader or 0
    # The hospitals take turns by slot: `consensus.judging.leader_of`.
    slot = first + 1
    previous = _lots(system, slot, hospitals[first]) if system.protocol == "scp" else absent
    return Begin(slot, hospitals[first], absent, previous)


def _lots(system: System, slot: int, leader: NodeId) -> Digest:
    """A seed of the lots under which a hospital alone leads as many as possible at first."""
    trust = Trust(system.quorum_sets)
    electorates = [Electorate.of(node, trust) for node in trust.nodes]
    best, most = digest(_LABEL, ["lots", 0]), -1
    for number in range(_TRIES_MAX):
        previous = digest(_LABEL, ["lots", number])
        led = sum(each.leaders(slot, previous, 1) == {leader} for each in electorates)
        if led > most:
            best, most = previous, led
        if most == len(electorates):
            break
    return best


def instance_names(hospitals: Sequence[NodeId], twins: Sequence[int]) -> tuple[str, ...]:
    """What the instances of a case are called: the hospitals, then the twins."""
    return (*hospitals, *(f"{hospitals[twin]}/twin" for twin in twins))
