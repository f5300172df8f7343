"""A hospital's own judgement of what a leader proposes: of a model, of the end, of a notice."""

from consensus.messages import Validated
from crypto.digest import Digest
from ledger.body import candidate_digest
from ledger.candidate import EndCandidate, ModelCandidate
from ledger.chain import ChainState
from ledger.notice import EvidenceNotice

from .candidates import claim_of
from .costs import CostProfile
from .docket import Docket
from .life import Life
from .wire import Draft

END_REASON = "end"
"""Reason of a verdict on an end candidate that is not what this replica holds."""
SUM_REASON = "sum"
"""Reason of a verdict on a model that is not its base and the mean of what was proven."""
_SOUND = "ok"


def judge(
    slot: int, draft: Draft, life: Life, docket: Docket, costs: CostProfile
) -> tuple[int, Validated]:
    """Judge a draft.

    Returns:
        The simulated microseconds that it takes, and the judgement.
    """
    candidate, name = draft.candidate, candidate_digest(draft.candidate)
    state = life.replica.state
    if isinstance(candidate, ModelCandidate):
        count = len(candidate.updates)
        if not life.learner.is_sum(life.replica.model, draft.file, draft.total, count):
            return 1, Validated(slot, name, accept=False, reason=SUM_REASON, scores=())
        found = life.learner.validate(draft.file, claim_of(candidate))
        scores = tuple(sorted(found.scores.items()))
        answer = Validated(slot, name, found.accept, found.reason.value, scores)
        return costs.validate_us(life.learner.validate_count), answer
    if isinstance(candidate, EndCandidate):
        return 1, _judge_end(slot, name, candidate, state)
    signature_count = 2 if isinstance(candidate, EvidenceNotice) else 0
    return costs.verify_us * signature_count + 1, docket.judge(slot, name, draft, state)


def _judge_end(slot: int, name: Digest, candidate: EndCandidate, state: ChainState) -> Validated:
    sound = EndCandidate(slot, state.accepted_count, state.model.tensors) == candidate
    return Validated(slot, name, sound, _SOUND if sound else END_REASON, ())
