"""A case: one small thing that can go wrong in one slot, and its textual id.

    l1/t4/AABBA/x3/00110/-/01010/m2.5.3.7
    |  |  |     |  |     | |     a changed message: said in round 2 by instance 5 to instance 3
    |  |  |     |  |     | |     (0 for everybody), variant 7
    |  |  |     |  |     | who is on which side of the cut in rounds 7 to 9
    |  |  |     |  |     nobody is cut off in rounds 4 to 6
    |  |  |     |  who is on which side of the cut in rounds 1 to 3
    |  |  |     each of these lasts 3 rounds (absent if 1; x3+9 if the last one lasts 9)
    |  |  what each instance is justified of: the hospitals in order, then the twins
    |  which hospitals run twice (t0 for none)
    which hospital leads (l0 for none)

Hospitals and instances are numbered from 1. After the last cut the network is whole. Equal cases
have equal ids: the first instance is always on side 0, and no id ends without a cut.
"""

import re
from dataclasses import dataclass, replace

from .errors import ExplorationError

HOSPITALS_MAX = 10
"""The most hospitals of a system that is explored."""
CUTS_MAX = 16
"""How often the network may be cut anew at most."""
SPAN_MAX = 99
"""The most rounds that a cut lasts."""
VALUES = "ABC"
"""The names of the values, in the order of their digests."""
VARIANTS = 8
"""How many ways of changing one message are told apart."""

Cut = tuple[int, ...]
"""The side of each instance, 0 or 1; () if the network is whole."""

_ID = re.compile(
    r"l(?P<leader>\d{1,2})/t(?P<twins>\d{1,2}(?:,\d{1,2})*)/(?P<values>[A-C]{1,20})"
    r"(?:/x(?P<span>\d{1,2})(?:\+(?P<last>\d{1,2}))?)?"
    r"(?P<cuts>(?:/(?:-|[01]{1,20}))*)"
    r"(?:/m(?P<mutation>\d{1,4}\.\d{1,2}\.\d{1,2}\.\d))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One message of a twinned hospital that is changed in one field."""

    round_number: int
    """The round in which it is said; 0 for what is said when the slot opens."""
    sender: int
    """The instance that says it, from 0."""
    receiver: int | None
    """The instance that gets the changed one, from 0; None if all do."""
    variant: int
    """Which of its messages and which change: below `VARIANTS`."""


@dataclass(frozen=True, slots=True)
class Case:
    """Who lies, who leads, who may decide what, and who is cut off when."""

    leader: int | None
    """The hospital that leads, from 0; None where nobody does."""
    twins: tuple[int, ...]
    """The hospitals that run twice, ascending, from 0."""
    values: tuple[int, ...]
    """The value that each instance is justified of: the hospitals, then the twins."""
    cuts: tuple[Cut, ...] = ()
    """One cut after the other, up to the last one that cuts anybody off."""
    span: int = 1
    """How many rounds each of them lasts; 1 if there are none."""
    last: int | None = None
    """How many rounds the last of them lasts, if not as many."""
    mutation: Mutation | None = None
    """The message that is changed, if one is."""

    def __str__(self) -> str:
        """The id."""
        twins = ",".join(str(twin + 1) for twin in self.twins) or "0"
        parts = [
            f"l{0 if self.leader is None else self.leader + 1}",
            f"t{twins}",
            "".join(VALUES[value] for value in self.values),
            *([f"x{self.span}"] if self.span > 1 and self.last is None else []),
            *([f"x{self.span}+{self.last}"] if self.last is not None else []),
            *("".join(map(str, cut)) or "-" for cut in self.cuts),
        ]
        if (mutation := self.mutation) is not None:
            receiver = 0 if mutation.receiver is None else mutation.receiver + 1
            numbers = (mutation.round_number, mutation.sender + 1, receiver, mutation.variant)
            parts.append("m" + ".".join(map(str, numbers)))
        return "/".join(parts)

    @property
    def script(self) -> tuple[Cut, ...]:
        """The cut of each round, up to the last one that cuts anybody off."""
        rounds = [self.span] * len(self.cuts)
        if rounds and self.last is not None:
            rounds[-1] = self.last
        return tuple(
            cut for cut, count in zip(self.cuts, rounds, strict=True) for _ in range(count)
        )


def canonical(case: Case) -> Case:
    """The same case as it is always written."""
    cuts = [_canonical(cut) for cut in case.cuts]
    while cuts and not cuts[-1]:
        cuts.pop()
    # Once a last cut is gone, the one before it lasts no longer than it did.
    whole = len(cuts) == len(case.cuts) and case.last != case.span
    last = case.last if cuts and whole else None
    span = last if len(cuts) == 1 and last is not None else case.span
    last = None if len(cuts) == 1 else last
    return replace(case, cuts=tuple(cuts), span=span if cuts else 1, last=last)


def _canonical(cut: Cut) -> Cut:
    if len(set(cut)) < 2:
        return ()
    return tuple(side ^ cut[0] for side in cut)


def parse_case(text: str, hospital_count: int, *, led: bool) -> Case:
    """Read an id.

    Args:
        text: The id.
        hospital_count: How many hospitals there are.
        led: Whether the protocol has a leader.

    Raises:
        ExplorationError: It is none, or none of such a system.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise ExplorationError(
            f"--case {text}: expected an id such as l1/t4/AABBA/00110/-/01010; "
            "an exploration that finds a violation prints one"
        )
    leader = int(match["leader"])
    twins = (
        () if match["twins"] == "0" else tuple(int(each) - 1 for each in match["twins"].split(","))
    )
    values = tuple(VALUES.index(letter) for letter in match["values"])
    cuts = tuple(() if cut == "-" else tuple(map(int, cut)) for cut in match["cuts"].split("/")[1:])
    span, last = int(match["span"] or 1), int(match["last"]) if match["last"] else None
    mutation = _mutation(match["mutation"])
    case = Case(leader - 1 if leader else None, twins, values, cuts, span, last, mutation)
    for expected, found in _relations(case, hospital_count, led=led):
        raise ExplorationError(f"--case {text}: expected {expected}, found {found}")
    return case


def _mutation(text: str | None) -> Mutation | None:
    if text is None:
        return None
    round_number, sender, receiver, variant = map(int, text.split("."))
    return Mutation(round_number, sender - 1, receiver - 1 if receiver else None, variant)


def _relations(case: Case, count: int, *, led: bool) -> list[tuple[str, str]]:
    """What does not fit together: what was expected and what was found."""
    broken: list[tuple[str, str]] = []
    instances = count + len(case.twins)
    if led != (case.leader is not None) or (case.leader or 0) >= count:
        leaders = f"a leader from l1 to l{count}" if led else "l0: nobody leads"
        broken.append((leaders, f"l{0 if case.leader is None else case.leader + 1}"))
    if list(case.twins) != sorted(set(case.twins) & set(range(count))):
        found = ",".join(str(twin + 1) for twin in case.twins)
        broken.append((f"twins from 1 to {count}, ascending, each once", f"t{found}"))
    if len(case.values) != instances:
        broken.append((f"{instances} values", str(len(case.values))))
    if len(case.cuts) > CUTS_MAX:
        broken.append((f"at most {CUTS_MAX} cuts", str(len(case.cuts))))
    broken.extend(
        (f"{instances} sides in cut {number}", str(len(cut)))
        for number, cut in enumerate(case.cuts, 1)
        if cut and len(cut) != instances
    )
    if not broken and case.span and canonical(case) != case:
        broken.append((f"the same case as {canonical(case)}", "another spelling"))
    shortest, longest = sorted((case.span, case.span if case.last is None else case.last))
    if not 1 <= shortest <= longest <= SPAN_MAX:
        broken.append((f"cuts of 1 to {SPAN_MAX} rounds", f"{shortest} to {longest}"))
    if (mutation := case.mutation) is not None and not broken:
        liars = {*case.twins, *range(count, instances)}
        receiver = mutation.receiver
        if mutation.sender not in liars:
            broken.append(("a mutation by a twin", f"instance {mutation.sender + 1}"))
        elif receiver is not None and receiver >= instances:
            broken.append((f"a receiver up to {instances}", str(receiver + 1)))
        elif mutation.variant >= VARIANTS:
            broken.append((f"a variant below {VARIANTS}", str(mutation.variant)))
    return broken
