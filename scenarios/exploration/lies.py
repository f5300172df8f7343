"""The one message of a case that is changed in one field (ByzzFuzz, at small scope).

Source: Winter et al., Randomized Testing of Byzantine Fault Tolerant Algorithms (OOPSLA 2023).
"""

from collections.abc import Sequence
from dataclasses import replace

from crypto.digest import Digest
from crypto.identity import NodeId

from ..adversaries.mutation import mutated
from ..schema_adversaries import Mutate
from .case import Mutation
from .states import Said


def changed(
    sent: Sequence[Said], number: int, mutation: Mutation, values: Sequence[Digest]
) -> Said:
    """What is sent in the place of one of the statements that an instance sends in a round.

    Args:
        sent: Everything that it sends in that round.
        number: Which of them it is, from 0.
        mutation: Says which of them is changed, and how.
        values: The values that may replace each other.
    """
    said = sent[number]
    if mutation.variant % len(sent) != number:
        return said
    lie = mutated(said.statement, _always(said.node), values, mutation.variant, "")
    return replace(said, statement=lie)


def _always(hospital: NodeId) -> Mutate:
    return Mutate.model_validate({"kind": "mutate", "hospital": hospital, "probability": 1.0})
