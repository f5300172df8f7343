"""From the faults of a scenario file to what each hospital does: poison, twin, crash, silence."""

from collections.abc import Mapping, Sequence

from crypto.identity import NodeId
from fl.attack import Attack

from ..schema_faults import (
    Crash,
    Fault,
    Gaussian,
    LabelFlip,
    NotANumber,
    Partition,
    Poison,
    Scaling,
    SignFlip,
    Silence,
    Twin,
    hospital_of,
)
from .learner import Poisoning
from .world import Conduct

_MILLION = 1_000_000


def poisonings_of(
    faults: Sequence[Fault], round_count: int
) -> Mapping[NodeId, tuple[Poisoning, ...]]:
    """What each poisoning hospital does, and when."""
    found: dict[NodeId, tuple[Poisoning, ...]] = {}
    for fault in faults:
        if isinstance(fault, Poison):
            last = round_count if fault.until_round is None else fault.until_round
            poisoning = Poisoning(_attack(fault), fault.from_round, last)
            found[fault.hospital] = (*found.get(fault.hospital, ()), poisoning)
    return found


def conduct_of(faults: Sequence[Fault], instance: str) -> Conduct:
    """How the shell of an instance departs from the protocol; a twin shares its hospital's fate."""
    hospital = hospital_of(instance)
    crashes = [f.at_us for f in faults if isinstance(f, Crash) and f.hospital == hospital]
    silences = [f.from_round for f in faults if isinstance(f, Silence) and f.hospital == hospital]
    return Conduct(min(crashes, default=None), min(silences, default=None))


def honest_instances(faults: Sequence[Fault], instances: Sequence[str]) -> frozenset[str]:
    """Instances that follow the protocol: all but the twins, who are one key with two minds."""
    lying = {f.hospital for f in faults if isinstance(f, Twin)}
    return frozenset(each for each in instances if hospital_of(each) not in lying)


def correct_instances(faults: Sequence[Fault], instances: Sequence[str]) -> frozenset[str]:
    """Honest instances that run to the end: neither crashed nor silent."""
    stopped = {f.hospital for f in faults if isinstance(f, Crash | Silence)}
    honest = honest_instances(faults, instances)
    return frozenset(each for each in honest if hospital_of(each) not in stopped)


def partitions_of(faults: Sequence[Fault]) -> tuple[Partition, ...]:
    """The partitions of the network."""
    return tuple(fault for fault in faults if isinstance(fault, Partition))


def _attack(fault: LabelFlip | SignFlip | Scaling | Gaussian | NotANumber) -> Attack:
    match fault:
        case LabelFlip():
            return Attack("label-flip", fault.fraction_ppm / _MILLION)
        case SignFlip():
            return Attack("sign-flip", fault.factor)
        case Scaling():
            return Attack("scaling", fault.factor)
        case Gaussian():
            return Attack("gaussian", fault.sigma)
        case NotANumber():
            return Attack("nan")
