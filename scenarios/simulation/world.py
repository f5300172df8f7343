"""What the hospitals of a run share, and how each of them departs from the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import simpy

from consensus.messages import Input, Output
from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId
from ledger.block import Block
from ledger.candidate import UpdateEntry
from ledger.evidence import Evidence

from ..adversaries.interposer import Interposer
from .costs import CostProfile
from .handed_in import Origin
from .network import Network
from .outbox import Mail
from .signer import Verifier
from .trace import Trace


class Observer(Protocol):
    """Stands outside the hospitals and sees what they do; hospitals never ask it anything."""

    def externalized(self, instance: str, slot: int, value: Digest) -> None:
        """A hospital's node decided a slot; it may still wait for what its ledger must show."""

    def stepped(self, instance: str, event: Input, outputs: tuple[Output, ...]) -> None:
        """A hospital's node took an input in, and this is what it wants done."""

    def said(self, instance: str, statement: Statement) -> None:
        """A hospital signed a statement of its own."""

    def handed_in(self, instance: str, slot: int, entry: UpdateEntry, origin: Origin) -> None:
        """A hospital signed an update of its own."""

    def appended(self, instance: str, block: Block, time_us: int) -> None:
        """A hospital put a block on its replica."""

    def accused(self, instance: str, evidence: Evidence) -> None:
        """A hospital holds what convicts a node by its own signature."""


@dataclass(frozen=True, slots=True)
class World:
    """What all hospitals of a run share."""

    env: simpy.Environment
    """Simulated time."""
    network: Network[Mail]
    """Carries messages."""
    verifier: Verifier
    """Checks signatures."""
    trace: Trace
    """Keeps what happens."""
    observer: Observer
    """Sees what happens."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all hospitals of a run have agreed on."""

    nodes: tuple[NodeId, ...]
    """The coalition, sorted."""
    quorum_sets: Mapping[NodeId, Digest]
    """Digest of each node's quorum set."""
    chain_id: Digest
    """The chain that every signature names."""
    round_count: int
    """Rounds of learning; the slot after them decides the end."""
    scheme: str
    """``sequential`` or ``fedavg``."""
    epoch_count: int
    """Epochs of one training, for its simulated time."""
    proposal_timeout_us: int
    """How long a slot waits for its candidate; a leader waits half of it for updates."""
    checkpoint_every: int
    """Blocks from one signed head of a log to the next."""
    pipeline: bool
    """Whether the training of a round may begin while the one before is decided."""
    catch_up_us: int
    """How long a hospital that is behind waits before it asks."""
    rebroadcast_us: int | None
    """How often a hospital repeats itself in an open slot; None where no message is lost."""
    costs: CostProfile
    """What computing takes."""
    genesis: Block
    """The first block of every replica."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a hospital departs from the protocol, as far as its shell is concerned."""

    crash_us: int | None = None
    """When it stops."""
    recover_us: int | None = None
    """When it runs again."""
    interposer: Interposer | None = None
    """What stands between a liar's node and everybody else."""
