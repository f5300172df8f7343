"""What one trial is: the coalition, the protocol, the network, what goes wrong, and how long.

A trial has no models, no data, no ledger and no signatures. In *bare* mode the agreement is driven
directly: each node is told at once which value it may decide. In *judged* mode the leader proposes
a candidate, the hospitals judge it by chance with given probabilities, and what may be decided
follows from their verdicts, as in the full engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from consensus.quorum import QuorumSet
from crypto.algorithm import Algorithm
from crypto.identity import NodeId

from ..adversaries import expanded
from ..errors import SimulationError
from ..quorum_sets import declared_quorum_sets
from ..schema import HOSPITALS_MAX, Scenario
from ..schema_faults import Crash, Fault, Firewall, Partition, Twin, twin_of
from ..schema_network import NetworkSection
from ..schema_sections import Protocol
from ..units import PPM

PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
"""Every protocol that a trial can run."""

SLOTS_MAX: Final = 100_000
"""The most slots of a trial."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long nodes and shells wait, in simulated microseconds."""

    proposal_us: int = 5_000_000
    """For the leader's candidate; in bare mode, for the value that this node was not told of."""
    verdict_us: int = 5_000_000
    """For verdicts that justify an outcome."""
    view_us: int = 2_000_000
    """PBFT's view 0; it doubles with each view."""
    view_cap_us: int = 1_800_000_000
    """PBFT's longest view."""
    ballot_us: int = 1_000_000
    """SCP's first round of nomination and first ballot, and what each later one waits longer."""
    validate_us: int = 1_000
    """What validating a candidate takes."""
    rebroadcast_us: int = 2_000_000
    """Between repetitions of what a node said last, where messages can get lost."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How likely a hospital accepts a candidate, in millionths."""

    good_ppm: int = PPM
    """One that nobody poisoned."""
    poisoned_ppm: int = 0
    """One that its proposer poisoned."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One seeded run of agreement alone."""

    quorum_sets: Mapping[NodeId, QuorumSet]
    """The hospitals, and whom each trusts."""
    protocol: Protocol = "majority"
    """How they agree."""
    network: NetworkSection = field(default_factory=NetworkSection)
    """The network between them."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong; splits expanded."""
    seed: int = 0
    """What all chance is derived from."""
    slots: int = 1
    """How many values are decided one after the other."""
    time_limit_us: int = 3_600_000_000
    """T: the simulated time after which an unfinished run is undecided."""
    waits: Waits = field(default_factory=Waits)
    """How long everybody waits."""
    mode: Literal["bare", "judged"] = "bare"
    """Whether nodes are told what they may decide, or judge candidates."""
    verdicts: Verdicts = field(default_factory=Verdicts)
    """How they judge."""
    authority: NodeId | None = None
    """The certifying node of the protocol `authority`; the first hospital by name if absent."""
    signature_bytes: int = 3309
    """Bytes that a signature adds to a statement on the wire; of ML-DSA-65 if nothing is said."""
    swift: bool = True
    """Whether the faster network may be used where it serves; the chances it draws are others."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.quorum_sets) <= HOSPITALS_MAX:
            found = len(self.quorum_sets)
            raise SimulationError(f"expected 1 to {HOSPITALS_MAX} hospitals, found {found}")
        if not 1 <= self.slots <= SLOTS_MAX:
            raise SimulationError(f"expected 1 to {SLOTS_MAX} slots, found {self.slots}")

    @property
    def hospitals(self) -> tuple[NodeId, ...]:
        """The hospitals, sorted."""
        return tuple(sorted(self.quorum_sets))

    @property
    def instances(self) -> tuple[str, ...]:
        """Every node of the run, sorted: the hospitals and the twins."""
        twins = (twin_of(fault.hospital) for fault in self.faults if isinstance(fault, Twin))
        return tuple(sorted({*self.quorum_sets, *twins}))

    @property
    def loses_messages(self) -> bool:
        """Whether what is sent may never arrive, so that it is said again."""
        return self.network.loses or any(
            isinstance(fault, Crash) or (isinstance(fault, Partition | Firewall) and fault.drop)
            for fault in self.faults
        )


def trial_of(scenario: Scenario) -> Trial:
    """Take from a scenario what agreement alone needs; nodes judge by chance.

    Raises:
        SimulationError: A split cannot be computed.
    """
    scenario = expanded(scenario)
    section = scenario.protocol
    wait_us = section.round_timeout_us
    return Trial(
        declared_quorum_sets(section, scenario.hospitals),
        section.name,
        scenario.network,
        scenario.faults,
        scenario.seed,
        scenario.rounds,
        scenario.time_limit_us,
        Waits(
            section.proposal_timeout_us,
            section.vote_timeout_us,
            view_us=wait_us,
            ballot_us=wait_us,
            rebroadcast_us=section.catch_up_us,
        ),
        "judged",
        authority=section.authority,
        signature_bytes=Algorithm(scenario.signature).signature_size,
    )
