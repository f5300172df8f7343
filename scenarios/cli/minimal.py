"""The shortest way to see a violation again: a trial of agreement alone, its faults minimised.

Where the violation is one of the protocol and not of the learning, consensus alone shows it, in a
hundredth of the time; delta debugging then leaves out what is not needed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape

from ..errors import SimulationError
from ..findings import Invariant, Status
from ..schema import Scenario
from .output import console
from .voice import say

if TYPE_CHECKING:
    from ..simulation.outcome import Outcome
    from ..trials.minimise import Minimal

TRACE_LINES_MAX = 40
"""Lines of the trace that are shown; the command that repeats it shows all."""


def print_minimal(scenario: Scenario, outcome: "Outcome") -> None:
    """Show the smallest trial that violates what this run violated against its expectation."""
    found = _smallest(scenario, outcome)
    if found is None:
        return
    invariant, minimal = found
    out = console()
    out.print(f"\n[bold]the shortest trace that violates {invariant.value}[/] (agreement alone)")
    for line in minimal.trace[:TRACE_LINES_MAX]:
        out.print(escape(line), soft_wrap=True)
    hidden = len(minimal.trace) - TRACE_LINES_MAX
    if hidden > 0:
        out.print(f"… and {hidden} lines more, with --trace")
    out.print(f"found in {minimal.run_count} trials; repeat it with")
    out.print(f"  {escape(minimal.command)}", soft_wrap=True)


def _smallest(scenario: Scenario, outcome: "Outcome") -> "tuple[Invariant, Minimal] | None":
    from ..trials.checker import Property
    from ..trials.minimise import minimise
    from ..trials.trial import trial_of

    shown_by: Mapping[Invariant, Property] = {
        Invariant.AGREEMENT: Property.AGREEMENT,
        Invariant.TERMINATION: Property.TERMINATION,
    }
    violated = [
        invariant
        for invariant in outcome.unexpected
        if invariant in shown_by and outcome.findings[invariant].status is Status.VIOLATED
    ]
    for invariant in violated:
        say(f"looking for the shortest trace that violates {invariant.value}")
        try:
            return invariant, minimise(trial_of(scenario), shown_by[invariant])
        except SimulationError:
            continue  # consensus alone does not show it
    return None
