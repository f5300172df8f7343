"""The smallest blocking set by implicit hitting sets, asked of a SAT solver.

A blocking set hits every quorum. The solver finds a smallest set that hits those quorums that are
known; if a quorum is left without it, that quorum becomes known, too; else it is a smallest
blocking set. Each round proves a bound from below.
"""

from .deadline import Deadline
from .errors import UndecidedError
from .formula import Clauses
from .minimum import Minimum
from .quorums import Classes, shrunk
from .sat import Sat
from .symmetry import prefix
from .trust import Fbas, closure


def minimum_blocking_by_sat(fbas: Fbas, some: int, deadline: Deadline) -> Minimum:
    """A blocking set with the fewest nodes, or bounds on how many it needs.

    Args:
        fbas: The network of the components that hold a quorum.
        some: A blocking set, for the bound from above.
        deadline: When to stop.
    """
    trust = fbas.trust
    classes = Classes.of(trust)
    clauses = Clauses()
    taken = [clauses.unary(part.bit_count()) for part in classes.parts]
    above = clauses.at_most([each for number in taken for each in number], some.bit_count())
    asked = [0] * len(taken)
    lower = 0
    with Sat(clauses.found) as solver:
        try:
            while lower < some.bit_count():
                model = solver.model([-above[lower]], deadline)
                if model is None:
                    lower += 1
                    continue
                hit = 0
                for part, number in zip(classes.parts, taken, strict=True):
                    hit |= prefix(part, sum(each in model for each in number))
                # Many quorums for one question: each is hit where the fewest were hit before.
                while left := closure(trust, trust.members & ~hit):
                    demand = _demand(classes, shrunk(trust, classes, left))
                    solver.add(
                        [[n[least - 1] for n, least in zip(taken, demand, strict=True) if least]]
                    )
                    _, _, place = min(
                        (least, asked[place], place) for place, least in enumerate(demand) if least
                    )
                    asked[place] += 1
                    hit |= prefix(classes.parts[place], demand[place])
                some = min(some, hit, key=int.bit_count)
        except UndecidedError:
            pass
    return Minimum(fbas.names(some), lower)


def _demand(classes: Classes, quorum: int) -> list[int]:
    """How many of each class hit a quorum, whichever of the class it has."""
    return [
        part.bit_count() - (part & quorum).bit_count() + 1 if part & quorum else 0
        for part in classes.parts
    ]
