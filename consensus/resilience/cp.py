"""The solver CP-SAT of OR-tools: the only module that imports it.

Where very many sets are nearly as small as the smallest, it finds a small one soon; the SAT solver,
which counts up from nothing, then has less to prove. Alone it proves as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from .deadline import Deadline
from .formula import Clause

MODULE: Final = "ortools"
"""What OR-tools is imported as."""

GAIN: Final = "finds small splitting sets where a smallest one has many nodes"
"""What it brings."""

_SLICE_FIRST: Final = 1.0
"""Deterministic time, about seconds, until the deadline is asked; every time twice as much."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """What is known of a model in which the fewest of some variables are true."""

    model: frozenset[int] | None
    """The true variables of the best model that was found."""
    lower: int
    """No model has fewer."""
    closed: bool
    """Whether nothing is left to find: the model is a best one, or there is none."""


def fewest(clauses: Sequence[Clause], counted: Sequence[int], deadline: Deadline) -> Optimum:
    """A model of a formula in which as few of the counted variables as possible are true.

    The deadline is asked between slices of time; where it says stop, the best is what was found.
    """
    from ortools.sat.python import cp_model  # loaded only where it is needed

    model = cp_model.CpModel()
    count = max((abs(each) for clause in clauses for each in clause), default=0)
    variables = [model.new_bool_var("") for _ in range(count + 1)]
    for clause in clauses:
        model.add_bool_or(
            variables[each] if each > 0 else variables[-each].negated() for each in clause
        )
    model.minimize(sum(variables[each] for each in counted))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.catch_sigint_signal = False
    limit = _SLICE_FIRST
    best = Optimum(None, 0, closed=False)
    while not deadline():
        solver.parameters.max_deterministic_time = limit
        status = solver.solve(model)
        if status == cp_model.INFEASIBLE:
            return Optimum(None, 0, closed=True)
        lower = max(best.lower, ceil(solver.best_objective_bound - 0.5))
        found = best.model
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            found = frozenset(each for each in range(1, count + 1) if solver.value(variables[each]))
            model.clear_hints()  # type: ignore[no-untyped-call]  # the rest of it is typed
            for each in range(1, count + 1):
                model.add_hint(variables[each], each in found)
        best = Optimum(found, lower, status == cp_model.OPTIMAL)
        if best.closed:
            break
        limit *= 2
    return best
