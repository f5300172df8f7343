"""``tclearn audit``: the report of an audit for people and for machines."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto.digest import DIGEST_SIZE, Digest
from ledger.anchor import parse_anchor
from ledger.audit import AuditOptions, AuditReport, Judgement, Level, Resume, audit_run
from ledger.audit.finding import worst
from ledger.audit.run import ledger_size
from ledger.block import core_hash
from ledger.durability import replace_file
from ledger.errors import LedgerError, StoreError
from ledger.evidence import ForkEvidence, encode_evidence
from ledger.policy import parse_policy

from .output import DIGEST_CHARACTERS, console, quoted, stdout_reserved, write_json

SHOWN_COUNT_MAX = 20
"""Findings printed for people; ``--json`` has all."""
INPUT_SIZE_MAX = 64 * 1024 * 1024
"""Bytes of an anchor, a policy or an earlier report."""

_COLOURS = {Judgement.VALID: "green", Judgement.INVALID: "red"}


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What the command line asks for."""

    level: Level = Level.L3
    """How far to go."""
    thread_count: int = 1
    """Threads that verify signatures."""
    anchor: Path | None = None
    """An anchor that was kept elsewhere."""
    replicas: tuple[Path, ...] = ()
    """Ledger directories kept elsewhere."""
    policy: Path | None = None
    """A witness policy."""
    resume_from: Path | None = None
    """The JSON report of an earlier audit."""
    evidence: Path | None = None
    """Where to put what convicts the culprits of a fork."""


def audit_command(directory: Path, request: AuditRequest, as_json: bool) -> int:
    """Audit a run; the exit status."""
    options = _options(request)
    with stdout_reserved(as_json), _bar() as progress:
        task = progress.add_task("auditing", total=ledger_size(directory))
        report = audit_run(directory, options, lambda size: progress.advance(task, size))
        if request.level >= Level.L4:
            report = _with_replay(directory, request.level, report, progress)
    files = [] if request.evidence is None else _write_evidence(report, request.evidence)
    if as_json:
        write_json(_as_json(report) | {"evidence": files})
    else:
        _print_report(report)
        for file in files:
            console().print(f"evidence {quoted(file)}: see tclearn evidence --help")
    return report.exit_status


def _write_evidence(report: AuditReport, folder: Path) -> list[str]:
    """Write a file for each fork; an audit never writes into the run unless it is told to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for fork in report.forks:
            replace_file(_evidence_file(folder, fork), encode_evidence(fork))
    except OSError as error:
        raise StoreError(f"cannot write evidence in {folder}: {error.strerror}") from None
    return [str(_evidence_file(folder, fork)) for fork in report.forks]


def _evidence_file(folder: Path, fork: ForkEvidence) -> Path:
    core = fork.second.core
    return folder / f"fork-{core.height}-{core_hash(core).hex()[:DIGEST_CHARACTERS]}.cbor"


def _options(request: AuditRequest) -> AuditOptions:
    anchor = None if request.anchor is None else parse_anchor(read_input(request.anchor))
    policy = None if request.policy is None else parse_policy(read_input(request.policy))
    resume = {} if request.resume_from is None else _resume(request.resume_from)
    for path in request.replicas:
        if not path.is_dir():
            raise StoreError(f"{path} is not the directory of a replica")
    return AuditOptions(
        request.level,
        request.thread_count,
        request.replicas,
        anchor,
        str(request.anchor),
        policy,
        resume,
    )


def _resume(path: Path) -> Mapping[str, Resume]:
    """Where an earlier audit ended, from its JSON report.

    Raises:
        StoreError: When it is no report, or of an audit that found something.
    """
    try:
        report = json.loads(read_input(path))
        if report["verdict"] == Judgement.INVALID.value or report["level"] < Level.L2:
            raise StoreError(
                f"{path}: only a report without findings, of level L2 or above, serves"
            )
        return {
            each["node"]: Resume(each["size"], _digest(each["root"]), str(path))
            for each in report["replicas"]
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(f"{path} is not the JSON report of an audit") from None


def _digest(text: str) -> Digest:
    digest = bytes.fromhex(text)
    if len(digest) != DIGEST_SIZE:
        raise ValueError(text)
    return Digest(digest)


def read_input(path: Path) -> bytes:
    """The bytes of a small file that a user names.

    Raises:
        StoreError: When it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > INPUT_SIZE_MAX:
            raise StoreError(f"{path} is larger than {INPUT_SIZE_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def _with_replay(
    directory: Path, level: Level, report: AuditReport, progress: Progress
) -> AuditReport:
    """The report with the levels that need torch and the simulator."""
    from ..replay import audit_by_replay

    tasks = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what)
        progress.update(tasks[what], completed=done, total=total)

    replayed = audit_by_replay(directory, "L5" if level >= Level.L5 else "L4", show)
    judgements = [report.judgement]
    if replayed.unchecked:
        judgements.append(Judgement.INCOMPLETE)
    if replayed.findings:
        judgements.append(Judgement.INVALID)
    return replace(
        report,
        judgement=worst(judgements),
        findings=(*report.findings, *replayed.findings),
        replayed=asdict(replayed.counters),
        not_ruled_out=(*report.not_ruled_out, *replayed.unchecked),
    )


@contextmanager
def _bar() -> Iterator[Progress]:
    voice = console(error=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=voice,
        transient=True,
        disable=not voice.is_terminal,
    ) as progress:
        yield progress


def _as_json(report: AuditReport) -> dict[str, Any]:
    return {
        "verdict": report.judgement.value,
        "level": report.level.value,
        "findings": [asdict(finding) for finding in report.findings],
        "replicas": [
            {
                "node": replica.node,
                "verdict": replica.judgement.value,
                "height": replica.height,
                "chain_head": replica.chain_head,
                "size": replica.size,
                "root": replica.root,
            }
            for replica in report.replicas
        ],
        "checked": asdict(report.counters),
        "replayed": report.replayed,
        "not_ruled_out": list(report.not_ruled_out),
    }


def _print_report(report: AuditReport) -> None:
    out = console()
    table = Table("replica", "verdict", "height", "chain head", box=None, pad_edge=False)
    for replica in report.replicas:
        height = "-" if replica.height is None else str(replica.height)
        head = "-" if replica.chain_head is None else replica.chain_head[:DIGEST_CHARACTERS]
        table.add_row(quoted(replica.node), _coloured(replica.judgement), height, head)
    out.print(table)
    checked = report.counters
    out.print(
        f"\nlevel {report.level.name}: {checked.records} records, {checked.signatures} signatures"
        f" ({checked.verified} different), {checked.cosignatures} cosignatures,"
        f" {checked.blobs} model files" + (f", {checked.proofs} proofs" if checked.proofs else "")
    )
    if report.replayed is not None:
        words = (f"{count} {name.replace('_', ' ')}" for name, count in report.replayed.items())
        out.print(f"replay: {', '.join(words)}")
    for finding in report.findings[:SHOWN_COUNT_MAX]:
        out.print(f"[red]finding[/] {quoted(str(finding))}")
    hidden = len(report.findings) - SHOWN_COUNT_MAX
    if hidden > 0:
        out.print(f"and {hidden} more findings: see --json")
    if report.not_ruled_out:
        out.print("\nnot ruled out by this audit:")
    for sentence in report.not_ruled_out:
        out.print(f"  - {quoted(sentence)}")
    out.print(f"\n{_coloured(report.judgement)}")


def _coloured(judgement: Judgement) -> str:
    return f"[bold {_COLOURS.get(judgement, 'yellow')}]{judgement.value}[/]"


def level_named(name: str) -> Level:
    """The level of this name.

    Raises:
        LedgerError: When there is none.
    """
    try:
        return Level[name.upper()]
    except KeyError:
        known = ", ".join(level.name for level in Level)
        raise LedgerError(f"--level: expected one of {known}, found {name!r}") from None
