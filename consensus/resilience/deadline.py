"""When to stop: the caller's word, for this package knows no clock.

A search asks its deadline at every step. What it then has is said: a family that is not complete,
or bounds that are proved. A question with no such middle answer raises ``UndecidedError``.
"""

from collections.abc import Callable

from .errors import UndecidedError

Deadline = Callable[[], bool]
"""True when the time is up; it may also raise, which ends the search as well."""


def never() -> bool:
    """Search to the end."""
    return False


def check(deadline: Deadline) -> None:
    """Go on, or end the search.

    Raises:
        UndecidedError: When the time is up.
    """
    if deadline():
        raise UndecidedError("the time limit came before the analysis ended")


def after(steps: int) -> Deadline:
    """A deadline that comes after so many questions: for a try that may be given up."""
    asked = 0

    def passed() -> bool:
        nonlocal asked
        asked += 1
        return asked > steps

    return passed
