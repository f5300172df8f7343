"""What is wrong with a position, judged from outside the nodes."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from crypto.digest import Digest
from crypto.identity import NodeId

from .states import State


class Property(StrEnum):
    """What is checked in every case."""

    AGREEMENT = "agreement"
    """No two honest instances decide different values."""
    VALIDITY = "validity"
    """What an honest instance decides was justified at some honest instance."""
    CONSISTENCY = "consistency"
    """No instance breaks a rule of its own, and no honest one signs what would convict it."""
    TERMINATION = "termination"
    """Every honest instance decides once nobody is cut off any more; checked only if asked for."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A property that does not hold."""

    property: Property
    """Which."""
    reason: str
    """One sentence."""


def violation_of(
    states: Sequence[State], names: Sequence[str], honest: Sequence[int]
) -> Violation | None:
    """The first thing that no honest instance may have done.

    Args:
        states: Where each instance stands.
        names: What it is called.
        honest: The positions of those that run alone.
    """
    first: tuple[Digest, str] | None = None
    alone = [(states[index], names[index]) for index in honest]
    for state, name in zip(states, names, strict=True):
        # A twin follows the protocol as well: even its node must not fail.
        if state.broken is not None:
            return Violation(Property.CONSISTENCY, f"{name} {state.broken}")
    for state, name in alone:
        if state.decided is not None:
            first = first or (state.decided, name)
            if first[0] != state.decided:
                return Violation(Property.AGREEMENT, f"{first[1]} and {name} decided differently")
    hospitals: set[NodeId] = {state.hospital for state, _ in alone}
    for state, name in zip(states, names, strict=True):
        if wronged := sorted(state.accused & hospitals):
            return Violation(Property.CONSISTENCY, f"{name} accuses {wronged[0]}, who is honest")
    return None


def invalid(
    states: Sequence[State],
    names: Sequence[str],
    honest: Sequence[int],
    justified: Set[Digest],
) -> Violation | None:
    """The first honest instance that decided what no honest one may decide.

    Args:
        states: Where each instance stands.
        names: What it is called.
        honest: The positions of those that run alone.
        justified: What honest instances may decide.
    """
    for index in honest:
        decided = states[index].decided
        if decided is not None and decided not in justified:
            reason = f"{names[index]} decided a value that no honest instance was justified of"
            return Violation(Property.VALIDITY, reason)
    return None
