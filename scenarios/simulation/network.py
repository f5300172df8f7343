"""The simulated network: messages take time, get held or lost, and are counted.

A message is one bare callback in simpy's queue, never a process. Simulated time is an integer of
microseconds; messages that arrive together are delivered in the order in which they were sent.
What a link does to messages is said by the network section of a scenario; who is cut off from whom
by its faults. Every chance has a stream of its own for each purpose and each direction of each
pair, so that nothing that is switched on shifts the chance of anything else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

import numpy as np
import simpy

from ..errors import SimulationError
from ..schema_faults import hospital_of
from ..schema_network import NetworkSection
from ..units import PPM
from .channel import Channel, Conditions, RoughChannel, SmoothChannel, Traffic
from .cuts import Disturbances, cuts_between, extras_of, walls_between
from .delays import LinkLatency, chances, delays_over, sampled, whole_delays_over
from .streams import stream
from .topology import Route, Routes

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Message", "Network", "Receive", "Traffic"]

Message = TypeVar("Message")

Receive: TypeAlias = Callable[[str, Message], None]
"""Called with the sender and the message when it arrives."""

_MICROBITS: Final = 8_000_000
"""Bits in a byte times microseconds in a second."""


class Network(Generic[Message]):
    """Carries messages between connected instances in simulated time."""

    def __init__(
        self,
        env: simpy.Environment,
        graph: "nx.Graph[str]",
        section: NetworkSection,
        *,
        seed: int,
        disturbances: Disturbances | None = None,
    ) -> None:
        """Open no channel yet.

        Args:
            env: Simulated time.
            graph: The links, as ``topology.build`` makes them of the same section.
            section: What the network does to messages.
            seed: What all chance is derived from.
            disturbances: The faults that the network carries out.
        """
        self._env = env
        self._graph = graph
        self._routes = Routes(graph)
        self._section = section
        self._seed = seed
        self._disturbances = disturbances or Disturbances()
        before = section.before_gst
        self._latency_before = sampled(before.latency) if before and before.latency else None
        self._receivers: dict[str, Receive[Message]] = {}
        self._channels: dict[tuple[str, str], Channel] = {}
        self._fans: dict[str, tuple[tuple[str, ...], tuple[Channel, ...]]] = {}

    def connect(self, instance: str, receive: Receive[Message]) -> None:
        """Let an instance (a hospital, or its twin at the same place) send and receive."""
        if instance in self._receivers:
            raise SimulationError(f"expected an instance that is not connected: '{instance}'")
        self._receivers[instance] = receive

    def send(
        self,
        sender: str,
        receiver: str,
        message: Message,
        size_bytes: int,
        slot: int | None = None,
    ) -> None:
        """Put a message on its way; its receiver is called when it arrives.

        Args:
            sender: The instance that sends it.
            receiver: The instance that it is for.
            message: What is sent.
            size_bytes: How large it is on the wire.
            slot: The round that it belongs to, if to one: what firewalls and delays go by.

        Raises:
            SimulationError: An instance sends to itself, or one of the two is not connected.
        """
        channel = self._channels.get((sender, receiver)) or self._open(sender, receiver)
        channel.send(message, size_bytes, slot)

    def broadcast(
        self,
        sender: str,
        receivers: tuple[str, ...],
        message: Message,
        size_bytes: int,
        slot: int | None = None,
    ) -> None:
        """Send a message to each receiver in turn; the same as as many calls of ``send``.

        It is faster when the same tuple of receivers is given each time.

        Raises:
            SimulationError: An instance sends to itself, or one of them is not connected.
        """
        known, channels = self._fans.get(sender, ((), ()))
        if known is not receivers:
            channels = tuple(
                self._channels.get((sender, receiver)) or self._open(sender, receiver)
                for receiver in receivers
            )
            self._fans[sender] = receivers, channels
        for channel in channels:
            channel.send(message, size_bytes, slot)

    def traffic(self) -> Mapping[tuple[str, str], Traffic]:
        """Return what was sent so far for each (sender, receiver) that sent, in their order."""
        sent = {pair: channel.traffic() for pair, channel in sorted(self._channels.items())}
        return {pair: traffic for pair, traffic in sent.items() if traffic.message_count}

    def total(self) -> Traffic:
        """Return what was sent so far by all."""
        return sum(self.traffic().values(), start=Traffic())

    def _open(self, sender: str, receiver: str) -> Channel:
        if sender == receiver:
            raise SimulationError(f"expected another receiver: '{sender}' sends to itself")
        for instance in (sender, receiver):
            if instance not in self._receivers:
                raise SimulationError(f"expected a connected instance: '{instance}' is not")
        # A hospital and its twin stand at one place: no link lies between them.
        route = self._routes.between(hospital_of(sender), hospital_of(receiver))
        receive = self._receivers[receiver]
        latencies: list[LinkLatency] = [self._graph.edges[link]["latency"] for link in route]
        channel: Channel
        if self._is_smooth(sender, receiver, route):
            delays = whole_delays_over(latencies, self._stream("network", sender, receiver))
            channel = SmoothChannel(self._env, sender, receive, delays)
        else:
            conditions = self._conditions(sender, receiver, route, latencies)
            channel = RoughChannel(self._env, sender, receive, conditions)
        self._channels[sender, receiver] = channel
        return channel

    def _stream(self, *labels: str) -> Callable[[], np.random.Generator]:
        return partial(stream, self._seed, *labels)

    def _is_smooth(self, sender: str, receiver: str, route: Route) -> bool:
        """Whether nothing but a delay awaits the messages of a pair."""
        section, faults = self._section, self._disturbances
        edges = [self._graph.edges[link] for link in route]
        return not (
            section.duplication_ppm
            or section.reordering_ppm
            or section.order == "fifo"
            or section.gst_us
            or any(edge["loss_ppm"] or edge["bandwidth_bits_per_s"] for edge in edges)
            or (faults.partitions and cuts_between(faults.partitions, sender, receiver))
            or (faults.firewalls and walls_between(faults.firewalls, sender, receiver))
            or (faults.delays and extras_of(faults.delays, sender))
        )

    def _conditions(
        self, sender: str, receiver: str, route: Route, latencies: Sequence[LinkLatency]
    ) -> Conditions:
        """Gather what awaits the messages of a pair."""
        section, faults = self._section, self._disturbances
        edges = [self._graph.edges[link] for link in route]
        limits = [edge["bandwidth_bits_per_s"] for edge in edges if edge["bandwidth_bits_per_s"]]
        losses = [edge["loss_ppm"] for edge in edges]
        before = section.before_gst
        if before is not None and before.loss_ppm is not None:
            losses_before = [before.loss_ppm] * len(route)
        else:
            losses_before = losses
        latency_before = self._latency_before
        latencies_before = latencies if latency_before is None else [latency_before] * len(route)

        def over(purpose: str, path: Sequence[LinkLatency] = latencies) -> Iterator[float]:
            return delays_over(path, self._stream(purpose, sender, receiver))

        def deciding(purpose: str) -> Iterator[float]:
            return chances(self._stream(purpose, sender, receiver))

        return Conditions(
            delays=over("network"),
            loads=tuple(
                (_MICROBITS * limits.count(limit), limit) for limit in dict.fromkeys(limits)
            ),
            walls=walls_between(faults.firewalls, sender, receiver),
            holds=cuts_between([p for p in faults.partitions if not p.drop], sender, receiver),
            drops=cuts_between([p for p in faults.partitions if p.drop], sender, receiver),
            extras=extras_of(faults.delays, sender),
            loss=_any_of(losses),
            loss_chances=deciding("network/loss"),
            retransmit_us=section.retransmit_us,
            gst_us=section.gst_us or 0,
            loss_before=_any_of(losses_before),
            delays_before=over("network/before-gst", latencies_before),
            duplication=section.duplication_ppm / PPM,
            duplication_chances=deciding("network/duplication"),
            copy_delays=over("network/copies"),
            copy_delays_before=over("network/copies-before-gst", latencies_before),
            reordering=section.reordering_ppm / PPM,
            reordering_chances=deciding("network/reordering"),
            second_delays=over("network/second-delays"),
            in_order=section.order == "fifo",
        )


def _any_of(losses_ppm: Sequence[int]) -> float:
    """Return the probability that one of some links loses a message."""
    passing = 1.0
    for loss_ppm in losses_ppm:
        passing *= (PPM - loss_ppm) / PPM
    return 1.0 - passing
