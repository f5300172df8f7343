"""What theory says a study will find: the line that is drawn over the measurement.

| fault | property | it survives as long as |
|---|---|---|
| split | agreement | the liars are fewer than a smallest splitting set |
| silence, crash | termination, judgement | the others contain a quorum |
| bias reject | judgement | the others convince everybody: the liars do not block |
| bias accept | judgement | the liars do not convince anybody |
| silence, crash, bias | agreement | always, where any two quorums meet |
| silence, crash | validity | always |

Nothing is said of other faults, of networks that lose messages, of verdicts by chance, or of more
faults beside. Sources: Mazières, The Stellar Consensus Protocol (2015), section 4; for a flat set
with threshold T of n: 2T - n split, n - T + 1 block.
"""

from collections.abc import Callable, Mapping
from math import comb
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from consensus.judging import leader_of
from consensus.quorum import QuorumSets, greatest_quorum
from crypto.identity import NodeId

from ..adversaries.splitting import minimum_splitting
from ..errors import SimulationError
from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..schema_adversaries import Bias, Split
from ..schema_faults import Crash, Fault, Poison, Silence
from ..trials.trial import Verdicts
from ..units import PPM
from .cell import filled
from .counting import common_set, satisfying_counts, tried
from .errors import StudyError
from .placement import Placement, place, purpose_of
from .statistics import Located

_FAULT: Final[TypeAdapter[Fault]] = TypeAdapter(Fault)

_CERTAIN: Final = Verdicts()
"""Everybody honest accepts what is good, and refuses what is poisoned."""


def threshold_theory(
    scenario: Scenario,
    of: str,
    fault: Mapping[str, object],
    *,
    placement: Placement = "last",
    verdicts: Verdicts = _CERTAIN,
    level: float = 0.5,
    first: int = 0,
    last: int | None = None,
) -> Located | None:
    """With how many faulty hospitals a property breaks, as theory has it.

    Args:
        scenario: Without the faulty hospitals that are searched for.
        of: The measure: a status.
        fault: What each faulty hospital does, as in a file, without its name.
        placement: Which of them are faulty.
        verdicts: How likely honest hospitals accept.
        level: The rate below which it is broken.
        first: The least number that is looked at.
        last: The greatest; all but one hospital if absent.

    Returns:
        The greatest number with which the property still holds and the least with which it is
        broken, in the range; None where theory says nothing.
    """
    rate = _line(scenario, of, fault, placement, verdicts)
    if rate is None:
        return None
    held: int | None = None
    for count in range(first, (len(scenario.hospitals) - 1 if last is None else last) + 1):
        found = rate(count)
        if found is None:
            return None
        if found <= level:
            return Located(held, count)
        held = count
    return Located(held, None)


def rate_theory(
    scenario: Scenario,
    of: str,
    fault: Mapping[str, object],
    faulty: int,
    *,
    placement: Placement = "last",
    verdicts: Verdicts = _CERTAIN,
) -> float | None:
    """The exact chance that a property survives a number of faulty hospitals.

    It is 0 or 1 unless the faulty ones are placed at random; then it is counted over all placings.

    Args:
        scenario: Without the faulty hospitals.
        of: The measure: a status.
        fault: What each faulty hospital does, as in a file, without its name.
        faulty: How many there are.
        placement: Which.
        verdicts: How likely honest hospitals accept.

    Returns:
        None where theory says nothing.

    Raises:
        StudyError: The fault is none.
    """
    rate = _line(scenario, of, fault, placement, verdicts)
    return None if rate is None else rate(faulty)


_Rate = Callable[[int], float | None]
"""The chance that a property survives a number of faulty hospitals."""

_Rule = Literal["others agree", "liars do not", "always"]
"""When it does: whoever is not faulty holds a quorum, the faulty ones hold none, or always."""


def _line(
    scenario: Scenario,
    of: str,
    fault: Mapping[str, object],
    placement: Placement,
    verdicts: Verdicts,
) -> _Rate | None:
    """The rate at each number; None where theory says nothing."""
    parsed = _parsed(fault, scenario)
    network = scenario.network
    quiet = not network.loses and network.gst_us is None
    if not quiet or not all(isinstance(each, Poison) for each in scenario.faults):
        return None
    sets = declared_quorum_sets(scenario.protocol, scenario.hospitals)
    if of == "agreement":
        return _agreement(scenario, sets, parsed)
    rule = _rule(scenario, of, sets, parsed, verdicts)
    if rule is None:
        return None
    if placement == "random":
        return lambda count: _at_random(rule, sets, count)
    order = place(len(sets), scenario, placement, purpose_of(fault))
    return lambda count: float(_survives(rule, sets, frozenset(order[:count])))


def _parsed(fault: Mapping[str, object], scenario: Scenario) -> Fault:
    """The fault of the first hospital.

    Raises:
        StudyError: It is none.
    """
    try:
        return _FAULT.validate_python(filled(fault, scenario.hospitals[:1])[0])
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(map(str, found["loc"]))
        raise StudyError(f"faulty.fault: expected a fault, found {where}: {found['msg']}") from None


def _agreement(scenario: Scenario, sets: QuorumSets, fault: Fault) -> _Rate | None:
    """Agreement: a computed splitting set splits, and nobody splits who says one thing to all."""
    try:
        found = minimum_splitting(sets, deletion=scenario.protocol.name == "scp")
    except SimulationError:
        return None  # it has no closed form, and searching takes too long
    needed = None if found is None else len(found.liars)
    if isinstance(fault, Split):
        return lambda count: float(needed is None or count < needed)
    if isinstance(fault, Silence | Crash | Bias) and needed != 0:
        return lambda _: 1.0
    return None


def _rule(
    scenario: Scenario, of: str, sets: QuorumSets, fault: Fault, verdicts: Verdicts
) -> _Rule | None:
    """What a property asks of the faulty hospitals and of the others."""
    wanted = _wanted(scenario, verdicts)
    if wanted is None:
        return None  # honest hospitals judge by chance
    stops = (isinstance(fault, Silence) and fault.from_round == 1) or (
        isinstance(fault, Crash) and fault.at_us == 0 and fault.recover_us is None
    )
    if stops and of == "validity":
        return "always"
    if stops and of in ("termination", "judgement"):
        return "others agree"
    if not isinstance(fault, Bias) or of != "judgement" or common_set(sets) is None:
        return None
    if fault.verdict == "reject":
        return "others agree" if True in wanted else "always"
    return "liars do not" if False in wanted else "always"


def _survives(rule: _Rule, sets: QuorumSets, faulty: frozenset[NodeId]) -> bool:
    match rule:
        case "others agree":
            return bool(greatest_quorum(frozenset(sets) - faulty, sets))
        case "liars do not":
            return not greatest_quorum(faulty, sets)
        case "always":
            return True


def _wanted(scenario: Scenario, verdicts: Verdicts) -> frozenset[bool] | None:
    """What all honest hospitals think of the candidates; None if they may differ."""
    found: set[bool] = set()
    for slot in range(1, scenario.rounds + 1):
        leader = leader_of(slot, scenario.hospitals)
        poisoned = any(
            isinstance(fault, Poison)
            and fault.hospital == leader
            and fault.from_round <= slot <= (fault.until_round or scenario.rounds)
            for fault in scenario.faults
        )
        ppm = verdicts.poisoned_ppm if poisoned else verdicts.good_ppm
        if ppm not in (0, PPM):
            return None
        found.add(ppm == PPM)
    return frozenset(found)


def _at_random(rule: _Rule, sets: QuorumSets, faulty: int) -> float | None:
    """The fraction of all placings that a property survives; None if they cannot be counted."""
    common = common_set(sets)
    if common is None:
        found = tried(sets, faulty, lambda chosen: _survives(rule, sets, chosen))
        return None if found is None else found[0] / found[1]
    counts = satisfying_counts(common, len(sets))
    total = comb(len(sets), faulty)
    match rule:
        case "others agree":
            return counts[len(sets) - faulty] / total
        case "liars do not":
            return 1 - counts[faulty] / total
        case "always":
            return 1.0
