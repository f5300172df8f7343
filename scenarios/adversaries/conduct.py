"""Who departs from the protocol in a list of faults, and how: by lying, or by stopping."""

from collections.abc import Sequence

from crypto.identity import NodeId

from ..schema_adversaries import Bias, Collude, Equivocate, Mutate, Slices
from ..schema_faults import Crash, Fault, Poison, Silence, Twin


def lying_hospitals(faults: Sequence[Fault]) -> frozenset[NodeId]:
    """Hospitals that say what the protocol would not have them say.

    A hospital that learns from poisoned data, or whose messages are slow, does not lie; one that
    forges the proof of its norm does. A split must have been expanded before.
    """
    lying: set[NodeId] = set()
    for fault in faults:
        if isinstance(fault, Twin | Equivocate | Slices | Bias | Mutate) or (
            isinstance(fault, Poison) and fault.forges
        ):
            lying.add(fault.hospital)
        elif isinstance(fault, Collude):
            lying.update(fault.hospitals)
    return frozenset(lying)


def stopping_hospitals(faults: Sequence[Fault]) -> frozenset[NodeId]:
    """Hospitals that follow the protocol until they stop for good: silent, or never recovering."""
    stopping: set[NodeId] = set()
    for fault in faults:
        if isinstance(fault, Silence) or (isinstance(fault, Crash) and fault.recover_us is None):
            stopping.add(fault.hospital)
    return frozenset(stopping)


def faulty_hospitals(faults: Sequence[Fault]) -> frozenset[NodeId]:
    """Hospitals that lie or stop for good: on the others termination depends."""
    return lying_hospitals(faults) | stopping_hospitals(faults)
