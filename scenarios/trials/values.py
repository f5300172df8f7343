"""The values of a trial's slots, and who is told which: everything derived, nothing drawn in turn.

A slot has two faces where its leader is two-faced or cannot reach everybody: one value for those
who hear the first face, another one for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from consensus.judging import leader_of
from consensus.statements import Proposal
from crypto.digest import Digest, digest
from crypto.identity import NodeId

from ..schema_adversaries import Equivocate
from ..schema_faults import Partition, Poison, Twin, hospital_of
from ..simulation.streams import stream_seed
from ..units import PPM
from .trial import Trial

_LABEL = "tclearn/trial/v1"
_KEPT_MAX = 1024
"""Values and proposals that are kept: they are the same in every trial."""


@dataclass(frozen=True, slots=True)
class SlotValues:
    """What may be decided in a slot."""

    accepted: Digest
    """The value of the first face; in judged mode, if the candidate is accepted."""
    rejected: Digest
    """The value of the second face; in judged mode, if the candidate is rejected."""
    absent: Digest
    """The value if no candidate arrives."""

    @property
    def known(self) -> Sequence[Digest]:
        """All of them, as adversaries know them."""
        return (self.accepted, self.rejected, self.absent)


@lru_cache(_KEPT_MAX)
def values_of(slot: int, face: int = 0) -> SlotValues:
    """The values of a slot, or those of a second candidate that its leader proposes."""
    names = ("accepted", "rejected")
    accepted, rejected = (digest(_LABEL, [slot, face, name]) for name in names)
    return SlotValues(accepted, rejected, digest(_LABEL, [slot, "absent"]))


@lru_cache(_KEPT_MAX)
def proposal_of(slot: int, face: int) -> Proposal:
    """What a leader proposes; its second face proposes another candidate."""
    values = values_of(slot, face)
    candidate = digest(_LABEL, [slot, face, "candidate"])
    return Proposal(slot, candidate, values.accepted, values.rejected)


class Faces:
    """Which face of its leader an instance sees in each slot."""

    def __init__(self, trial: Trial) -> None:
        self._hospitals = trial.hospitals
        self._twinned = {f.hospital for f in trial.faults if isinstance(f, Twin)}
        self._equivocations = tuple(
            f for f in trial.faults if isinstance(f, Equivocate) and f.what == "statement"
        )
        partition = next((f for f in trial.faults if isinstance(f, Partition)), None)
        groups = partition.groups if partition is not None else ()
        self._groups = {each: number for number, group in enumerate(groups) for each in group}
        half = (len(self._hospitals) + 1) // 2
        self._far = frozenset(self._hospitals[half:])
        self.single = not (self._twinned or self._equivocations or self._groups)
        """Whether no slot has a second face."""

    def of(self, slot: int, instance: str) -> int:
        """Return 0 for the first face, 1 for the second."""
        if self.single:
            return 0
        leader = leader_of(slot, self._hospitals)
        if self._groups:
            here = self._groups.get(instance)
            there = self._groups.get(leader)
            return int(None not in (here, there) and here != there)
        if hospital_of(instance) == leader:
            return int(instance != leader)
        return int(self._is_two_faced(slot, leader) and hospital_of(instance) in self._far)

    def two(self, slot: int) -> bool:
        """Whether a slot has two faces."""
        leader = leader_of(slot, self._hospitals)
        return bool(self._groups) or self._is_two_faced(slot, leader)

    def _is_two_faced(self, slot: int, leader: NodeId) -> bool:
        return leader in self._twinned or any(
            f.hospital == leader
            and f.from_round <= slot
            and (f.until_round is None or slot <= f.until_round)
            for f in self._equivocations
        )


def reason_of(accept: bool) -> str:
    """The reason in a verdict."""
    return "ok" if accept else "local-score"


def accepts(trial: Trial, slot: int, instance: str) -> bool:
    """Whether an instance itself thinks well of a slot's candidate, by chance."""
    poisons = [fault for fault in trial.faults if isinstance(fault, Poison)]
    leader = leader_of(slot, trial.hospitals) if poisons else None
    poisoned = any(
        fault.hospital == leader
        and fault.from_round <= slot
        and (fault.until_round is None or slot <= fault.until_round)
        for fault in poisons
    )
    ppm = trial.verdicts.poisoned_ppm if poisoned else trial.verdicts.good_ppm
    if ppm in (0, PPM):
        return ppm == PPM
    return stream_seed(trial.seed, "verdict", slot, instance) % PPM < ppm
