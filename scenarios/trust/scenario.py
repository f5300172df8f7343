"""The trust graph of a scenario: its hospitals, and whom each trusts by its protocol."""

from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from .graph import Member, TrustGraph


def scenario_trust(scenario: Scenario) -> TrustGraph:
    """The trust graph that a run of the scenario would have."""
    return TrustGraph(
        scenario.name,
        tuple(Member(each, each, {}) for each in scenario.hospitals),
        dict(declared_quorum_sets(scenario.protocol, scenario.hospitals)),
    )
