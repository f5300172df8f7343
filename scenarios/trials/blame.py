"""Who is to blame in a trial, from everything that was signed in it."""

from consensus.errors import CertificateError
from consensus.forensics import ForkFinding, convict, fork_culprits
from crypto.identity import NodeId

from .certificates import statements_for
from .checker import Checker, Fork, by_hospital
from .protocols import counted_sets
from .trial import Trial


def culprits(checker: Checker, lying: frozenset[NodeId]) -> frozenset[NodeId]:
    """Whoever contradicted himself; of honest ones the checker has seen it at once."""
    found = set(checker.inconsistent)
    for slot in sorted(checker.said_by) if lying else ():
        said = by_hospital(checker.said_by[slot])
        signed = [(node, each) for node in sorted(lying) for each in said.get(node, ())]
        found.update(convict(signed))
    return frozenset(found)


def blame(trial: Trial, checker: Checker, fork: Fork) -> ForkFinding | None:
    """Whom two certificates of one slot convict, with everything that was signed in it."""
    said = by_hospital(checker.said_by.get(fork.slot, {}))
    transcript = [(node, each) for node, statements in sorted(said.items()) for each in statements]
    sets = counted_sets(trial)
    for first in statements_for(fork.first, trial.protocol, said, fork.slot):
        for second in statements_for(fork.second, trial.protocol, said, fork.slot):
            try:
                return fork_culprits(first, second, sets, transcript)
            except CertificateError:
                continue
    return None
