"""When messages cannot pass: partitions in time, firewalls and adversarial delays in rounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..schema_faults import Delay, Fault, Firewall, Partition, hospital_of

Cut: TypeAlias = tuple[int, int | None]
"""A time in which a pair is separated: from, and until or None for ever, in microseconds."""


@dataclass(frozen=True, slots=True)
class Disturbances:
    """The faults of a scenario that the network carries out."""

    partitions: tuple[Partition, ...] = ()
    """Who is separated from whom, and when."""

    firewalls: tuple[Firewall, ...] = ()
    """Whose messages of which rounds are stopped."""

    delays: tuple[Delay, ...] = ()
    """Whose messages of which rounds take longer."""


def disturbances_of(faults: Sequence[Fault]) -> Disturbances:
    """Return the faults that the network carries out."""
    return Disturbances(
        tuple(fault for fault in faults if isinstance(fault, Partition)),
        tuple(fault for fault in faults if isinstance(fault, Firewall)),
        tuple(fault for fault in faults if isinstance(fault, Delay)),
    )


@dataclass(frozen=True, slots=True)
class Rounds:
    """Some rounds, one after the other."""

    first: int
    """The first of them."""

    last: int | None
    """The last of them, or None if they go on to the end of the run."""

    def cover(self, slot: int | None) -> bool:
        """Whether a message of a slot belongs to these rounds.

        A message of no slot, such as a checkpoint, belongs to them if they are the whole run.
        """
        if slot is None:
            return self.first == 1 and self.last is None
        return self.first <= slot and (self.last is None or slot <= self.last)


@dataclass(frozen=True, slots=True)
class Wall:
    """Rounds whose messages do not get through."""

    rounds: Rounds
    """Which they are."""

    drop: bool
    """Whether they are lost, or held until a later round."""


def cuts_between(partitions: Sequence[Partition], first: str, second: str) -> tuple[Cut, ...]:
    """Return when two instances are separated: in order, neither overlapping nor touching."""
    return _merged(
        (partition.start_us, partition.heal_us)
        for partition in partitions
        if _separates(partition, first, second)
    )


def _separates(partition: Partition, first: str, second: str) -> bool:
    sides = [
        number
        for number, group in enumerate(partition.groups)
        for instance in (first, second)
        if instance in group
    ]
    return len(sides) == 2 and sides[0] != sides[1]


def _merged(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    merged: list[Cut] = []
    for start, heal in sorted(cuts, key=lambda cut: cut[0]):
        if merged and (merged[-1][1] is None or start <= merged[-1][1]):
            before, until = merged.pop()
            start = before
            heal = None if until is None or heal is None else max(until, heal)
        merged.append((start, heal))
    return tuple(merged)


def release_us(cuts: Sequence[Cut], now_us: int) -> int | None:
    """Return when a message sent now sets out: now, when its cut heals, or None for never."""
    for start, heal in cuts:
        if start <= now_us and (heal is None or now_us < heal):
            return heal
    return now_us


def walls_between(firewalls: Sequence[Firewall], sender: str, receiver: str) -> tuple[Wall, ...]:
    """Return the rounds in which an instance cannot send to another."""
    return tuple(
        # Nothing ends a wall to the end of the run, so that what it holds is lost.
        Wall(Rounds(wall.from_round, wall.until_round), wall.drop or wall.until_round is None)
        for wall in firewalls
        if sender in wall.senders and receiver in wall.receivers
    )


def extras_of(delays: Sequence[Delay], sender: str) -> tuple[tuple[Rounds, int], ...]:
    """Return in which rounds the messages of an instance take longer, and how many microseconds."""
    return tuple(
        (Rounds(delay.from_round, delay.until_round), delay.extra_us)
        for delay in delays
        if delay.hospital == hospital_of(sender)
    )
