"""What the honest hospitals of a run said of its candidates, counted by what was done to them."""

from collections.abc import Iterable, Mapping

from consensus.statements import REASON_DEADLINE

from ..adversaries import expanded, lying_hospitals
from ..schema import Scenario
from ..schema_faults import (
    Gaussian,
    LabelFlip,
    NotANumber,
    Poison,
    Scaling,
    SignFlip,
    hospital_of,
)
from ..simulation.outcome import Outcome
from ..units import format_fraction

GOOD = "good"
"""What a candidate is called that nobody poisoned."""

Counts = Mapping[str, tuple[int, int]]
"""By what was done to a candidate: verdicts that accept, and verdicts."""


def tally(scenario: Scenario, outcome: Outcome) -> Counts:
    """Count the verdicts of one run.

    A verdict counts if its hospital neither lies nor poisons, and judged a candidate: one that was
    recorded, accepted or not. What combines several updates is poisoned if one of them is.

    Args:
        scenario: Of the run.
        outcome: What came out of it.
    """
    scenario = expanded(scenario)
    poisons = [fault for fault in scenario.faults if isinstance(fault, Poison)]
    apart = {*lying_hospitals(scenario.faults), *(fault.hospital for fault in poisons)}
    made = {
        row.height: _named(poisons, row.authors, row.height)
        for row in outcome.rounds
        if row.authors
    }
    found: dict[str, tuple[int, int]] = {}
    for verdict in outcome.verdicts:
        what = made.get(verdict.slot)
        if what is None or hospital_of(verdict.instance) in apart:
            continue
        if verdict.reason == REASON_DEADLINE:
            continue  # it saw no candidate
        accepted, count = found.get(what, (0, 0))
        found[what] = (accepted + verdict.accept, count + 1)
    return dict(sorted(found.items()))


def _named(poisons: Iterable[Poison], authors: Iterable[str], slot: int) -> str:
    """What was done to a candidate: the attacks on its updates."""
    attacks = {
        _attack(fault)
        for fault in poisons
        if fault.hospital in authors
        and fault.from_round <= slot
        and (fault.until_round is None or slot <= fault.until_round)
    }
    return " and ".join(sorted(attacks)) or GOOD


def _attack(fault: Poison) -> str:
    match fault:
        case LabelFlip(fraction_ppm=fraction):
            return f"label-flip {format_fraction(fraction)}"
        case SignFlip(factor=factor):
            return f"sign-flip {factor:g}"
        case Scaling(factor=factor):
            return f"scaling {factor:g}"
        case Gaussian(sigma=sigma):
            return f"gaussian {sigma:g}"
        case NotANumber():
            return "nan"
        case _:
            return "poison"
