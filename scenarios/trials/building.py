"""Making the network and the instances of a trial."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import networkx as nx

from crypto.identity import NodeId

from ..adversaries import Interposer, interposer_of
from ..schema_faults import Crash, Delay, Firewall, Partition, hospital_of
from ..schema_network import NetworkSection
from ..simulation.cuts import Disturbances
from ..simulation.network import Network
from ..simulation.topology import build
from .checker import Checker
from .clock import Clock
from .peer import Peer
from .swift import SwiftNetwork, serves
from .trial import Trial
from .wire import Message
from .world import Trace, World

_GRAPHS_KEPT = 4
"""Graphs that are kept for the next replica of a study."""


def _network(trial: Trial, clock: Clock) -> Network[Message] | SwiftNetwork:
    """The network: the swift one where it serves."""
    faults = trial.faults
    partitions = tuple(fault for fault in faults if isinstance(fault, Partition))
    if trial.swift and serves(trial.network, faults):
        return SwiftNetwork(clock, trial.network, partitions, trial.seed)
    return Network(
        clock,
        _graph(trial.network, trial.hospitals, trial.seed),
        trial.network,
        seed=trial.seed,
        disturbances=Disturbances(
            partitions,
            tuple(fault for fault in faults if isinstance(fault, Firewall)),
            tuple(fault for fault in faults if isinstance(fault, Delay)),
        ),
    )


def instances_of(
    trial: Trial, clock: Clock, checker: Checker, trace: Trace | None
) -> tuple[Network[Message] | SwiftNetwork, list[Peer]]:
    """Make every instance and let each start at time 0."""
    faults, instances = trial.faults, trial.instances
    network = _network(trial, clock)
    interposers: dict[str, Interposer] = {}
    for instance in instances if faults else ():
        found = interposer_of(faults, instance, instances, trial.seed)
        if found is not None:
            interposers[instance] = found
    of = {instance: hospital_of(instance) for instance in instances}
    world = World(trial, clock, network, checker, interposers, trace)
    peers: list[Peer] = []
    for instance in instances:
        hospital = of[instance]
        others = tuple(peer for peer in instances if of[peer] != hospital)
        peer = Peer(instance, others, world, interposers.get(instance))
        peers.append(peer)
        _at(clock, 0, peer.start)
        for fault in faults:
            if isinstance(fault, Crash) and fault.hospital == hospital:
                _at(clock, fault.at_us, peer.crash)
                if fault.recover_us is not None:
                    _at(clock, fault.recover_us, peer.recover)
    return network, peers


def _at(clock: Clock, time_us: int, act: Callable[[], None]) -> None:
    clock.timeout(time_us).callbacks.append(lambda _: act())


def _graph(network: NetworkSection, hospitals: Sequence[NodeId], seed: int) -> "nx.Graph[str]":
    """The graph; one that does not depend on chance is made once."""
    if network.graph == "random-regular":
        return build(network, hospitals, seed)
    return _kept_graph(network, tuple(hospitals))


@lru_cache(maxsize=_GRAPHS_KEPT)
def _kept_graph(network: NetworkSection, hospitals: tuple[NodeId, ...]) -> "nx.Graph[str]":
    return build(network, hospitals, 0)
