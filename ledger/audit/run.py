"""A whole run: every replica by itself, then against each other, its models and its summary."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from crypto.digest import Digest
from crypto.identity import NodeId

from ..errors import StoreError, Violation
from ..genesis import KEYS_FROM_SEED
from ..model import ModelFile
from .artefacts import audit_blobs
from .authority import shared_voters
from .finding import AuditReport, Counters, Finding, Judgement, worst
from .replica import ReplicaAudit, audit_replica, votes_at

LEDGER_FOLDER = "ledger"
"""Holds one folder per replica."""
BLOBS_FOLDER = "blobs"
"""Holds the content-addressed files."""
SUMMARY_FILE = "run.json"
"""What the run says of itself: never trusted, but a contradiction is a finding."""
SUMMARY_SIZE_MAX = 16 * 1024 * 1024
"""Bytes."""

_NO_ANCHOR = (
    "no anchor kept outside the run was given: a replacement of the whole ledger under new keys, or"
    " a rewrite by a quorum of its keys, would look the same"
)
_NO_REPLAY = (
    "the validations were not run again and the run was not replayed: that the scores are what"
    " training gave is the word of those who signed"
)
_SEED_KEYS = (
    "the keys were derived from the scenario's seed: signatures are not evidence against the"
    " operator of this run"
)


def audit_run(run: Path, progress: Callable[[int], None] = lambda _: None) -> AuditReport:
    """Audit a run: every replica at the levels L0 to L2, its models, the replicas with each other.

    Nothing is written. Memory grows with the number of blocks only by their 32-byte hashes and the
    distinct models.

    Args:
        run: The run directory.
        progress: Called with the bytes of ledger read since the last call.

    Raises:
        StoreError: When ``run`` is not a run directory or a file cannot be read.
    """
    directories = replica_directories(run)
    counters = Counters()
    replicas = [audit_replica(each, run, counters, progress) for each in directories]
    shared = [
        *_compare(run / LEDGER_FOLDER, replicas),
        *audit_blobs(run / BLOBS_FOLDER, run, _models(replicas), counters),
        *_check_summary(run, replicas),
    ]
    findings = [finding for replica in replicas for finding in replica.findings] + shared
    reports = tuple(replica.report() for replica in replicas)
    judgements = [report.judgement for report in reports]
    if shared:
        judgements.append(Judgement.INVALID)
    return AuditReport(
        worst(judgements), tuple(findings), reports, counters, tuple(_not_ruled_out(replicas))
    )


def replica_directories(run: Path) -> list[Path]:
    """The ledger directories of a run, sorted by name.

    Raises:
        StoreError: When ``run`` is not a run directory.
    """
    ledger = run / LEDGER_FOLDER
    try:
        directories = sorted(path for path in ledger.iterdir() if path.is_dir())
    except OSError as error:
        raise StoreError(f"{run} is not a run: cannot read {ledger}: {error.strerror}") from None
    if not directories:
        raise StoreError(f"{run} is not a run: {ledger} holds no replica")
    return directories


def ledger_size(run: Path) -> int:
    """Bytes of all segment files, for progress."""
    return sum(path.stat().st_size for path in (run / LEDGER_FOLDER).glob("*/*.seg"))


def _models(replicas: Sequence[ReplicaAudit]) -> dict[Digest, tuple[ModelFile, int]]:
    models: dict[Digest, tuple[ModelFile, int]] = {}
    for replica in replicas:
        for name, entry in replica.models.items():
            models.setdefault(name, entry)
    return models


def _compare(ledger: Path, replicas: Sequence[ReplicaAudit]) -> Iterator[Finding]:
    """Compare the replicas' sound blocks with the longest; one finding for each other branch."""
    reference = max(replicas, key=lambda replica: len(replica.hashes))
    branches: dict[tuple[int, Digest], list[ReplicaAudit]] = {}
    for replica in replicas:
        both = zip(reference.hashes, replica.hashes, strict=False)
        parting = next((height for height, (a, b) in enumerate(both) if a != b), None)
        if parting is not None:
            branches.setdefault((parting, replica.hashes[parting]), []).append(replica)
    for (height, found), branch in branches.items():
        first = branch[0]
        culprits = shared_voters(
            votes_at(ledger / reference.name, height), votes_at(ledger / first.name, height)
        )
        names = ", ".join(replica.name for replica in branch)
        yield Finding(
            _parting_code(height, culprits),
            "LA",
            first.name,
            height,
            first.file,
            None,
            f"core hash {reference.hashes[height].hex()} as in {reference.name}",
            f"{found.hex()} in {names}",
            culprits,
        )


def _parting_code(height: int, culprits: Sequence[NodeId]) -> str:
    """Two certificates for one slot convict who signed both; if nobody did, blame the genesis.

    Quorum sets whose quorums do not intersect let two sides decide apart without a lie.
    """
    if height == 0:
        return "GENESIS_DIFFERS"
    return "FORK" if culprits else "FORK_CONFIG_NO_INTERSECTION"


def _check_summary(run: Path, replicas: Sequence[ReplicaAudit]) -> Iterator[Finding]:
    """Compare what the run says of itself with what stands in its replicas."""
    path = run / SUMMARY_FILE
    if not path.exists():
        return
    try:
        stated = _read_summary(path)
    except Violation as violation:
        yield _summary_finding(violation, None, None)
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
            yield _summary_finding(differs, name, height)


def _read_summary(path: Path) -> dict[str, tuple[int, str]] | None:
    """Height and head that a stopped run states for each replica; None while it runs."""
    try:
        if path.stat().st_size > SUMMARY_SIZE_MAX:
            raise Violation("SUMMARY_MALFORMED", f"at most {SUMMARY_SIZE_MAX} bytes", "more")
        stated = json.loads(path.read_bytes())["replicas"]
        if stated is None:
            return None
        return {
            str(name): (int(each["height"]), str(each["chain_head"]))
            for name, each in stated.items()
        }
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Violation("SUMMARY_MALFORMED", "the summary of a run", str(error)[:200]) from None


def _summary_finding(violation: Violation, node: str | None, height: int | None) -> Finding:
    return Finding(
        violation.code,
        "LA",
        node,
        height,
        SUMMARY_FILE,
        None,
        violation.expected,
        violation.found,
    )


def _end(end: tuple[int, str] | None) -> str:
    return "no block" if end is None else f"height {end[0]}, head {end[1]}"


def _not_ruled_out(replicas: Sequence[ReplicaAudit]) -> Iterator[str]:
    """What these checks cannot see, in sentences."""
    genesis = next((each.state.genesis for each in replicas if each.state is not None), None)
    if genesis is not None and genesis.keys == KEYS_FROM_SEED:
        yield _SEED_KEYS
    yield _NO_ANCHOR
    yield _NO_REPLAY
    stopped: dict[int, list[str]] = {}
    for replica in replicas:
        if replica.torn is not None:
            yield (
                f"{replica.name} ends in {replica.torn.size_bytes} bytes of an unfinished record:"
                " a crash while writing, or a cut, looks like this"
            )
        elif replica.state is not None and not replica.state.ended:
            stopped.setdefault(replica.state.height, []).append(replica.name)
        elif replica.state is None and not replica.invalid:
            yield f"{replica.name} holds no block at all"
    for height, names in sorted(stopped.items()):
        yield (
            f"no end record after height {height} in {', '.join(names)}:"
            " an unfinished run and a cut tail look alike"
        )
