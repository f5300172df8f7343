"""The network of trials with many replicas: the plain one's behaviour without a channel per pair.

`simulation.network` gives each direction of each pair a stream and a state of its own. A replica of
a study lives for a few hundred messages, and opening the channels takes most of its time. Here a
sender has one stream for all its receivers. What it serves is a complete graph with one latency for
all links, partitions, and losses that nobody retransmits; everything else is left to the plain one.

With constant latencies the two give the same runs, event by event; with others, runs of the same
distribution (`tests/test_trials_swift.py`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SimulationError
from ..schema_faults import Delay, Fault, Firewall, Partition
from ..schema_network import NetworkSection
from ..simulation.channel import Traffic
from ..simulation.cuts import Cut, cuts_between, release_us
from ..simulation.delays import LinkLatency, draw, sampled
from ..simulation.streams import stream
from ..units import PPM
from .clock import Clock, Target

_Places = tuple[tuple[int, ...], tuple[int, ...]]
"""In which group of each partition two instances stand; -1 for none."""

_BLOCK = 64
"""Delays that are drawn at once, at least."""


def serves(section: NetworkSection, faults: Sequence[Fault]) -> bool:
    """Whether a network and what goes wrong in it can be simulated here."""
    plain = (
        section.graph == "complete"
        and section.regions is None
        and section.bandwidth_bits_per_s is None
        and section.gst_us is None
        and section.before_gst is None
        and section.order == "free"
        and not section.duplication_ppm
        and not section.reordering_ppm
        and not (section.loss_ppm and section.retransmit_us is not None)
    )
    return plain and not any(isinstance(fault, Firewall | Delay) for fault in faults)


def lane_stream(seed: int, sender: str) -> np.random.Generator:
    """The chance of a sender's delays, in the order of what it sends."""
    return stream(seed, "swift", sender)


def block_of(count: int) -> int:
    """How many delays are drawn at once by a sender that has so many receivers."""
    return max(count, _BLOCK)


def whole_us(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Delays as they count: whole microseconds, each at least one."""
    return np.maximum(np.rint(drawn), 1.0).astype(np.int64)


class SwiftNetwork:
    """Carries messages between connected instances in simulated time."""

    def __init__(
        self, clock: Clock, section: NetworkSection, partitions: Sequence[Partition], seed: int
    ) -> None:
        """Connect nobody yet.

        Args:
            clock: Simulated time.
            section: What the network does to messages, as far as `serves` says.
            partitions: Who is cut off from whom, and when.
            seed: What all chance is derived from.
        """
        self._clock = clock
        self._latency = sampled(section.latency)
        self._loss = section.loss_ppm / PPM
        self._partitions = tuple(partitions)
        self._seed = seed
        self._targets: dict[str, Target] = {}
        self._lanes: dict[str, _Lane] = {}
        self._cuts: dict[_Places, tuple[tuple[Cut, ...], tuple[Cut, ...]]] = {}
        self._places: dict[str, tuple[int, ...]] = {}
        self._messages = self._size_bytes = self._held = self._dropped = self._lost = 0

    def connect(self, instance: str, receive: Target) -> None:
        """Let an instance (a hospital, or its twin) send and receive."""
        if instance in self._targets:
            raise SimulationError(f"expected an instance that is not connected: '{instance}'")
        self._targets[instance] = receive
        self._places[instance] = tuple(
            next((number for number, group in enumerate(each.groups) if instance in group), -1)
            for each in self._partitions
        )

    def send(
        self, sender: str, receiver: str, message: Any, size_bytes: int, slot: int | None = None
    ) -> None:
        """Put a message on its way; its receiver is called when it arrives."""
        self.broadcast(sender, (receiver,), message, size_bytes, slot)

    def broadcast(
        self,
        sender: str,
        receivers: tuple[str, ...],
        message: Any,
        size_bytes: int,
        slot: int | None = None,
    ) -> None:
        """Send a message to each receiver in turn."""
        lane = self._lanes.get(sender)
        if lane is None:
            lane = self._lanes[sender] = _Lane(self._latency, self._seed, sender)
        count = len(receivers)
        self._messages += count
        self._size_bytes += count * size_bytes
        if lane.receivers is not receivers:
            lane.aim(receivers, [self._targets[each] for each in receivers])
        if self._partitions or self._loss:
            self._send_one_by_one(lane, sender, receivers, message)
        else:
            self._clock.post(sender, message, lane.targets, lane.delays(count))

    def total(self) -> Traffic:
        """Return what was sent so far by all."""
        return Traffic(
            self._messages, self._size_bytes, self._held, self._dropped, lost_count=self._lost
        )

    def _send_one_by_one(
        self, lane: "_Lane", sender: str, receivers: tuple[str, ...], message: Any
    ) -> None:
        now_us, places = int(self._clock.now), self._places
        targets: list[Target] = []
        delays: list[int] = []
        chances = lane.chances(len(receivers)) if self._loss else ()
        taken = lane.delays(len(receivers))
        for index, receiver in enumerate(receivers):
            holds, drops = self._cuts_of(sender, receiver, places[sender], places[receiver])
            release = release_us(holds, now_us) if holds else now_us
            if release is None or (drops and release_us(drops, release) != release):
                self._dropped += 1
                continue
            if self._loss and chances[index] < self._loss:
                self._lost += 1
                continue
            self._held += release > now_us
            targets.append(lane.targets[index])
            delays.append(release - now_us + taken[index])
        self._clock.post(sender, message, targets, delays)

    def _cuts_of(
        self, sender: str, receiver: str, here: tuple[int, ...], there: tuple[int, ...]
    ) -> tuple[tuple[Cut, ...], tuple[Cut, ...]]:
        """When messages are held and when they are lost: alike for all of the same groups."""
        found = self._cuts.get((here, there))
        if found is None:
            holding = [each for each in self._partitions if not each.drop]
            dropping = [each for each in self._partitions if each.drop]
            found = self._cuts[here, there] = (
                cuts_between(holding, sender, receiver),
                cuts_between(dropping, sender, receiver),
            )
        return found


class _Lane:
    """One sender: its receivers and its chance."""

    __slots__ = (
        "_delays",
        "_generator",
        "_latency",
        "_losses",
        "_name",
        "_next",
        "receivers",
        "targets",
    )

    def __init__(self, latency: LinkLatency, seed: int, sender: str) -> None:
        self.receivers: tuple[str, ...] = ()
        """Those that ``targets`` stands for."""
        self.targets: tuple[Target, ...] = ()
        """What is called on an arrival at each of them."""
        self._latency = latency
        self._generator = lane_stream(seed, sender)
        self._losses: np.random.Generator | None = None
        self._name = (seed, sender)
        self._delays: list[int] = []
        self._next = 0

    def aim(self, receivers: tuple[str, ...], targets: Sequence[Target]) -> None:
        """Take other receivers."""
        self.receivers, self.targets = receivers, tuple(targets)

    def delays(self, count: int) -> list[int]:
        """The next delays: whole microseconds, each at least one."""
        start, end = self._next, self._next + count
        if end > len(self._delays):
            drawn = draw(self._latency, self._generator, block_of(count))
            self._delays = self._delays[start:] + whole_us(drawn).tolist()
            start, end = 0, count
        self._next = end
        return self._delays[start:end]

    def chances(self, count: int) -> list[float]:
        """Numbers from 0 to below 1, each equally likely."""
        if self._losses is None:
            seed, sender = self._name
            self._losses = stream(seed, "swift/loss", sender)
        found: list[float] = self._losses.random(count).tolist()
        return found
