"""What one hospital knew and decided, step by step: kept while a run is done again.

The trace says what was sent, delivered and decided. What a node was asked, which timers it set and
what it thought of a candidate is seen as it takes its inputs. Both are one list of moments here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from consensus.statements import kind_of

from ..simulation.trace import Word, short, words_of

Kind = Literal[
    "opens",
    "arrives",
    "hears",
    "asked to judge",
    "judges",
    "proposes",
    "says",
    "sends",
    "sets timer",
    "stops timer",
    "timer ends",
    "decides",
    "appends",
    "refuses",
    "accuses",
    "recalls",
    "learns",
    "crashes",
    "recovers",
    "catches up",
]
"""What happens in a moment."""
MAIN: tuple[Kind, ...] = (
    "judges",
    "proposes",
    "timer ends",
    "decides",
    "appends",
    "refuses",
    "accuses",
    "crashes",
    "recovers",
    "catches up",
)
"""What a summary shows."""

_OF_TRACE: Mapping[str, Kind] = {
    "deliver": "arrives",
    "send": "sends",
    "externalize": "decides",
    "append": "appends",
    "refuse": "refuses",
    "accuse": "accuses",
    "crash": "crashes",
    "recover": "recovers",
    "catch-up": "catches up",
}
"""Events of a trace; all others are statements that the hospital makes."""
_STATED = ("slot", "value")
"""What tells the decision of a node from its statement of the same name, which says more."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened at a hospital."""

    time_us: int
    """Simulated time."""
    at: str
    """The hospital, or its twin."""
    slot: int
    """The slot that was open there, or the one decided last."""
    kind: Kind
    """What happened."""
    words: Mapping[str, Word]
    """The rest: who, what, why; scores in millionths, digests by their beginnings."""
    line: int | None = None
    """The line of the trace that says so, from 1; None where the trace does not."""


@dataclass(slots=True)
class Telling:
    """Keeps the moments of a replay, of some hospitals, up to a slot; a `Follower`."""

    instances: frozenset[str]
    """Of whom."""
    until: int | None = None
    """The last slot; None for all."""
    main_only: bool = False
    """Whether to keep what a summary shows and nothing else."""
    moments: list[Moment] = field(default_factory=list)
    """What was kept, in the order in which it happened."""
    _slots: dict[str, int] = field(default_factory=dict)
    _heights: dict[str, int] = field(default_factory=dict)
    _line: int = 0

    @property
    def complete(self) -> bool:
        """Whether everybody who is told of has recorded the last slot."""
        if self.until is None:
            return False
        return all(self._heights.get(each, -1) >= self.until for each in self.instances)

    def stepped(
        self, instance: str, time_us: int, event: Input, outputs: tuple[Output, ...]
    ) -> None:
        """A node took an input in."""
        if instance not in self.instances:
            return
        if isinstance(event, Begin):
            self._slots[instance] = event.slot
        for kind, words in (_input(event), *_asked(outputs)):
            self._keep(time_us, instance, kind, words, None)

    def traced(self, time_us: int, event: str, instance: str, words: Mapping[str, Word]) -> None:
        """A line was added to the trace."""
        self._line += 1
        if instance not in self.instances:
            return
        kind = _OF_TRACE.get(event, "says")
        said = dict(words)
        if event == "externalize" and tuple(words) != _STATED:
            kind = "says"  # SCP's statement of that name
        if kind == "says":
            said = {"kind": event, **said}
        self._keep(time_us, instance, kind, said, self._line)
        height = words.get("height")
        if kind == "appends" and isinstance(height, int):
            self._heights[instance] = height

    def _keep(
        self, time_us: int, at: str, kind: Kind, words: Mapping[str, Word], line: int | None
    ) -> None:
        slot = self._slots.get(at, 0)
        if self.until is not None and self._heights.get(at, -1) >= self.until:
            return
        if not self.main_only or kind in MAIN:
            self.moments.append(Moment(time_us, at, slot, kind, words, line))


def _input(event: Input) -> tuple[Kind, dict[str, Word]]:
    match event:
        case Begin():
            return "opens", {"slot": event.slot, "leader": event.leader}
        case Recall(statements=statements):
            return "recalls", {"statements": len(statements)}
        case Propose(candidate=candidate):
            return "proposes", {"candidate": short(candidate)}
        case Justified(value=value):
            return "learns", {"value": short(value)}
        case Learn(quorum_set=quorum_set):
            return "learns", {"threshold": quorum_set.threshold}
        case Receive(sender=sender, statement=statement):
            named: dict[str, Word] = {"by": sender, "kind": kind_of(statement)}
            return "hears", named | {"slot": statement.slot, **words_of(statement)}
        case Validated():
            judged: dict[str, Word] = {"accept": event.accept, "reason": event.reason}
            return "judges", judged | dict(event.scores) | {"candidate": short(event.candidate)}
        case TimerExpired(timer=timer):
            return "timer ends", {"timer": timer}


def _asked(outputs: tuple[Output, ...]) -> Iterator[tuple[Kind, dict[str, Word]]]:
    """What a node wants that no trace line shows."""
    for output in outputs:
        match output:
            case SetTimer(timer=timer, delay_us=delay_us):
                yield "sets timer", {"timer": timer, "delay_us": delay_us}
            case CancelTimer(timer=timer):
                yield "stops timer", {"timer": timer}
            case AskValidation(candidate=candidate):
                yield "asked to judge", {"candidate": short(candidate)}
            case Record() | Broadcast() | Externalize() | Accuse() | Reject():
                pass  # stands in the trace, when it is carried out
