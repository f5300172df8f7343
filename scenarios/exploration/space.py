"""All cases of a system, numbered: the case of a number is computed, never searched for.

What happens to an instance is its *column*: the value it is justified of and its side of each
cut. A case is a choice of columns. Hospitals that nobody can tell apart (equal quorum sets, equal
roles, both twinned or both not) are given their columns in ascending order only, and so are the two
instances of a twinned hospital: what differs by an exchange of names is one case. One instance is
on side 0 throughout, since the sides have no names.

Exchanging names is exact but for two things, which `Bounds.symmetry` can switch on: the order in
which the messages of a round are handed over, and whom SCP's lots make a leader in later rounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from .case import CUTS_MAX, SPAN_MAX, VALUES, VARIANTS, Case, Mutation, canonical
from .errors import ExplorationError
from .multisets import multiset, multiset_count
from .symmetry import interchangeable
from .system import System

_PRIMARIES = 3
"""Views of PBFT whose primaries are told apart; later ones are hardly ever reached."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is explored."""

    cuts: int
    """How often the network may be cut anew."""
    faulty: int
    """How many hospitals may be twinned at most."""
    span: int = 1
    """How many rounds each cut lasts."""
    last: int | None = None
    """How many rounds the last of all cuts lasts, if not as many."""
    values: int = 2
    """How many values there are."""
    mutations: bool = False
    """Whether one message of a twinned hospital may be changed."""
    symmetry: bool = True
    """Whether cases that differ by an exchange of names count as one."""

    @property
    def rounds_of_last(self) -> int:
        """How many rounds the last cut lasts."""
        return self.span if self.last is None else self.last

    @property
    def rounds(self) -> int:
        """In how many rounds somebody may be cut off."""
        return (self.cuts - 1) * self.span + self.rounds_of_last if self.cuts else 0


@dataclass(frozen=True, slots=True)
class _Group:
    """Hospitals that nobody can tell apart."""

    members: tuple[int, ...]
    """The hospitals."""
    twinned: bool
    """Whether each runs twice."""
    kinds: int
    """How many columns, or pairs of columns, a member may have."""
    count: int
    """How many choices there are for all of them."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Who leads and who is twinned; what is left is a choice of columns."""

    leader: int | None
    """The hospital that leads."""
    twins: tuple[int, ...]
    """The hospitals that run twice."""
    fixed: int
    """The hospital whose first instance is on side 0."""
    fixed_values: int
    """How many values that instance may be justified of."""
    groups: tuple[_Group, ...]
    """Everybody else."""
    mutations: int
    """How many mutations there are, none included."""

    @property
    def count(self) -> int:
        """How many cases there are."""
        return self.fixed_values * self.mutations * prod(group.count for group in self.groups)


class Space:
    """The cases of a system within bounds."""

    def __init__(self, system: System, bounds: Bounds) -> None:
        """Count them.

        Raises:
            ExplorationError: A bound is out of its range.
        """
        count = len(system.hospitals)
        for name, found, least, most in (
            ("--rounds", bounds.cuts, 0, CUTS_MAX),
            ("--span", bounds.span, 1, SPAN_MAX),
            ("--last", bounds.rounds_of_last, 1, SPAN_MAX),
            ("--faulty", bounds.faulty, 0, count),
            ("--values", bounds.values, 1, len(VALUES)),
        ):
            if not least <= found <= most:
                raise ExplorationError(f"{name}: expected {least} to {most}, found {found}")
        self._system = system
        self._bounds = bounds
        self._count = count
        self._columns = bounds.values << bounds.cuts
        self._alike = (
            interchangeable(system.hospitals, system.quorum_sets)
            if bounds.symmetry
            else tuple((each,) for each in range(count))
        )
        self._settings = tuple(self._all_settings())
        self.size = sum(setting.count for setting in self._settings)
        """How many cases there are."""

    def case(self, number: int) -> Case:
        """The case of a number, from 0 to below ``size``; those with fewer twins come first."""
        for setting in self._settings:
            if number < setting.count:
                return self._case(setting, number)
            number -= setting.count
        raise ExplorationError(f"expected a number below {self.size}, found a larger one")

    # Who leads and who is twinned

    def _all_settings(self) -> Iterator[_Setting]:
        for faulty in range(self._bounds.faulty + 1):
            for leader in self._leaders():
                classes = self._classes(leader)
                for chosen in product(*(range(len(each) + 1) for each in classes)):
                    if sum(chosen) == faulty:
                        yield self._setting(leader, classes, chosen)

    def _leaders(self) -> Sequence[int | None]:
        if not self._system.led:
            return (None,)
        if self._system.protocol == "pbft" and len(self._alike) > 1:
            return range(self._count)  # the rotation makes neighbours of the leader differ
        return tuple(each[0] for each in self._alike)

    def _classes(self, leader: int | None) -> tuple[tuple[int, ...], ...]:
        """The hospitals that can be exchanged once it is known who leads."""
        classes: list[tuple[int, ...]] = []
        for alike in self._alike:
            roles: dict[int, list[int]] = {}
            for hospital in alike:
                roles.setdefault(self._role(hospital, leader), []).append(hospital)
            classes.extend(tuple(members) for _, members in sorted(roles.items()))
        return tuple(classes)

    def _role(self, hospital: int, leader: int | None) -> int:
        if self._system.authority is not None:
            return int(self._system.hospitals[hospital] != self._system.authority)
        if leader is None:
            return 0
        turn = (hospital - leader) % self._count
        return min(turn, _PRIMARIES) if self._system.protocol == "pbft" else min(turn, 1)

    def _setting(
        self, leader: int | None, classes: Sequence[tuple[int, ...]], chosen: Sequence[int]
    ) -> _Setting:
        twins = tuple(
            sorted(
                hospital
                for members, count in zip(classes, chosen, strict=True)
                for hospital in members[:count]
            )
        )
        fixed = leader if leader is not None else (*twins, 0)[0]
        groups: list[_Group] = []
        if fixed in twins:
            groups.append(_Group((fixed,), False, self._columns, self._columns))
        for members, count in zip(classes, chosen, strict=True):
            for twinned, part in ((True, members[:count]), (False, members[count:])):
                rest = tuple(each for each in part if each != fixed)
                if rest:
                    groups.append(self._group(rest, twinned=twinned))
        # Only majority and authority never compare values.
        renamed = self._bounds.symmetry and not self._system.led
        mutations = self._mutation_count(len(twins)) if self._bounds.mutations else 1
        values = 1 if renamed else self._bounds.values
        return _Setting(leader, twins, fixed, values, tuple(groups), mutations)

    def _group(self, members: tuple[int, ...], *, twinned: bool) -> _Group:
        kinds = self._columns
        if twinned:
            kinds = multiset_count(2, kinds) if self._bounds.symmetry else kinds**2
        return _Group(members, twinned, kinds, multiset_count(len(members), kinds))

    def _mutation_count(self, twins: int) -> int:
        receivers = self._count + twins - 2 + 1  # one instance of the others, or all of them
        return 1 + (self._bounds.rounds + 1) * 2 * twins * receivers * VARIANTS

    # From a number to a case

    def _case(self, setting: _Setting, number: int) -> Case:
        number, mutation = divmod(number, setting.mutations)
        columns: dict[int, int] = {}
        instance = {twin: self._count + index for index, twin in enumerate(setting.twins)}
        for group in reversed(setting.groups):
            number, rank = divmod(number, group.count)
            chosen = multiset(rank, len(group.members), group.kinds)
            for hospital, kind in zip(group.members, chosen, strict=True):
                if hospital == setting.fixed:
                    columns[instance[hospital]] = kind
                elif group.twinned:
                    columns[hospital], columns[instance[hospital]] = self._pair(kind)
                else:
                    columns[hospital] = kind
        columns[setting.fixed] = number << self._bounds.cuts
        found = [columns[each] for each in range(self._count + len(setting.twins))]
        shifts = range(self._bounds.cuts - 1, -1, -1)
        return canonical(
            Case(
                setting.leader,
                setting.twins,
                tuple(column >> self._bounds.cuts for column in found),
                tuple(tuple(column >> shift & 1 for column in found) for shift in shifts),
                self._bounds.span,
                self._bounds.last,
                self._mutation(setting, mutation),
            )
        )

    def _pair(self, kind: int) -> tuple[int, int]:
        if self._bounds.symmetry:
            first, second = multiset(kind, 2, self._columns)
            return first, second
        return divmod(kind, self._columns)

    def _mutation(self, setting: _Setting, number: int) -> Mutation | None:
        if number == 0:
            return None
        liars = (*setting.twins, *range(self._count, self._count + len(setting.twins)))
        rest, variant = divmod(number - 1, VARIANTS)
        rest, sender = divmod(rest, len(liars))
        round_number, receiver = divmod(rest, self._count + len(setting.twins) - 1)
        hospital = setting.twins[sender % len(setting.twins)]
        peers = [
            each
            for each in range(self._count + len(setting.twins))
            if each not in (hospital, self._count + setting.twins.index(hospital))
        ]
        return Mutation(round_number, liars[sender], (None, *peers)[receiver], variant)
