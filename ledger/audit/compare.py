"""Replicas against each other and against what the run says of itself: level LA."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.certificate import decided_quorum
from consensus.errors import CertificateError
from consensus.quorum import QuorumSets
from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId

from ..anchor import Anchor, check_note
from ..checkpoint import CheckpointError
from ..durability import read_regular
from ..errors import Violation
from ..evidence import ForkEvidence, double_voters
from ..policy import Policy, check_policy
from .authority import authority, valid_votes
from .finding import Finding
from .replica import ReplicaAudit, block_at, owner_of

SUMMARY_FILE = "run.json"
"""What the run says of itself: never trusted, but a contradiction is a finding."""
SUMMARY_SIZE_MAX = 16 * 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A branch that parts from the longest replica."""

    finding: Finding
    """Where, and whom it convicts."""
    evidence: ForkEvidence | None
    """The two blocks, if both were decided by a quorum of one chain."""


def compare_replicas(replicas: Sequence[ReplicaAudit]) -> Iterator[Fork]:
    """Compare the replicas' sound blocks with the longest; one fork for each other branch."""
    reference = max(replicas, key=lambda replica: replica.block_count)
    branches: dict[tuple[int, Digest], list[ReplicaAudit]] = {}
    for replica in replicas:
        height = _parting(reference, replica)
        if height is not None:
            branches.setdefault((height, replica.core_hash(height)), []).append(replica)
    for (height, found), branch in branches.items():
        yield _fork(reference, branch, height, found)


def _fork(
    reference: ReplicaAudit, branch: Sequence[ReplicaAudit], height: int, found: Digest
) -> Fork:
    first = branch[0]
    expected = reference.core_hash(height)
    ours, theirs = block_at(reference.directory, height), block_at(first.directory, height)
    votes: list[dict[NodeId, Statement]] = [{}, {}]
    quorum_sets: QuorumSets = {}
    if height and reference.state is not None:
        known = authority(reference.state, owner_of(reference.directory.name))
        quorum_sets = known.genesis.quorum_sets
        votes = [valid_votes(ours, expected, known), valid_votes(theirs, found, known)]
    culprits = double_voters(*votes)
    certified = all(_certified(each, quorum_sets) for each in votes)
    apart = votes[0].keys().isdisjoint(votes[1])
    names = ", ".join(replica.name for replica in branch)
    finding = Finding(
        _parting_code(height, culprits, certified=certified, apart=apart),
        "LA",
        first.name,
        height,
        first.file,
        None,
        f"core hash {expected.hex()} as in {reference.name}",
        f"{found.hex()} in {names}",
        culprits,
    )
    return Fork(finding, ForkEvidence(ours, theirs) if height and certified else None)


def _parting(first: ReplicaAudit, second: ReplicaAudit) -> int | None:
    """The first height at which two replicas hold different blocks."""
    shorter = min(first.block_count, second.block_count)
    heights = range(shorter)
    return next((h for h in heights if first.core_hash(h) != second.core_hash(h)), None)


def _certified(votes: Mapping[NodeId, Statement], quorum_sets: QuorumSets) -> bool:
    try:
        decided_quorum(votes, quorum_sets)
    except CertificateError:
        return False
    return True


def _parting_code(height: int, culprits: Sequence[NodeId], *, certified: bool, apart: bool) -> str:
    """Two certificates for one slot convict who contradicts itself; if nobody does, the genesis.

    Quorum sets whose quorums do not intersect let two sides decide apart without a lie. Two of
    PBFT's may intersect and convict nobody: they are of two views, and only the view changes
    between them show who lied. Where one of the two has no valid certificate, nobody decided it:
    the replica was changed.
    """
    if height == 0:
        return "GENESIS_DIFFERS"
    if culprits:
        return "FORK"
    if not certified:
        return "REPLICA_DIFFERS"
    return "FORK_CONFIG_NO_INTERSECTION" if apart else "FORK"


def check_anchored(
    replicas: Sequence[ReplicaAudit], anchor: Anchor, source: str
) -> Iterator[Finding]:
    """Compare the chain and the names of the replicas with an anchor; sizes and roots are pins."""
    for replica in replicas:
        state = replica.state
        if state is not None and state.chain_id != anchor.chain_id:
            expected = f"the chain {anchor.chain_id.hex()}, as kept in {source}"
            replaced = Violation("GENESIS_REPLACED", expected, state.chain_id.hex())
            yield _at(replica.name, 0, replica.file, replaced)
    for kept in anchor.replicas:
        try:
            check_note(kept)
        except Violation as malformed:
            yield _at(kept.replica, None, source, malformed)
    yield from check_known(replicas, {kept.replica: source for kept in anchor.replicas})


def check_known(replicas: Sequence[ReplicaAudit], sources: Mapping[str, str]) -> Iterator[Finding]:
    """Check that the replicas that an earlier audit knew are there: name and report of each."""
    names = {replica.name for replica in replicas}
    for name, source in sorted(sources.items()):
        if name not in names:
            missing = Violation("REPLICA_MISSING", f"{name}, as kept in {source}", "nothing")
            yield _at(name, None, source, missing)


def check_witnesses(replicas: Sequence[ReplicaAudit], policy: Policy) -> Iterator[Finding]:
    """Check that the newest checkpoint of each replica satisfies a witness policy."""
    for replica in replicas:
        latest = replica.latest
        if latest is None:
            unsigned = Violation("WITNESS_POLICY", "a checkpoint", "none")
            yield _at(replica.name, None, replica.file, unsigned)
            continue
        note = latest.note
        try:
            check_policy(policy, note.checkpoint, note.cosignatures)
        except CheckpointError as error:
            height = note.checkpoint.size - 1
            unmet = Violation("WITNESS_POLICY", error.expected, error.found)
            yield _at(replica.name, height, f"{replica.name}/{latest.path.name}", unmet)


def check_summary(run: Path, replicas: Sequence[ReplicaAudit]) -> Iterator[Finding]:
    """Compare what the run says of itself with what stands in its replicas."""
    path = run / SUMMARY_FILE
    if not path.exists():
        return
    try:
        stated = _read_summary(path)
    except Violation as violation:
        yield _finding(violation, None, None)
        return
    if stated is None:
        return
    by_name = {replica.name: replica for replica in replicas}
    for name in sorted(stated.keys() | by_name.keys()):
        replica = by_name.get(name)
        state = None if replica is None else replica.state
        found = None if state is None else (state.height, state.head.hex())
        if stated.get(name) != found:
            height = None if found is None else found[0]
            differs = Violation("SUMMARY_DIFFERS", _end(stated.get(name)), _end(found))
            yield _finding(differs, name, height)


def _read_summary(path: Path) -> dict[str, tuple[int, str]] | None:
    """Height and head that a stopped run states for each replica; None while it runs."""
    try:
        stated = json.loads(read_regular(path, SUMMARY_SIZE_MAX))["replicas"]
        if stated is None:
            return None
        return {
            str(name): (int(each["height"]), str(each["chain_head"]))
            for name, each in stated.items()
        }
    except OSError as error:
        found = str(error.strerror)
        raise Violation("SUMMARY_MALFORMED", "a file that can be read", found) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Violation("SUMMARY_MALFORMED", "the summary of a run", str(error)[:200]) from None


def _finding(violation: Violation, node: str | None, height: int | None) -> Finding:
    return _at(node, height, SUMMARY_FILE, violation)


def _at(node: str | None, height: int | None, file: str, violation: Violation) -> Finding:
    return Finding(
        violation.code, "LA", node, height, file, None, violation.expected, violation.found
    )


def _end(end: tuple[int, str] | None) -> str:
    return "no block" if end is None else f"height {end[0]}, head {end[1]}"
