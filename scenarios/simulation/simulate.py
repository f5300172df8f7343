"""One run: found the coalition, let events happen, say what came out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

import simpy

from consensus.messages import Input, Output
from consensus.statements import Statement, kind_of
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId
from ledger.blobs import BlobStore
from ledger.block import Block, RecordType
from ledger.candidate import ModelCandidate, UpdateEntry
from ledger.errors import BlobError
from ledger.evidence import Equivocation, Evidence, FalseProof, ForkEvidence
from ledger.signstate import SignState
from ledger.store import SIGN_STATE_FILE

from ..adversaries import expanded
from ..protocols import judging_node
from ..run_directory import RunDirectory
from ..schema import Scenario
from ..schema_faults import hospital_of
from . import topology
from .checker import Checker, Invariant, Status
from .coalition import Coalition
from .cuts import disturbances_of
from .faults import (
    conduct_of,
    correct_instances,
    honest_instances,
    may_lose,
    poisonings_of,
)
from .handed_in import Origin
from .hospital import Hospital
from .learner import Curriculum, Learner
from .life import Life
from .network import Network, Traffic
from .notary import Notary
from .outbox import Mail
from .outcome import InstanceRow, Outcome, Recorder, RoundRow, StageRow
from .replica import Replica
from .signer import Signer, Verifier
from .stages import Work
from .trace import Trace, Word
from .world import Rules, World

Progress = Callable[[RoundRow], None]
"""Called when a height is recorded for the first time."""
Stopped = Callable[[], int | None]
"""Asked before every event: the signal that asks the run to stop, if one came."""


class Follower(Protocol):
    """Looks on as a run happens, and sees more than the trace keeps."""

    def stepped(
        self, instance: str, time_us: int, event: Input, outputs: tuple[Output, ...]
    ) -> None:
        """An instance's node took an input in; what it wants done is carried out after this."""

    def traced(self, time_us: int, event: str, instance: str, words: Mapping[str, Word]) -> None:
        """A line was added to the trace."""


@dataclass(slots=True)
class _Watch:
    """Sees what hospitals do: keeps rows, checks invariants, reports progress."""

    env: simpy.Environment
    checker: Checker
    recorder: Recorder
    waiting: set[str]
    """Correct instances that have not ended."""
    progress: Progress
    directory: RunDirectory
    follower: Follower | None

    def stepped(self, instance: str, event: Input, outputs: tuple[Output, ...]) -> None:
        if self.follower is not None:
            self.follower.stepped(instance, int(self.env.now), event, outputs)

    def externalized(self, instance: str, slot: int, value: Digest) -> None:
        self.checker.externalized(instance, slot, value, int(self.env.now))

    def said(self, instance: str, statement: Statement) -> None:
        self.checker.said(instance, statement)
        self.recorder.said(instance, statement, int(self.env.now))

    def handed_in(self, instance: str, slot: int, entry: UpdateEntry, origin: Origin) -> None:
        self.recorder.updates.handed_in(instance, slot, entry, origin)

    def appended(self, instance: str, block: Block, time_us: int) -> None:
        self.checker.appended(instance, block, time_us)
        if block.core.type is RecordType.END:
            self.waiting.discard(instance)
        row = self.recorder.appended(block, time_us)
        if row is not None:
            self.progress(row)

    def accused(self, instance: str, evidence: Evidence) -> None:
        match evidence:
            case Equivocation(first=first):
                culprit, slot, kind = first.node, first.statement.slot, kind_of(first.statement)
            case FalseProof(slot=slot, entry=entry):
                culprit, kind = entry.author, "proof"
                self.recorder.updates.refused(instance, slot, entry)
            case ForkEvidence():
                return  # the checker finds forks for itself
        self.recorder.accuse(culprit)
        self.checker.accused(evidence, int(self.env.now))
        self.directory.keep_evidence(f"{slot}-{culprit}-{kind}", evidence)


def simulate(
    scenario: Scenario,
    coalition: Coalition,
    directory: RunDirectory,
    progress: Progress,
    stopped: Stopped,
    follower: Follower | None = None,
) -> Outcome:
    """Run a scenario; its ledgers, models and trace are in ``directory`` when this returns.

    Args:
        scenario: What to run.
        coalition: Founded on it.
        directory: Where to write.
        progress: Told of each height.
        stopped: Asked whether to stop.
        follower: Told of all that happens, where somebody wants to look; changes nothing.

    Raises:
        StoreError: When the run cannot be written.
    """
    env = simpy.Environment()
    scenario = expanded(scenario)
    correct = correct_instances(scenario.faults, scenario.instances)
    checker = Checker(
        coalition.genesis,
        honest_instances(scenario.faults, scenario.instances),
        correct,
        poisonings_of(scenario.faults, scenario.rounds),
    )
    recorder = Recorder(partial(_loss_on_g, coalition.curriculum, BlobStore(directory.blobs)))
    watch = _Watch(env, checker, recorder, set(correct), progress, directory, follower)
    network: Network[Mail] = Network(
        env,
        topology.build(scenario.network, scenario.hospitals, scenario.seed),
        scenario.network,
        seed=scenario.seed,
        disturbances=disturbances_of(scenario.faults),
    )
    verifier = Verifier(coalition.ring, coalition.chain_id, coalition.quorum_set_digests)
    hear = None if follower is None else follower.traced
    with Trace(directory.trace, hear) as trace, ExitStack() as ledgers:
        world = World(env, network, verifier, trace, watch)
        hospitals = _hospitals(scenario, coalition, world, directory, ledgers)
        for hospital in hospitals:
            hospital.start()
        signal, time_limit_reached = _run(env, watch, scenario, stopped)
    findings = checker.findings(still_running=time_limit_reached or signal is not None)
    rounds = tuple(row for _, row in sorted(watch.recorder.rounds.items()))
    traffic = network.traffic()
    rows = tuple(_row(hospital, traffic) for hospital in hospitals)
    first_score = coalition.first_model.claim.global_score_ppm
    first_loss = coalition.curriculum.global_loss(coalition.first_model.file)
    last = next((row for row in reversed(rounds) if row.type is RecordType.ACCEPTED), None)
    return Outcome(
        scenario.name,
        scenario.seed,
        findings,
        {invariant: Status(getattr(scenario.expect, invariant.value)) for invariant in Invariant},
        rounds,
        tuple(watch.recorder.verdicts),
        watch.recorder.updates.rows(),
        rows,
        tuple(row for hospital in hospitals for row in _stage_rows(hospital)),
        traffic,
        dict(sorted(watch.recorder.accused.items())),
        first_score,
        first_score if last is None or last.global_score is None else last.global_score,
        first_loss,
        first_loss if last is None else last.global_loss,
        next(row.chain_head for row in rows if row.instance in correct or not correct),
        trace.digest(),
        trace.event_count,
        max((row.decided_us for row in rounds), default=0),
        signal,
    )


def _hospitals(
    scenario: Scenario,
    coalition: Coalition,
    world: World,
    directory: RunDirectory,
    ledgers: ExitStack,
) -> list[Hospital]:
    """Make every instance of the run, each with files that ``ledgers`` closes."""
    protocol = scenario.protocol
    rules = Rules(
        coalition.nodes,
        coalition.quorum_set_digests,
        coalition.chain_id,
        scenario.rounds,
        scenario.training.scheme,
        scenario.training.epochs,
        protocol.proposal_timeout_us,
        scenario.ledger.checkpoint_every,
        scenario.training.pipeline,
        protocol.catch_up_us,
        protocol.catch_up_us if may_lose(scenario.network, scenario.faults) else None,
        coalition.costs,
        coalition.genesis,
    )
    trust = Trust(coalition.quorum_sets)
    blobs = BlobStore(directory.blobs)
    instances = sorted(scenario.instances)
    hospitals = []
    for instance in instances:
        node = NodeId(hospital_of(instance))
        conduct = conduct_of(scenario.faults, instance, instances, scenario.seed)
        own = None if conduct.interposer is None else conduct.interposer.trusts
        acted = trust if own is None else Trust({**coalition.quorum_sets, node: own})
        hospital = Hospital(
            instance,
            [peer for peer in instances if hospital_of(peer) != node],
            world,
            rules,
            partial(_open_life, scenario, coalition, directory, blobs, acted, instance),
            conduct,
        )
        ledgers.callback(hospital.close)
        hospitals.append(hospital)
    return hospitals


def _open_life(
    scenario: Scenario,
    coalition: Coalition,
    directory: RunDirectory,
    blobs: BlobStore,
    trust: Trust,
    instance: str,
) -> Life:
    """Open the files of an instance; what they hold already is where it goes on."""
    node = NodeId(hospital_of(instance))
    folder = directory.ledger(instance)
    share = coalition.cohort.shares[scenario.hospitals.index(node)]
    poisonings = poisonings_of(scenario.faults, scenario.rounds).get(node, ())
    learner = Learner(instance, node, share, coalition.curriculum, poisonings)
    with ExitStack() as opened:
        replica = Replica(folder, blobs, coalition.genesis, coalition.first_model.file)
        opened.callback(replica.close)
        if replica.best_score is not None:
            learner.adopt(replica.model, replica.best_score)
        state = SignState(folder / SIGN_STATE_FILE)
        opened.callback(state.close)
        quorum_set = coalition.quorum_set_digests[node]
        signer = Signer(node, coalition.keys[node], coalition.chain_id, quorum_set, state)
        witness_key = coalition.witness_keys[node]
        notary = Notary(node, witness_key, coalition.witnesses, coalition.chain_id, folder)
        opened.pop_all()
    return Life(judging_node(scenario.protocol, node, trust), signer, learner, replica, notary)


def _run(
    env: simpy.Environment, watch: _Watch, scenario: Scenario, stopped: Stopped
) -> tuple[int | None, bool]:
    """Let events happen until nothing is left, or time is up, or a signal comes.

    Once the correct hospitals are done, the others get as long as a slot waits for its candidate:
    what is under way arrives, witnesses cosign the last heads, and a hospital that is merely behind
    comes to its end.

    Returns:
        The signal, and whether the time limit was reached with something still to happen.
    """
    limit_us = scenario.time_limit_us
    done = False
    while env.peek() <= limit_us:
        signal = stopped()
        if signal is not None:
            return signal, False
        env.step()
        if not watch.waiting and not done:
            done = True
            limit_us = min(limit_us, int(env.now) + scenario.protocol.proposal_timeout_us)
    return None, env.peek() != inf and not done


def _row(hospital: Hospital, traffic: Mapping[tuple[str, str], Traffic]) -> InstanceRow:
    state = hospital.replica.state
    sent = (each for (sender, _), each in traffic.items() if sender == hospital.instance)
    return InstanceRow(
        hospital.instance,
        state.height,
        state.head,
        state.ended,
        hospital.signature_count,
        sum(hospital.efforts.values()),
        sum(sent, start=Traffic()),
    )


def _stage_rows(hospital: Hospital) -> Iterator[StageRow]:
    for work in Work:
        if work in hospital.efforts:
            yield StageRow(hospital.instance, work, hospital.efforts[work])
    for freight, sent in hospital.freights.items():
        yield StageRow(hospital.instance, freight, sent=sent)


def _loss_on_g(curriculum: Curriculum, blobs: BlobStore, candidate: ModelCandidate) -> float | None:
    """The loss of a recorded candidate on G: an observer's measurement, which no hospital sees."""
    try:
        return curriculum.global_loss(blobs.get(candidate.model.file))
    except BlobError:
        return None  # a gap in a table; what a hospital cannot read is its replica's to report
