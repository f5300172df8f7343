"""``tclearn audit``: the report of an audit for people and for machines."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ledger.audit import AuditReport, Judgement, audit_run
from ledger.audit.run import ledger_size

from .output import DIGEST_CHARACTERS, console, write_json

SHOWN_COUNT_MAX = 20
"""Findings printed for people; ``--json`` has all."""

_COLOURS = {Judgement.VALID: "green", Judgement.INVALID: "red"}


def audit_command(directory: Path, as_json: bool) -> int:
    """Audit a run; the exit status."""
    with Progress(
        TextColumn("auditing"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console(error=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=ledger_size(directory))
        report = audit_run(directory, lambda size: progress.advance(task, size))
    if as_json:
        write_json(_as_json(report))
    else:
        _print_report(report)
    return report.exit_status


def _as_json(report: AuditReport) -> dict[str, Any]:
    return {
        "verdict": report.judgement.value,
        "findings": [asdict(finding) for finding in report.findings],
        "replicas": [
            {
                "node": replica.node,
                "verdict": replica.judgement.value,
                "height": replica.height,
                "chain_head": replica.head,
            }
            for replica in report.replicas
        ],
        "checked": asdict(report.counters),
        "not_ruled_out": list(report.not_ruled_out),
    }


def _print_report(report: AuditReport) -> None:
    out = console()
    table = Table("replica", "verdict", "height", "chain head", box=None, pad_edge=False)
    for replica in report.replicas:
        height = "-" if replica.height is None else str(replica.height)
        head = "-" if replica.head is None else replica.head[:DIGEST_CHARACTERS]
        table.add_row(escape(replica.node), _coloured(replica.judgement), height, head)
    out.print(table)
    checked = report.counters
    out.print(
        f"\nchecked {checked.records} records, {checked.signatures} signatures, "
        f"{checked.blobs} model files"
    )
    for finding in report.findings[:SHOWN_COUNT_MAX]:
        out.print(f"[red]finding[/] {escape(str(finding))}")
    hidden = len(report.findings) - SHOWN_COUNT_MAX
    if hidden > 0:
        out.print(f"and {hidden} more findings: see --json")
    out.print("\nnot ruled out by this audit:")
    for sentence in report.not_ruled_out:
        out.print(f"  - {escape(sentence)}")
    out.print(f"\n{_coloured(report.judgement)}")


def _coloured(judgement: Judgement) -> str:
    return f"[bold {_COLOURS.get(judgement, 'yellow')}]{judgement.value}[/]"
