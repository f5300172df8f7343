"""One replica of a study, as one row: what came out of one seeded run.

A row has no wall clock, no path and no signature in it: of equal versions it is equal to the byte,
whichever process made it.
"""

from typing import TYPE_CHECKING

from ..findings import Status
from ..run_directory import RunDirectory
from ..schema import Scenario
from ..schema_faults import hospital_of
from ..trials.checker import Property
from ..trials.run import TrialOutcome, run_trial
from ..trials.trial import Trial
from .judgement import judged
from .measures import Row
from .scratch import scratch

if TYPE_CHECKING:
    from ..simulation.outcome import Outcome


def protocol_row(trial: Trial) -> Row:
    """Run agreement alone, and measure it."""
    outcome = run_trial(trial)
    first_us, latency_us = _latencies(trial, outcome)
    findings = outcome.findings
    return {
        "agreement": findings[Property.AGREEMENT].status.value,
        "validity": findings[Property.VALIDITY].status.value,
        "termination": findings[Property.TERMINATION].status.value,
        "judgement": judged(trial, outcome).value,
        "latency_us": latency_us,
        "first_us": first_us,
        "messages": outcome.message_count,
        "bytes": outcome.size_bytes,
        "lost": outcome.lost_count,
        "events": outcome.event_count,
        "end_us": outcome.end_us,
        "culprits": len(outcome.culprits),
        "wrongly_convicted": len(outcome.wrongly_convicted),
    }


def full_row(scenario: Scenario) -> Row:
    """Run everything, training, cryptography and ledger, and measure it.

    It runs in a directory that is gone afterwards; one thread computes.

    Raises:
        DataError: The data cannot be read or divided.
        ScenarioError: The cost profile cannot be read.
        SimulationError: A split cannot be computed.
        StoreError: The directory cannot be made or written.
    """
    outcome = full_outcome(scenario)
    from .outcomes import measured

    return measured(outcome)


def full_outcome(scenario: Scenario) -> "Outcome":
    """What comes out of a run that nobody keeps.

    Raises:
        DataError: The data cannot be read or divided.
        ScenarioError: The cost profile cannot be read.
        SimulationError: A split cannot be computed.
        StoreError: The directory cannot be made or written.
    """
    # torch and scikit-learn take seconds to load: replicas of agreement alone do without.
    from ..simulation.coalition import found
    from ..simulation.simulate import simulate

    coalition = found(scenario)
    with scratch() as path:
        return simulate(scenario, coalition, RunDirectory(path), lambda _: None, lambda: None)


def _latencies(trial: Trial, outcome: TrialOutcome) -> tuple[int | None, int | None]:
    """How long a slot took, on average over the slots, from when it was first opened.

    Returns:
        Until the first correct hospital decided, and until the last one did that termination asks
        for; None where that never came.
    """
    correct = [each for each in trial.instances if hospital_of(each) not in outcome.faulty]
    firsts: list[int] = []
    lasts: list[int] = []
    for index in range(trial.slots):
        decided = [outcome.decisions[each][index : index + 1] for each in correct]
        found = [decision for each in decided for decision in each]
        if not found:
            return None, None
        start_us = min(each.opened_us for each in found)
        firsts.append(min(each.time_us for each in found) - start_us)
        lasts.append(max(each.time_us for each in found) - start_us)
    held = outcome.findings[Property.TERMINATION].status is Status.HELD
    return sum(firsts) // len(firsts), sum(lasts) // len(lasts) if held else None
