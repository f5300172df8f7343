"""One trial: make the instances, let events happen, say what came out.

Everything follows from the trial and its seed: two runs give the same outcome, on any machine.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf

import simpy

from consensus.quorum import greatest_quorum
from crypto.identity import NodeId

from ..adversaries import lying_hospitals
from ..adversaries.conduct import faulty_hospitals
from ..schema_faults import Partition, hospital_of
from .blame import blame, culprits
from .building import instances_of
from .checker import Checker
from .clock import Clock
from .kernel import play, serves
from .outcome import SlotLatency, TrialOutcome
from .peer import Peer
from .protocols import counted_sets, trust_of
from .trial import Trial
from .world import Trace

__all__ = ["SlotLatency", "TrialOutcome", "run_events", "run_trial"]


def run_trial(trial: Trial, trace: Trace | None = None) -> TrialOutcome:
    """Run a trial: by the kernel where it serves and nobody watches, event by event elsewhere.

    The outcome is the same either way.

    Args:
        trial: What to run; a split must have been expanded.
        trace: Called for each event; costs nothing if absent.
    """
    outcome = play(trial) if trace is None and serves(trial) else None
    return run_events(trial, trace) if outcome is None else outcome


def run_events(trial: Trial, trace: Trace | None = None) -> TrialOutcome:
    """Run a trial event by event; see `run_trial`."""
    with _without_collector():
        return _run(trial, trace)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare a trial the searches for cycles: a third of its time, and it leaves none behind."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _run(trial: Trial, trace: Trace | None) -> TrialOutcome:
    clock = Clock()
    quiet = [False]

    def time_up(_: simpy.Event) -> None:
        quiet[0] = clock.peek() == inf
        clock.stop()

    instances = trial.instances
    lying, faulty = lying_hospitals(trial.faults), faulty_hospitals(trial.faults)
    honest = frozenset(each for each in instances if hospital_of(each) not in lying)
    correct = frozenset(each for each in honest if hospital_of(each) not in faulty)
    blocked, required = _required(trial, correct)
    trust = trust_of(trial.quorum_sets)
    alone = frozenset(
        each for each in honest if trust.convinces(NodeId(each), trust.bits[NodeId(each)])
    )
    checker = Checker(honest, required, alone, trial.slots, clock.stop)
    network, peers = instances_of(trial, clock, checker, trace)
    clock.timeout(trial.time_limit_us).callbacks.append(time_up)
    if required:
        clock.play()
    total = network.total()
    clock.forget()
    for peer in peers:
        peer.leave()
    return TrialOutcome(
        checker.findings(blocked=blocked, quiet=quiet[0]),
        {peer.instance: tuple(peer.decisions) for peer in peers},
        _latencies(trial, peers, correct),
        total.message_count,
        total.size_bytes,
        total.lost_count,
        sum(peer.event_count for peer in peers),
        int(clock.now),
        faulty,
        lying,
        culprits(checker, lying),
        tuple((fork, blame(trial, checker, fork)) for fork in checker.forks),
    )


def _required(trial: Trial, correct: frozenset[str]) -> tuple[bool, frozenset[str]]:
    """Whose decisions the trial waits for, and whether the faults excuse them if they fail.

    They are the correct hospitals that form quorums without the faulty ones; if there are none, all
    correct ones are waited for until the time is up.
    """
    nodes = frozenset(NodeId(each) for each in correct)
    live = greatest_quorum(nodes, counted_sets(trial))
    cut_off = any(isinstance(fault, Partition) and fault.heal_us is None for fault in trial.faults)
    if not live:
        return True, correct
    return cut_off, frozenset(str(node) for node in live)


def _latencies(
    trial: Trial, peers: Sequence[Peer], correct: frozenset[str]
) -> tuple[SlotLatency, ...]:
    found: list[SlotLatency] = []
    watched = [peer.decisions for peer in peers if peer.instance in correct]
    for index in range(trial.slots):
        decided = [decisions[index] for decisions in watched if len(decisions) > index]
        if not decided:
            break
        start = min(each.opened_us for each in decided)
        times = [each.time_us - start for each in decided]
        last = max(times) if len(decided) == len(watched) else None
        found.append(SlotLatency(index + 1, min(times), last))
    return tuple(found)
