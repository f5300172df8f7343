"""The simulated network: messages take time, wait out partitions, and are counted.

A message is one bare callback on one simpy timeout, never a process. Simulated time is an integer
of microseconds; messages that arrive together are delivered in the order in which they were sent.
A partition acts as TCP does: what is sent across it is held and arrives after it heals; what was
under way when it began arrives. Messages of one pair may overtake each other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import log, log1p, sqrt
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import simpy

from ..errors import SimulationError
from ..schema_faults import Partition, hospital_of
from ..schema_network import Constant, Gamma, Latency, Lognormal, Normal, Uniform
from .streams import stream
from .topology import Routes

if TYPE_CHECKING:
    import networkx as nx

Message = TypeVar("Message")

Receive: TypeAlias = Callable[[str, Message], None]
"""Called with the sender and the message when it arrives."""

Cut: TypeAlias = tuple[int, int | None]
"""A time in which a pair is separated: from, and until or None for ever, in microseconds."""

_BLOCK_MIN, _BLOCK_MAX = 16, 1024
"""Latencies are drawn this many at a time, first and at most."""

_REDRAWS_MAX: Final = 64
"""Rounds in which negative delays are drawn again; one in 2**64 survives them at worst."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went from one instance to another."""

    message_count: int = 0
    """Messages that were sent."""

    size_bytes: int = 0
    """Their bytes."""

    held_count: int = 0
    """Messages that waited for a partition to heal."""

    dropped_count: int = 0
    """Messages that met a partition that never heals."""

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.message_count + other.message_count,
            self.size_bytes + other.size_bytes,
            self.held_count + other.held_count,
            self.dropped_count + other.dropped_count,
        )


def draw(latency: Latency, generator: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Draw ``count`` delays: float64[count], microseconds, none negative."""
    match latency:
        case Constant(value_us=value):
            return np.full(count, float(value))
        case Uniform(low_us=low, high_us=high):
            return generator.uniform(low, high, count)
        case Normal(mean_us=mean, deviation_us=deviation):
            return _truncated_normal(mean, deviation, generator, count)
        case Lognormal(mean_us=mean, deviation_us=deviation):
            # The parameters of the logarithm that give the delay this mean and deviation.
            variance = log1p((deviation / mean) ** 2)
            return generator.lognormal(log(mean) - variance / 2, sqrt(variance), count)
        case Gamma(mean_us=mean, deviation_us=deviation):
            if deviation == 0:
                return np.full(count, float(mean))
            return generator.gamma((mean / deviation) ** 2, deviation**2 / mean, count)


def _truncated_normal(
    mean: float, deviation: float, generator: np.random.Generator, count: int
) -> npt.NDArray[np.float64]:
    delays = generator.normal(mean, deviation, count)
    for _ in range(_REDRAWS_MAX):
        negative = delays < 0
        if not negative.any():
            break
        delays[negative] = generator.normal(mean, deviation, int(negative.sum()))
    return np.maximum(delays, 0.0)


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


def _merged(cuts: Iterator[Cut]) -> tuple[Cut, ...]:
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


class _Channel:
    """One direction of one pair: its delays, its cuts and its counts."""

    __slots__ = ("cuts", "delays", "deliver", "dropped", "held", "load", "messages", "size_bytes")

    def __init__(
        self,
        delays: Iterator[float],
        load: int,
        cuts: tuple[Cut, ...],
        deliver: Callable[[simpy.Event], None],
    ) -> None:
        self.delays = delays
        self.load = load
        self.cuts = cuts
        self.deliver = deliver
        self.messages = self.size_bytes = self.held = self.dropped = 0


class Network(Generic[Message]):
    """Carries messages between connected instances in simulated time."""

    def __init__(
        self,
        env: simpy.Environment,
        graph: "nx.Graph[str]",
        *,
        seed: int,
        bandwidth_bits_per_s: int | None = None,
        partitions: Sequence[Partition] = (),
    ) -> None:
        self._env = env
        self._graph = graph
        self._routes = Routes(graph)
        self._seed = seed
        self._bandwidth = bandwidth_bits_per_s
        self._partitions = tuple(partitions)
        self._receivers: dict[str, Receive[Message]] = {}
        self._channels: dict[tuple[str, str], _Channel] = {}

    def connect(self, instance: str, receive: Receive[Message]) -> None:
        """Let an instance (a hospital, or its twin at the same place) send and receive."""
        if instance in self._receivers:
            raise SimulationError(f"expected an instance that is not connected: '{instance}'")
        self._receivers[instance] = receive

    def send(self, sender: str, receiver: str, message: Message, size_bytes: int) -> None:
        """Put a message on its way; its receiver is called when it arrives.

        Raises:
            SimulationError: An instance sends to itself, or one of the two is not connected.
        """
        channel = self._channels.get((sender, receiver)) or self._open(sender, receiver)
        channel.messages += 1
        channel.size_bytes += size_bytes
        delay = next(channel.delays)
        if self._bandwidth is not None:
            delay += size_bytes * channel.load / self._bandwidth
        delay_us = round(delay) or 1
        if channel.cuts:
            now_us = int(self._env.now)
            release = release_us(channel.cuts, now_us)
            if release is None:
                channel.dropped += 1
                return
            channel.held += release > now_us
            delay_us += release - now_us
        arrival = self._env.timeout(delay_us, message)
        arrival.callbacks.append(channel.deliver)

    def traffic(self) -> Mapping[tuple[str, str], Traffic]:
        """Return what was sent so far for each (sender, receiver) that sent, in their order."""
        return {
            pair: Traffic(channel.messages, channel.size_bytes, channel.held, channel.dropped)
            for pair, channel in sorted(self._channels.items())
        }

    def total(self) -> Traffic:
        """Return what was sent so far by all."""
        return sum(self.traffic().values(), start=Traffic())

    def _open(self, sender: str, receiver: str) -> _Channel:
        if sender == receiver:
            raise SimulationError(f"expected another receiver: '{sender}' sends to itself")
        for instance in (sender, receiver):
            if instance not in self._receivers:
                raise SimulationError(f"expected a connected instance: '{instance}' is not")
        receive = self._receivers[receiver]

        def deliver(arrival: simpy.Event) -> None:
            receive(sender, arrival.value)  # type: ignore[arg-type]  # simpy: Any | None

        place, target = hospital_of(sender), hospital_of(receiver)
        # A hospital and its twin stand at one place: no link lies between them.
        route = self._routes.between(place, target)
        channel = _Channel(
            delays=_delays(
                [self._graph.edges[link]["latency"] for link in route],
                self._seed,
                sender,
                receiver,
            ),
            load=8_000_000 * len(route),
            cuts=cuts_between(self._partitions, sender, receiver),
            deliver=deliver,
        )
        self._channels[sender, receiver] = channel
        return channel


def _delays(latencies: Sequence[Latency], seed: int, sender: str, receiver: str) -> Iterator[float]:
    """Return the delays over a route, one message after the other, in microseconds."""
    constants = [latency.value_us for latency in latencies if isinstance(latency, Constant)]
    if len(constants) == len(latencies):
        return repeat(float(sum(constants)))
    return _drawn(latencies, stream(seed, "network", sender, receiver))


def _drawn(latencies: Sequence[Latency], generator: np.random.Generator) -> Iterator[float]:
    count = _BLOCK_MIN
    while True:
        delays = np.zeros(count)
        for latency in latencies:
            delays += draw(latency, generator, count)
        yield from delays.tolist()
        count = min(2 * count, _BLOCK_MAX)
