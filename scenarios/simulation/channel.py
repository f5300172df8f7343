"""One direction of one pair of instances: how a message gets from here to there.

What a channel does is chosen when it is opened. A smooth one has delays only, and pays for nothing
else. A rough one does what the network section and the faults of a scenario ask for, in this order:
firewall, partition, loss and retransmission, delay, stabilisation, order, duplication.

Sources: TCP's timer as in RFC 6298, section 5, with Linux' limits (ip-sysctl, tcp_retries2: 15
retransmissions; TCP_RTO_MAX: 120 s). Partial synchrony: C. Dwork, N. Lynch, L. Stockmeyer,
Consensus in the presence of partial synchrony, JACM 35, 1988, section 2.3; page 305, remark 2.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Protocol

import simpy
from simpy.events import NORMAL

from .cuts import Cut, Rounds, Wall, release_us
from .delays import at_least_one

if TYPE_CHECKING:
    from simpy.events import EventCallbacks

RETRIES_MAX: Final = 15
"""How often a message is sent again before it is given up."""

BACKOFF_MAX_US: Final = 120_000_000
"""The longest wait before a message is sent again, unless the first is longer."""

_NO_DELAYS: Final[Iterator[float]] = repeat(0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went from one instance to another."""

    message_count: int = 0
    """Messages that were sent."""

    size_bytes: int = 0
    """Their bytes."""

    held_count: int = 0
    """Messages that waited for a partition to heal or a firewall to end."""

    dropped_count: int = 0
    """Messages that met a partition or firewall that drops, or a partition that never heals."""

    lost_count: int = 0
    """Messages that got lost by chance and were given up."""

    resent_count: int = 0
    """Retransmissions of messages that got lost by chance."""

    duplicated_count: int = 0
    """Messages that arrived twice."""

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.message_count + other.message_count,
            self.size_bytes + other.size_bytes,
            self.held_count + other.held_count,
            self.dropped_count + other.dropped_count,
            self.lost_count + other.lost_count,
            self.resent_count + other.resent_count,
            self.duplicated_count + other.duplicated_count,
        )


class Arrival:
    """A message under way: no more than simpy's ``step`` asks of an event.

    A simpy ``Timeout`` has a dictionary and a list of callbacks of its own, which cost as much as
    all the rest of a delivery. The queue, and so the order of events, is simpy's.
    """

    __slots__ = ("callbacks", "message")
    _ok = True

    def __init__(self, callbacks: "EventCallbacks", message: Any) -> None:
        self.callbacks = callbacks
        self.message = message


class Channel(Protocol):
    """What every channel does."""

    def send(self, message: Any, size_bytes: int, slot: int | None) -> None:
        """Put a message on its way."""

    def traffic(self) -> Traffic:
        """Return what was sent so far."""


def _deliverer(receive: Callable[[str, Any], None], sender: str) -> "EventCallbacks":
    """Return the callbacks of all arrivals of a channel; simpy never changes what it was given."""

    def deliver(arrival: Any) -> None:
        receive(sender, arrival.message)

    return (deliver,)  # type: ignore[return-value]  # simpy only walks through them


class SmoothChannel:
    """A channel that delays messages and does nothing else to them."""

    __slots__ = ("_callbacks", "_delays", "_message_count", "_schedule", "_size_bytes")

    def __init__(
        self,
        env: simpy.Environment,
        sender: str,
        receive: Callable[[str, Any], None],
        delays: Iterator[int],
    ) -> None:
        self._schedule: Callable[[Any, Any, int], None] = env.schedule
        self._callbacks = _deliverer(receive, sender)
        self._delays = delays
        self._message_count = self._size_bytes = 0

    def send(self, message: Any, size_bytes: int, slot: int | None) -> None:
        """Put a message on its way."""
        self._message_count += 1
        self._size_bytes += size_bytes
        self._schedule(Arrival(self._callbacks, message), NORMAL, next(self._delays))

    def traffic(self) -> Traffic:
        """Return what was sent so far."""
        return Traffic(self._message_count, self._size_bytes)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rough channel does to messages; as it stands here, nothing."""

    delays: Iterator[float] = field(default=_NO_DELAYS)
    """The delay of each message over the route, in microseconds."""

    loads: tuple[tuple[int, int], ...] = ()
    """What bytes add to it: size x first / second microseconds for each entry."""

    walls: tuple[Wall, ...] = ()
    """Firewalls."""

    holds: tuple[Cut, ...] = ()
    """Partitions that hold messages."""

    drops: tuple[Cut, ...] = ()
    """Partitions that lose them."""

    extras: tuple[tuple[Rounds, int], ...] = ()
    """Rounds in which messages take longer, by microseconds."""

    loss: float = 0.0
    """The probability that the route loses a message."""

    loss_chances: Iterator[float] = field(default=_NO_DELAYS)
    """Decide it."""

    retransmit_us: int | None = None
    """The first wait before a lost message is sent again, or None for never."""

    gst_us: int = 0
    """When the links become as they are; 0 if they always were."""

    loss_before: float = 0.0
    """The probability of a loss before that."""

    delays_before: Iterator[float] = field(default=_NO_DELAYS)
    """The delays before that."""

    duplication: float = 0.0
    """The probability that a message arrives twice."""

    duplication_chances: Iterator[float] = field(default=_NO_DELAYS)
    """Decide it."""

    copy_delays: Iterator[float] = field(default=_NO_DELAYS)
    """The delays of the second copies."""

    copy_delays_before: Iterator[float] = field(default=_NO_DELAYS)
    """Their delays before the links become as they are."""

    reordering: float = 0.0
    """The probability that a message takes a second delay."""

    reordering_chances: Iterator[float] = field(default=_NO_DELAYS)
    """Decide it."""

    second_delays: Iterator[float] = field(default=_NO_DELAYS)
    """The second delays."""

    in_order: bool = False
    """Whether no message overtakes another."""


class RoughChannel:
    """A channel on which messages meet conditions."""

    def __init__(
        self,
        env: simpy.Environment,
        sender: str,
        receive: Callable[[str, Any], None],
        conditions: Conditions,
    ) -> None:
        self._env = env
        self._schedule: Callable[[Any, Any, int], None] = env.schedule
        self._callbacks = _deliverer(receive, sender)
        self._conditions = conditions
        self._last_us = 0
        self._waiting: list[tuple[int, Any, int, int]] = []
        self._messages = self._size_bytes = self._held = self._dropped = 0
        self._lost = self._resent = self._duplicated = 0

    def send(self, message: Any, size_bytes: int, slot: int | None) -> None:
        """Put a message on its way, if nothing stops it."""
        self._messages += 1
        self._size_bytes += size_bytes
        if self._conditions.walls:
            if slot is not None and self._waiting:
                self._let_through(slot)
            if not self._passes(message, size_bytes, slot):
                return
        self._set_out(message, size_bytes, slot)

    def traffic(self) -> Traffic:
        """Return what was sent so far."""
        return Traffic(
            self._messages,
            self._size_bytes,
            self._held,
            self._dropped,
            self._lost,
            self._resent,
            self._duplicated,
        )

    # Firewalls

    def _passes(self, message: Any, size_bytes: int, slot: int | None) -> bool:
        """Whether no firewall stops a message; what one holds waits here."""
        walls = [wall for wall in self._conditions.walls if wall.rounds.cover(slot)]
        if not walls:
            return True
        lasts = [wall.rounds.last for wall in walls if wall.rounds.last is not None]
        if slot is None or any(wall.drop for wall in walls):
            self._dropped += 1
        else:
            self._held += 1
            self._waiting.append((max(lasts), message, size_bytes, slot))
        return False

    def _let_through(self, slot: int) -> None:
        """Send what was held for rounds before this one, now that the sender has come this far."""
        over = [each for each in self._waiting if each[0] < slot]
        self._waiting = [each for each in self._waiting if each[0] >= slot]
        for _, message, size_bytes, of_slot in over:
            self._set_out(message, size_bytes, of_slot)

    # Time

    def _set_out(self, message: Any, size_bytes: int, slot: int | None) -> None:
        conditions, now_us = self._conditions, int(self._env.now)
        # A value is taken from a stream for each message, whatever becomes of it, so that one
        # feature does not shift the chance of another.
        delay, more = next(conditions.delays), 0.0
        for factor, bandwidth in conditions.loads:
            more += size_bytes * factor / bandwidth
        if conditions.reordering and next(conditions.reordering_chances) < conditions.reordering:
            more += next(conditions.second_delays)
        early = next(conditions.delays_before) if now_us < conditions.gst_us else 0.0
        departure_us = self._departure(now_us)
        if departure_us is None:
            return
        extra_us = sum(extra for rounds, extra in conditions.extras if rounds.cover(slot))
        self._arrive(message, self._arrival_us(departure_us, delay + more, early + more) + extra_us)
        if conditions.duplication and next(conditions.duplication_chances) < conditions.duplication:
            self._duplicated += 1
            delay, early = next(conditions.copy_delays), 0.0
            if departure_us < conditions.gst_us:
                early = next(conditions.copy_delays_before)
            copy_us = self._arrival_us(departure_us, delay + more, early + more)
            self._arrive(message, copy_us + extra_us)

    def _arrival_us(self, departure_us: int, delay_us: float, early_us: float) -> int:
        """Return when a message arrives that takes one delay, or another one before GST."""
        gst_us = self._conditions.gst_us
        if departure_us >= gst_us:
            return departure_us + at_least_one(delay_us)
        # DLS, remark 2: no message is lost, but one sent before GST may be late; how late is
        # bounded as usual since, by GST + Delta: at the latest as if it had been sent at GST.
        return min(departure_us + at_least_one(early_us), gst_us + at_least_one(delay_us))

    def _departure(self, now_us: int) -> int | None:
        """Return when the attempt to send a message that gets through begins, or None."""
        conditions = self._conditions
        time_us, retries, waited = now_us, 0, False
        while True:
            release = release_us(conditions.holds, time_us)
            if release is None or release_us(conditions.drops, release) != release:
                self._dropped += 1
                return None
            waited |= release > time_us
            time_us = release
            early = time_us < conditions.gst_us
            loss = conditions.loss_before if early else conditions.loss
            if not loss or next(conditions.loss_chances) >= loss:
                self._held += waited
                return time_us
            if conditions.retransmit_us is None or (retries == RETRIES_MAX and not early):
                self._lost += 1
                return None
            self._resent += 1
            later_us = time_us + _backoff_us(conditions.retransmit_us, retries)
            if early and (later_us >= conditions.gst_us or retries == RETRIES_MAX):
                time_us, retries = conditions.gst_us, 0
            else:
                time_us, retries = later_us, retries + 1

    def _arrive(self, message: Any, arrival_us: int) -> None:
        if self._conditions.in_order:
            arrival_us = self._last_us = max(arrival_us, self._last_us)
        self._schedule(Arrival(self._callbacks, message), NORMAL, arrival_us - int(self._env.now))


def _backoff_us(first_us: int, retries: int) -> int:
    """Return how long to wait before a message is sent again."""
    return min(first_us << retries, max(first_us, BACKOFF_MAX_US))
