"""A whole run: its replicas side by side, then against each other, its models and its summary."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto.digest import Digest

from ..anchor import Anchor
from ..errors import StoreError
from ..genesis import KEYS_FROM_SEED
from ..policy import Policy
from .artefacts import ArtefactAudit
from .compare import (
    check_anchored,
    check_known,
    check_summary,
    check_witnesses,
    compare_replicas,
)
from .finding import AuditReport, Counters, Judgement, Level, worst
from .pins import Pin
from .replica import Context, ReplicaAudit
from .signatures import SignatureVerifier

LEDGER_FOLDER = "ledger"
"""Holds one folder per replica."""
BLOBS_FOLDER = "blobs"
"""Holds the content-addressed files."""

_NOT_JUDGED = (
    "the validations were not run again and the run was not replayed: that the scores are what"
    " training gave is the word of those who signed"
)
_NOT_REPLAYED = (
    "the run was not replayed: that the candidates are what training gave is the word of those who"
    " signed"
)
_NO_ANCHOR = (
    "no anchor kept outside the run was given: a replacement of the whole ledger under new keys, or"
    " a rewrite by a quorum of its keys, would look the same"
)
_SEED_KEYS = (
    "the keys were derived from the scenario's seed: signatures are not evidence against the"
    " operator of this run"
)
_NOT_CHECKED = {
    Level.L0: "only the framing was read: not what the records say",
    Level.L1: "signatures and certificates were not checked: anybody could have written this",
    Level.L2: "the model files were not compared with the chain",
}


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an earlier audit of a replica ended."""

    size: int
    """Records it checked."""
    root: Digest
    """Root of the log over them."""
    source: str
    """The report that says so."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How an audit is done; the default needs nothing but the run."""

    level: Level = Level.L3
    """How far to go; levels above L3 are the scenarios' to run."""
    thread_count: int = 1
    """Threads that verify signatures."""
    copies: tuple[Path, ...] = ()
    """Ledger directories kept elsewhere, compared with those of the run."""
    anchor: Anchor | None = None
    """What was seen of the run earlier, and kept elsewhere."""
    anchor_source: str = "the anchor"
    """Where it was kept, for findings."""
    policy: Policy | None = None
    """Which witnesses must have cosigned the newest checkpoint of each replica."""
    resume: Mapping[str, Resume] = field(default_factory=dict)
    """Where earlier audits ended, by the name of the replica."""


def audit_run(
    run: Path,
    options: AuditOptions | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> AuditReport:
    """Audit a run: its replicas, their models, the replicas with each other.

    Nothing is written. Memory grows with the number of blocks only by 32 bytes for each block of
    each replica and by the digests of distinct models.

    Args:
        run: The run directory.
        options: How; by default everything that needs nothing but the run.
        progress: Called with the bytes of ledger read since the last call.

    Raises:
        StoreError: When ``run`` is not a run directory or a file cannot be read.
    """
    chosen = AuditOptions() if options is None else options
    counters = Counters()
    artefacts = ArtefactAudit(run / BLOBS_FOLDER, run, counters)
    with_artefacts = chosen.level >= Level.L3
    with SignatureVerifier(chosen.thread_count) as verifier:
        context = Context(
            run,
            chosen.level,
            verifier,
            counters,
            artefacts.see if with_artefacts else _ignore,
            artefacts.see_exhibit if with_artefacts else _ignore,
            artefacts.see_proofs if with_artefacts else _ignore,
            progress,
            frozenset() if chosen.policy is None else _named_by(chosen.policy),
        )
        ours = list(_replicas(run, chosen, context))
        replicas = [*ours, *_copies(chosen, context)]
        _side_by_side(replicas)
        counters.verified = verifier.verified_count
    forks = list(compare_replicas(replicas))
    shared = [fork.finding for fork in forks]
    if chosen.level >= Level.L1:
        shared += check_summary(run, ours)
    if chosen.anchor is not None:
        shared += check_anchored(ours, chosen.anchor, chosen.anchor_source)
    if chosen.policy is not None and chosen.level >= Level.L1:
        shared += check_witnesses(ours, chosen.policy)
    shared += check_known(ours, {name: each.source for name, each in chosen.resume.items()})
    if with_artefacts:
        artefacts.finish()
        shared += artefacts.findings
    findings = [finding for replica in replicas for finding in replica.findings] + shared
    reports = tuple(replica.report() for replica in replicas)
    judgements = [report.judgement for report in reports]
    if shared:
        judgements.append(Judgement.INVALID)
    doubts = tuple(_not_ruled_out(replicas, chosen))
    evidence = tuple(fork.evidence for fork in forks if fork.evidence is not None)
    return AuditReport(
        chosen.level, worst(judgements), tuple(findings), reports, counters, doubts, evidence
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


def _replicas(run: Path, options: AuditOptions, context: Context) -> Iterator[ReplicaAudit]:
    anchored = {} if options.anchor is None else {a.replica: a for a in options.anchor.replicas}
    for directory in replica_directories(run):
        name = directory.name
        pins = []
        if name in anchored:
            pins.append(Pin(anchored[name].size, anchored[name].root, options.anchor_source))
        resume = options.resume.get(name)
        if resume is not None:
            pins.append(Pin(resume.size, resume.root, resume.source))
        trusted_size = 0 if resume is None else resume.size
        yield ReplicaAudit(name, directory, context, pins, trusted_size)


def _copies(options: AuditOptions, context: Context) -> Iterator[ReplicaAudit]:
    # Their files are where they are kept.
    elsewhere = replace(context, model=_ignore, exhibit=_ignore, proofs=_ignore)
    for directory in options.copies:
        yield ReplicaAudit(str(directory), directory, elsewhere)


def _named_by(policy: Policy) -> frozenset[str]:
    """The names under which a policy's logs and witnesses sign."""
    keys = [*(log.key for log in policy.logs), *(each.key for each in policy.witnesses)]
    return frozenset(key.name for key in keys)


def _ignore(_named: object, _by: object) -> None:
    """Look at no file."""


def _side_by_side(replicas: Sequence[ReplicaAudit]) -> None:
    """Read all replicas height by height: what one has verified, the others need not."""
    reading = [replica.steps() for replica in replicas]
    while reading:
        reading = [steps for steps in reading if next(steps, _DONE) is not _DONE]


_DONE = object()


def _not_ruled_out(replicas: Sequence[ReplicaAudit], options: AuditOptions) -> Iterator[str]:
    """What these checks cannot see, in sentences."""
    genesis = next((each.state.genesis for each in replicas if each.state is not None), None)
    if genesis is not None and genesis.keys == KEYS_FROM_SEED:
        yield _SEED_KEYS
    if options.anchor is None:
        yield _NO_ANCHOR
    if options.level in _NOT_CHECKED:
        yield _NOT_CHECKED[options.level]
    if options.level < Level.L4:
        yield _NOT_JUDGED
    elif options.level < Level.L5:
        yield _NOT_REPLAYED
    stopped: dict[int, list[str]] = {}
    for replica in replicas:
        if replica.torn is not None:
            yield (
                f"{replica.name} ends in {replica.torn.size_bytes} bytes of an unfinished record:"
                " a crash while writing, or a cut, looks like this"
            )
        elif replica.state is not None and not replica.state.ended:
            stopped.setdefault(replica.state.height, []).append(replica.name)
        elif replica.tree.size == 0:
            yield f"{replica.name} holds no block at all"
    for height, names in sorted(stopped.items()):
        yield (
            f"no end record after height {height} in {', '.join(names)}:"
            " an unfinished run and a cut tail look alike"
        )
