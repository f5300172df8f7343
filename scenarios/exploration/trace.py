"""A case in words: round by round who is cut from whom, who says what, who decides what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from consensus.forensics import contradiction, convict
from consensus.messages import Receive
from consensus.statements import Statement
from crypto.identity import NodeId

from .case import VALUES, Case
from .lockstep import Lockstep
from .positions import Position, Round
from .verdict import Violation
from .wording import Namer, in_words, letters_of


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened in a case."""

    lines: tuple[str, ...]
    """In words."""
    end: Position
    """Its last position."""
    culprits: Mapping[NodeId, str]
    """Hospitals that two statements of theirs convict, and how."""


def trace(lockstep: Lockstep, case: Case) -> Trace:
    """Play a case and write down what happens."""
    rounds: list[Round] = []
    end = lockstep.play(case, rounds.append)
    name = letters_of(lockstep.values)
    lines = _opening(case, rounds[0], name)
    for number, each in enumerate(rounds[1:], 1):
        before = rounds[number - 1].after
        lines += _round(each, before, name)
    pairs = convict(_signed(rounds))
    culprits = {node: contradiction(*pair) or "" for node, pair in sorted(pairs.items())}
    return Trace(tuple(lines), end, culprits)


def conclusion(found: Trace, violation: Violation | None) -> list[str]:
    """What is to be said at the end of a trace."""
    lines: list[str] = []
    if violation is not None:
        lines.append(f"{violation.property.value} violated: {violation.reason}")
    elif found.end.undecided:
        late = _names(found.end.roster.names, found.end.undecided)
        lines.append(f"nothing violated; {late} did not decide in {found.end.round_number} rounds")
    else:
        lines.append(f"nothing violated; decided after {found.end.round_number} rounds")
    lines += [f"{node} convicts itself: {reason}" for node, reason in found.culprits.items()]
    return lines


def _opening(case: Case, opened: Round, name: Namer) -> list[str]:
    roster = opened.after.roster
    lines = ["opening"]
    if case.leader is not None:
        lines.append(f"  {roster.hospitals[case.leader]} leads")
    lines += [f"  {roster.hospitals[twin]} runs twice" for twin in case.twins]
    justified: dict[str, list[str]] = {}
    for instance, value in zip(roster.names, case.values, strict=True):
        justified.setdefault(VALUES[value], []).append(instance)
    lines += [f"  {', '.join(who)} may decide {value}" for value, who in sorted(justified.items())]
    return lines + _happened(opened, None, name)


def _round(played: Round, before: Position, name: Namer) -> list[str]:
    after, special = played.after, played.special
    names = after.roster.names
    heading = f"round {after.round_number}, {after.now_us / 1_000_000:.2f} s: "
    if special.cut:
        sides = [
            _names(names, [each for each, side in enumerate(special.cut) if side == wanted])
            for wanted in (0, 1)
        ]
        heading += " | ".join(sides)
    else:
        heading += "the network is whole"
    lines = [heading]
    if special.spread:
        values = ", ".join(name(each.value) for each in special.spread)
        lines.append(f"  everybody may decide {values}")
    return lines + _happened(played, before, name)


def _happened(played: Round, before: Position | None, name: Namer) -> list[str]:
    """What the instances did in a round, those who did the same on one line."""
    acts: dict[str, list[str]] = {}
    names = played.after.roster.names
    for index, step in enumerate(played.steps):
        if step is None:
            continue
        for timer in step.rung:
            acts.setdefault(f"the {timer} timer runs out at", []).append(names[index])
        for said in step.sent:
            words = in_words(said.statement, name)
            acts.setdefault(f"'{words}' is said by", []).append(names[index])
        earlier = None if before is None else before.states[index].decided
        if step.state.decided is not None and earlier is None:
            acts.setdefault(f"{name(step.state.decided)} is decided by", []).append(names[index])
    lines = [f"  {act} {', '.join(who)}" for act, who in acts.items()]
    mutation = played.special.mutation
    if mutation is not None:
        receiver = "everybody" if mutation.receiver is None else names[mutation.receiver]
        lines.append(f"  {names[mutation.sender]} lies to {receiver}: {_lie(played, name)}")
    return lines


def _lie(played: Round, name: Namer) -> str:
    """The changed statement, as it waits for its receivers."""
    mutation = played.special.mutation
    step = None if mutation is None else played.steps[mutation.sender]
    if mutation is None or step is None:
        return "it says nothing in this round"
    for receiver, waiting in enumerate(played.after.mail):
        if mutation.receiver not in (None, receiver):
            continue
        for sender, parcel in waiting:
            event = parcel.events[-1]
            if sender != mutation.sender or not isinstance(event, Receive):
                continue
            if event.statement not in step.state.signed:
                return in_words(event.statement, name)
    return "the change makes no difference"


def _signed(rounds: Iterable[Round]) -> list[tuple[NodeId, Statement]]:
    """Everything that was said, lies included, in the order in which it was first heard."""
    heard: dict[tuple[NodeId, Statement], None] = {}
    for each in rounds:
        for waiting in each.after.mail:
            for _, parcel in waiting:
                for event in parcel.events:
                    if isinstance(event, Receive):
                        heard[event.sender, event.statement] = None
    return list(heard)


def _names(names: Sequence[str], indices: Iterable[int]) -> str:
    return ", ".join(names[index] for index in indices)
