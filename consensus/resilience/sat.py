"""The SAT solver CaDiCaL, by python-sat: the only module that imports it.

It proves in moments that two quorums always meet where the search in Python takes minutes: in large
networks without symmetry.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self, cast

from .deadline import Deadline, check
from .formula import Clause

MODULE: Final = "pysat"
"""What python-sat is imported as."""

GAIN: Final = "settles large networks without symmetry in seconds"
"""What it brings."""

_SLICE: Final = 2000
"""Conflicts between two questions to the deadline, about 20 ms."""


class _Cadical(Protocol):
    def append_formula(self, formula: Sequence[Clause]) -> None: ...
    def conf_budget(self, budget: int) -> None: ...
    def solve_limited(self, assumptions: Sequence[int]) -> bool | None: ...
    def get_model(self) -> list[int] | None: ...
    def delete(self) -> None: ...


class Sat:
    """An incremental solver; use it in a ``with`` statement."""

    def __init__(self, clauses: Sequence[Clause]) -> None:
        from pysat.solvers import Solver  # loaded only where it is needed

        self._solver = cast("_Cadical", Solver(name="cadical153"))
        self._solver.append_formula(clauses)

    def add(self, clauses: Sequence[Clause]) -> None:
        """Demand these, too."""
        self._solver.append_formula(clauses)

    def model(self, assumptions: Sequence[int], deadline: Deadline) -> frozenset[int] | None:
        """The variables that are true in some model, or None if there is no model.

        Raises:
            UndecidedError: When the time is up.
        """
        while True:
            check(deadline)
            self._solver.conf_budget(_SLICE)
            answer = self._solver.solve_limited(assumptions=assumptions)
            if answer is False:
                return None
            if answer:
                return frozenset(each for each in self._solver.get_model() or [] if each > 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._solver.delete()
