"""Whether a coalition's outcomes are what its hospitals themselves think of the candidates."""

from collections.abc import Sequence

from consensus.judging import leader_of

from ..findings import Status
from ..schema_faults import Crash, Silence, hospital_of
from ..trials.checker import Property
from ..trials.run import TrialOutcome
from ..trials.trial import Trial
from ..trials.values import Faces, accepts, values_of


def judged(trial: Trial, outcome: TrialOutcome) -> Status:
    """Whether each candidate was adopted exactly if all correct hospitals, alike, say so.

    Slots whose candidate they judge differently say nothing; nor do those whose leader stops, or
    shows one candidate to some and another to the rest. A slot without any outcome but *absent*
    has adopted nothing.

    Returns:
        Held, violated, or undecided where somebody correct has not decided.
    """
    if trial.mode == "bare":
        return Status.HELD  # nobody judges anything
    correct = [each for each in trial.instances if hospital_of(each) not in outcome.faulty]
    for slot in range(1, trial.slots + 1):
        wanted = _unanimous(trial, slot, correct)
        if wanted is None:
            continue
        accepted = values_of(slot).accepted
        for instance in correct:
            decisions = outcome.decisions[instance]
            if len(decisions) >= slot and (decisions[slot - 1].value == accepted) != wanted:
                return Status.VIOLATED
    if outcome.findings[Property.TERMINATION].status is not Status.HELD:
        return Status.UNDECIDED
    return Status.HELD


def _unanimous(trial: Trial, slot: int, correct: Sequence[str]) -> bool | None:
    """What all correct hospitals think of a slot's one candidate; None if there is no such."""
    if _stops(trial, slot) or Faces(trial).two(slot):
        return None
    opinions = {accepts(trial, slot, instance) for instance in correct}
    return opinions.pop() if len(opinions) == 1 else None


def _stops(trial: Trial, slot: int) -> bool:
    leader = leader_of(slot, trial.hospitals)
    return any(
        (isinstance(fault, Silence) and fault.hospital == leader and fault.from_round <= slot)
        or (isinstance(fault, Crash) and fault.hospital == leader)
        for fault in trial.faults
    )
