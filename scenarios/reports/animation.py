"""Messages and votes of chosen slots, as the page plays them: few bytes for many messages.

The trace has a line for each message that is sent and one for each that arrives. What arrives is
paired with what was sent by order: the n-th arrival of a kind, from one hospital at another, with
the n-th sending of that kind. Updates are sent without a line of their own; they are drawn from the
usual flight time before they arrive, and marked so.

A slot is a stream of unsigned LEB128 numbers, in base64. For each sending:

    time since the one before (us) · sender · kind · author · size in bytes, 0 where it is not known
    number of arrivals, and for each: receiver · flight time (us)
"""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any, Final

from ..results.errors import ReportError

MESSAGES_SIZE_MAX: Final = 3 * 2**20
"""Bytes of messages, in base64, that a page holds."""
HELD_MAX: Final = 1_000_000
"""Lines of the trace that are held at once; when half of them are, no more slots are begun that
nothing is special about, and when all are, none but those that were asked for."""
EVENTS_MAX: Final = 20_000
"""The most other events of a slot that are kept."""
DETAIL_MAX: Final = 120
"""Characters of what is told of an event."""

_SENT, _ARRIVED = "send", "deliver"
_SAID: Final = frozenset(
    {"vote", "nominate", "prepare", "confirm"}
    | {"pre-prepare", "view-prepare", "view-commit", "view-change", "new-view"}
)
"""What a hospital says on its way to a decision."""
_OF_NO_SLOT: Final = frozenset({"crash", "recover", "accuse", "refuse", "catch-up"})


@dataclass(frozen=True, slots=True)
class SlotPart:
    """One slot, for the page."""

    slot: int
    """The slot."""
    start_us: int
    """When its first event happened."""
    end_us: int
    """When its last did."""
    message_count: int
    """Messages that arrived."""
    messages: str
    """All sendings and arrivals, in base64."""
    events: tuple[tuple[int, int, str, str], ...]
    """Time since the start (us), who, what, and what else there is to say."""
    down: tuple[int, ...]
    """Who was down when it began."""


@dataclass(frozen=True, slots=True)
class AnimationPart:
    """What can be played."""

    instances: tuple[str, ...]
    """Who: hospitals and twins."""
    kinds: tuple[str, ...]
    """Kinds of messages."""
    slots: tuple[SlotPart, ...]
    """What there is, in order."""
    why: Mapping[int, str]
    """What is special about a slot."""
    left_out: tuple[int, ...]
    """Slots of the run that are not here."""
    refused: tuple[int, ...]
    """Slots that were asked for and are too large."""

    def data(self) -> dict[str, Any]:
        """What is embedded, as JSON."""
        return {
            "instances": list(self.instances),
            "kinds": list(self.kinds),
            "slots": [
                {
                    "slot": each.slot,
                    "why": self.why.get(each.slot, ""),
                    "start": each.start_us,
                    "end": each.end_us,
                    "count": each.message_count,
                    "messages": each.messages,
                    "events": [list(event) for event in each.events],
                    "down": list(each.down),
                }
                for each in self.slots
            ],
        }


@dataclass(slots=True)
class _Slot:
    """What is gathered of a slot; numbers of instances and kinds, times in microseconds."""

    sent: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """Time, sender, kind, author, bytes."""
    arrived: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """Time, receiver, sender, kind, author."""
    events: list[tuple[int, int, str, str]] = field(default_factory=list)
    """Time, who, what, detail."""


def gather(
    events: Iterable[Mapping[str, Any]],
    instances: Sequence[str],
    special: Mapping[int, str],
    asked: Sequence[int],
    *,
    size_max: int = MESSAGES_SIZE_MAX,
) -> AnimationPart | None:
    """Choose slots and lay them out, as many as fit; None where the trace has no slot.

    Args:
        events: The lines of a trace.
        instances: Hospitals and twins, in the order of the scenario.
        special: Slots that come first, and why.
        asked: Slots that were asked for; they come before all.
        size_max: Bytes of base64 that may be taken.

    Raises:
        ReportError: When a line of the trace cannot be used, or a slot is asked for that is not
            in it.
    """
    number = {name: index for index, name in enumerate(instances)}
    kinds: dict[str, int] = {}
    slots: defaultdict[int, _Slot] = defaultdict(_Slot)
    wanted = _Wanted(asked, special)
    loose: list[tuple[int, int, str, str]] = []
    try:
        for event in events:
            _take(event, number, kinds, slots, wanted, loose)
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(
            f"the trace of the run is damaged: an event has no {error} of the kind it should"
        ) from None
    missing = [slot for slot in asked if slot not in wanted.seen]
    if missing:
        last = max(wanted.seen, default=0)
        raise ReportError(f"the trace has no slot {missing[0]}; its slots are 1 to {last}")
    chosen: dict[int, SlotPart] = {}
    left, refused = size_max, []
    for slot in wanted.in_order():
        part = _laid_out(slot, slots[slot], loose)
        if len(part.messages) > left:
            refused += [slot] if slot in asked else []
            continue
        left -= len(part.messages)
        chosen[slot] = part
    if not wanted.seen:
        return None
    return AnimationPart(
        tuple(instances),
        tuple(kinds),
        tuple(chosen[slot] for slot in sorted(chosen)),
        special,
        tuple(sorted(wanted.seen - chosen.keys())),
        tuple(refused),
    )


class _Wanted:
    """Which slots are gathered while their number is not known yet."""

    def __init__(self, asked: Sequence[int], special: Mapping[int, str]) -> None:
        self._asked = tuple(dict.fromkeys(asked))
        self._special = special
        self._begun: set[int] = set()
        self.seen: set[int] = set()
        """Every slot of the trace."""
        self.held = 0
        """Lines that are held."""

    def __contains__(self, slot: int) -> bool:
        """Whether the slot is gathered; asked about in the order of the trace."""
        if slot in self._begun:
            self.held += 1
            return True
        if slot in self.seen:
            return False
        self.seen.add(slot)
        most = HELD_MAX if slot in self._special else HELD_MAX // 2
        if slot not in self._asked and self.held >= most:
            return False
        self._begun.add(slot)
        self.held += 1
        return True

    def in_order(self) -> Iterator[int]:
        """What is gathered, the most wanted first."""
        first = dict.fromkeys((*self._asked, *self._special, *sorted(self._begun)))
        yield from (slot for slot in first if slot in self._begun)


def _take(
    event: Mapping[str, Any],
    number: Mapping[str, int],
    kinds: dict[str, int],
    slots: defaultdict[int, _Slot],
    wanted: _Wanted,
    loose: list[tuple[int, int, str, str]],
) -> None:
    """Put one line of the trace where it belongs."""
    what = event["event"]
    if event["at"] not in number:
        return
    time_us, who = _whole(event, "time_us"), number[event["at"]]
    if what in _OF_NO_SLOT:
        if len(loose) < EVENTS_MAX:
            loose.append((time_us, who, what, _detail(what, event)))
        return
    slot = event["height"] if what == "append" else event.get("slot")
    if type(slot) is not int or slot not in wanted:
        return
    kept = slots[slot]
    if what == _SENT:
        kind = kinds.setdefault(str(event["kind"]), len(kinds))
        author = number.get(event["by"], who)
        kept.sent.append((time_us, who, kind, author, _whole(event, "bytes")))
    elif what == _ARRIVED:
        kind = kinds.setdefault(str(event["kind"]), len(kinds))
        sender = number[event["from"]]
        kept.arrived.append((time_us, who, sender, kind, number.get(event["by"], sender)))
    elif len(kept.events) < EVENTS_MAX and (said := _event(what, event)) is not None:
        kept.events.append((time_us, who, *said))


def _whole(event: Mapping[str, Any], key: str) -> int:
    """A number of an event.

    Raises:
        KeyError, ValueError: It is not there, or none that a trace has.
    """
    value = event[key]
    if type(value) is not int or value < 0:
        raise ValueError(key)
    return value


def _event(what: str, event: Mapping[str, Any]) -> tuple[str, str] | None:
    """What the page is told of a step of a hospital; None where it is no step."""
    if what == "verdict":
        return ("accepts" if event["accept"] else "refuses", str(event["reason"])[:DETAIL_MAX])
    if what == "externalize":
        # SCP says so in a statement first, which has no value beside it.
        return ("decides", str(event["value"])) if "value" in event else ("says", what)
    if what == "append":
        return "records", str(event["type"])[:DETAIL_MAX]
    if what == "proposal":
        return "proposes", str(event["candidate"])[:DETAIL_MAX]
    return ("says", what) if what in _SAID else None


def _detail(what: str, event: Mapping[str, Any]) -> str:
    match what:
        case "accuse":
            text = f"{event['node']}"
        case "refuse":
            text = f"{event['from']}: {event['reason']}"
        case "catch-up":
            text = f"to height {event['height']}, by {event['by']}"
        case _:
            text = ""
    return text[:DETAIL_MAX]


def _laid_out(slot: int, kept: _Slot, loose: Sequence[tuple[int, int, str, str]]) -> SlotPart:
    times = [each[0] for each in kept.sent]
    times += [each[0] for each in kept.arrived]
    times += [each[0] for each in kept.events]
    start, end = min(times), max(times)
    stream = bytearray()
    before = start
    for each in _paired(kept):
        numbers = (each.time_us - before, each.sender, each.kind, each.author, each.size_bytes)
        for number in (*numbers, len(each.flights)):
            _put(stream, number)
        for receiver, flight_us in each.flights:
            _put(stream, receiver)
            _put(stream, flight_us)
        before = each.time_us
    events = [*kept.events, *(event for event in loose if start <= event[0] <= end)]
    events.sort(key=lambda event: event[0])  # stable: what happened at one time stays in order
    return SlotPart(
        slot,
        start,
        end,
        len(kept.arrived),
        b64encode(stream).decode("ascii"),
        tuple((time_us - start, who, what, text) for time_us, who, what, text in events),
        _down(loose, start),
    )


@dataclass(slots=True)
class _Sending:
    """One message on its way to whoever got it."""

    time_us: int
    sender: int
    kind: int
    author: int
    size_bytes: int
    flights: list[tuple[int, int]] = field(default_factory=list)
    """Receivers and flight times."""


def _paired(kept: _Slot) -> list[_Sending]:
    """Sendings in order of time, each with its arrivals."""
    sendings = [_Sending(*each) for each in sorted(kept.sent)]
    of_kind: defaultdict[tuple[int, int, int], list[_Sending]] = defaultdict(list)
    for each in sendings:
        of_kind[each.sender, each.kind, each.author].append(each)
    seen: defaultdict[tuple[int, int, int, int], int] = defaultdict(int)
    orphans = []
    flights = []
    for time_us, receiver, sender, kind, author in sorted(kept.arrived):
        earlier = [each for each in of_kind[sender, kind, author] if each.time_us <= time_us]
        if not earlier:
            orphans.append((time_us, receiver, sender, kind, author))
            continue
        nth = seen[receiver, sender, kind, author]
        seen[receiver, sender, kind, author] += 1
        sending = earlier[min(nth, len(earlier) - 1)]
        flights.append(time_us - sending.time_us)
        sending.flights.append((receiver, time_us - sending.time_us))
    usual = median_low(flights) if flights else 0
    start = sendings[0].time_us if sendings else 0
    for time_us, receiver, sender, kind, author in orphans:
        flight_us = max(0, min(usual, time_us - start))
        sendings.append(
            _Sending(time_us - flight_us, sender, kind, author, 0, [(receiver, flight_us)])
        )
    return sorted(sendings, key=lambda each: each.time_us)


def _down(loose: Sequence[tuple[int, int, str, str]], start_us: int) -> tuple[int, ...]:
    down: set[int] = set()
    for time_us, who, what, _ in loose:
        if time_us < start_us and what == "crash":
            down.add(who)
        elif time_us < start_us and what == "recover":
            down.discard(who)
    return tuple(sorted(down))


def _put(stream: bytearray, number: int) -> None:
    """Append an unsigned LEB128 number."""
    while number > 0x7F:
        stream.append(number & 0x7F | 0x80)
        number >>= 7
    stream.append(number)
