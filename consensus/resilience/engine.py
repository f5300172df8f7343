"""Which way to search: in Python alone, or with a solver once that has taken too long."""

from collections.abc import Callable
from enum import StrEnum
from importlib.util import find_spec
from typing import TypeVar

from . import cp, sat
from .deadline import Deadline
from .errors import SolverMissingError

_T = TypeVar("_T")

_PATIENCE = 400
"""Steps of the search in Python, a few milliseconds to a second, before a solver is loaded."""


class Engine(StrEnum):
    """How a question is answered; the answers are the same."""

    AUTO = "auto"
    """In Python, and by a solver if that takes long and one is installed."""
    PYTHON = "python"
    """In Python alone."""
    SOLVER = "solver"
    """By a solver."""


def solver_wanted(engine: Engine, module: str, gain: str) -> bool:
    """Whether a solver may be used.

    Args:
        engine: What the caller asked for.
        module: The solver's import name.
        gain: What installing it brings, as the end of a sentence.

    Raises:
        SolverMissingError: When it was asked for and is not installed.
    """
    if engine is Engine.PYTHON:
        return False
    if installed(module):
        return True
    if engine is Engine.SOLVER:
        raise SolverMissingError(f"{module} is not installed; {advice(gain)}")
    return False


def installed(module: str) -> bool:
    """Whether a solver is here; it is not loaded for that."""
    return find_spec(module) is not None


def advice(gain: str) -> str:
    """How to get a solver, and what it brings."""
    return f"pip install 'tclearn[solvers]' {gain}"


def missing_solvers() -> tuple[str, ...]:
    """For each solver that is not installed, how to get it and what it brings."""
    known = ((sat.MODULE, sat.GAIN), (cp.MODULE, cp.GAIN))
    return tuple(f"{module}: {advice(gain)}" for module, gain in known if not installed(module))


def by_engine(
    engine: Engine,
    by_python: Callable[[Deadline], _T],
    by_solver: Callable[[Deadline], _T] | None,
    deadline: Deadline,
    patience: int = _PATIENCE,
) -> _T:
    """Ask the search in Python, and a solver, if there is one, when that takes long.

    Args:
        engine: What the caller asked for.
        by_python: The search in Python.
        by_solver: The other way; None where no solver may be used.
        deadline: When to stop.
        patience: Steps of the search in Python before a solver is asked.
    """
    if by_solver is None:
        return by_python(deadline)
    if engine is Engine.AUTO:
        try:
            return by_python(_impatient(deadline, patience))
        except _ImpatientError:
            pass
    return by_solver(deadline)


def _impatient(deadline: Deadline, patience: int) -> Deadline:
    """A deadline that also ends the search after some steps."""
    steps = 0

    def passed() -> bool:
        nonlocal steps
        steps += 1
        if steps > patience:
            raise _ImpatientError
        return deadline()

    return passed


class _ImpatientError(Exception):
    """The search in Python has taken so long that a solver is tried."""
