"""From the faults of a scenario file to what each hospital does: poison, lie, crash."""

from collections.abc import Mapping, Sequence

from crypto.identity import NodeId
from fl.attack import Attack

from ..adversaries import interposer_of, lying_hospitals, stopping_hospitals
from ..schema_faults import (
    Crash,
    Fault,
    Firewall,
    Gaussian,
    LabelFlip,
    NotANumber,
    Partition,
    Poison,
    Scaling,
    SignFlip,
    hospital_of,
)
from ..schema_network import NetworkSection
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
            poisoning = Poisoning(_attack(fault), fault.from_round, last, fault.forges)
            found[fault.hospital] = (*found.get(fault.hospital, ()), poisoning)
    return found


def conduct_of(
    faults: Sequence[Fault], instance: str, instances: Sequence[str], seed: int
) -> Conduct:
    """How the shell of an instance departs from the protocol; a twin shares its hospital's fate."""
    hospital = hospital_of(instance)
    crashes = [f for f in faults if isinstance(f, Crash) and f.hospital == hospital]
    first = min(crashes, key=lambda crash: crash.at_us, default=None)
    return Conduct(
        None if first is None else first.at_us,
        None if first is None else first.recover_us,
        interposer_of(faults, instance, instances, seed),
    )


def honest_instances(faults: Sequence[Fault], instances: Sequence[str]) -> frozenset[str]:
    """Instances that follow the protocol: those whose hospital does not lie."""
    lying = lying_hospitals(faults)
    return frozenset(each for each in instances if hospital_of(each) not in lying)


def correct_instances(faults: Sequence[Fault], instances: Sequence[str]) -> frozenset[str]:
    """Honest instances that run to the end: neither silent nor crashed for good."""
    stopped = stopping_hospitals(faults)
    honest = honest_instances(faults, instances)
    return frozenset(each for each in honest if hospital_of(each) not in stopped)


def may_lose(network: NetworkSection, faults: Sequence[Fault]) -> bool:
    """Whether a message can be lost for good, so that hospitals have to repeat themselves."""
    return network.loses or any(
        isinstance(fault, Partition | Firewall) and fault.drop for fault in faults
    )


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
