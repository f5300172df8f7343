"""From a case that shows a violation to one from which nothing can be left out.

Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (2002): one thing
at a time, the largest first, as long as the violation stays.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from .case import Case, canonical

TRIES_MAX = 10_000
"""Smaller cases that are tried; a case of the largest system takes a few hundred."""


def shrunk(case: Case, violates: Callable[[Case], bool]) -> Case:
    """Make a case smaller as long as it shows the violation.

    Args:
        case: A case that does.
        violates: Whether another case does.
    """
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(case):
            tries += 1
            if tries > TRIES_MAX:
                return case
            if violates(candidate):
                case, smaller = candidate, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one thing less: no lie, a twin less, a cut less, a shorter one, a value less."""
    if case.mutation is not None:
        yield replace(case, mutation=None)
    else:
        yield from (_without_twin(case, index) for index in range(len(case.twins)))
    for index in range(len(case.cuts)):
        yield canonical(replace(case, cuts=case.cuts[:index] + case.cuts[index + 1 :]))
    for index, cut in enumerate(case.cuts):
        if cut:
            yield _with_cut(case, index, ())
    if case.last is not None:
        yield from (canonical(replace(case, last=last)) for last in range(1, case.last))
    yield from (canonical(replace(case, span=span)) for span in range(1, case.span))
    for instance, value in enumerate(case.values):
        if value:
            values = (*case.values[:instance], 0, *case.values[instance + 1 :])
            yield replace(case, values=values)
    renamed = _renamed(case.values)
    if (sum(renamed), renamed) < (sum(case.values), case.values):
        yield replace(case, values=renamed)
    for index, cut in enumerate(case.cuts):
        for instance, side in enumerate(cut):
            if side:
                yield _with_cut(case, index, (*cut[:instance], 0, *cut[instance + 1 :]))


def _renamed(values: tuple[int, ...]) -> tuple[int, ...]:
    """The same pattern of values, named in the order in which they appear."""
    names: dict[int, int] = {}
    return tuple(names.setdefault(value, len(names)) for value in values)


def _with_cut(case: Case, index: int, cut: tuple[int, ...]) -> Case:
    cuts = (*case.cuts[:index], cut, *case.cuts[index + 1 :])
    return canonical(replace(case, cuts=cuts))


def _without_twin(case: Case, index: int) -> Case:
    """The same case in which one hospital more is honest: its second instance is gone."""
    gone = len(case.values) - len(case.twins) + index

    def kept(each: tuple[int, ...]) -> tuple[int, ...]:
        return each[:gone] + each[gone + 1 :]

    return canonical(
        replace(
            case,
            twins=case.twins[:index] + case.twins[index + 1 :],
            values=kept(case.values),
            cuts=tuple(kept(cut) for cut in case.cuts),
        )
    )
