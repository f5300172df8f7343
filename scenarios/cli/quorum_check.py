"""Before a run: do every two quorums of the scenario share a hospital?"""

import time

from consensus.resilience import Fbas, UndecidedError, disjoint_quorums

from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from .voice import say

PATIENCE_S = 2.0
"""How long a run waits for the answer; without one it begins."""
_NAMES_MAX = 6


def warn_of_disjoint_quorums(scenario: Scenario) -> None:
    """Warn, with a witness, where two sides can decide apart without a lie.

    Not where the scenario's author expects it.
    """
    if scenario.expect.agreement == "violated":
        return
    until = time.monotonic() + PATIENCE_S
    fbas = Fbas(declared_quorum_sets(scenario.protocol, scenario.hospitals))
    try:
        found = disjoint_quorums(fbas, lambda: time.monotonic() > until)
    except UndecidedError:
        return
    if found is not None:
        first, second = (_names(side) for side in found)
        say(
            f"warning: {first} and {second} are two quorums without a common hospital: they can "
            "decide apart without a lie\n"
            "see tclearn quorums, or expect: {agreement: violated}"
        )


def _names(nodes: frozenset[str]) -> str:
    named = sorted(nodes)
    more = f" and {len(named) - _NAMES_MAX} more" if len(named) > _NAMES_MAX else ""
    return "{" + ", ".join(named[:_NAMES_MAX]) + more + "}"
