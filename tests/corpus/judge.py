"""Audits one case: a run directory with, beside it, what was kept outside of it.

ledger/, blobs/, run.json   the run
anchor.json                 an anchor, if there is one
policy.txt                  a witness policy
resume.json                 {replica: {"size", "root"}}: what an earlier audit checked
kept/<node>                 replicas of others
expect.json                 what the audit has to say
"""

import json
from pathlib import Path
from typing import Any

from crypto.digest import Digest
from ledger.anchor import parse_anchor
from ledger.audit import AuditOptions, Level, Resume, audit_run
from ledger.errors import StoreError
from ledger.policy import parse_policy

ANCHOR = "anchor.json"
POLICY = "policy.txt"
RESUME = "resume.json"
KEPT = "kept"
LEVEL = "level.txt"
EXPECT = "expect.json"

Judged = dict[str, Any]


def judged(case: Path) -> Judged:
    """What the audit says of a case, in the form of its `expect.json`."""
    judgement = judged_with_doubts(case)
    del judgement["not_ruled_out"]
    return judgement


def judged_with_doubts(case: Path) -> Judged:
    """What the audit says of a case, and what it says that it cannot see."""
    try:
        report = audit_run(case, options_of(case))
    except StoreError:
        return {"verdict": None, "exit_status": 2, "findings": [], "not_ruled_out": []}
    findings = []
    for each in report.findings:
        node = None if each.node is None else each.node.removeprefix(f"{case}/")
        finding = {"code": each.code, "level": each.level, "node": node, "height": each.height}
        findings.append(finding | ({"culprits": list(each.culprits)} if each.culprits else {}))
    return {
        "verdict": report.judgement.value,
        "exit_status": report.exit_status,
        "findings": findings,
        "not_ruled_out": list(report.not_ruled_out),
    }


def options_of(case: Path) -> AuditOptions:
    """How a case is audited."""
    anchor, policy, resume, level = (case / name for name in (ANCHOR, POLICY, RESUME, LEVEL))
    return AuditOptions(
        Level[level.read_text()] if level.exists() else Level.L3,
        copies=tuple(sorted((case / KEPT).iterdir())) if (case / KEPT).exists() else (),
        anchor=parse_anchor(anchor.read_bytes()) if anchor.exists() else None,
        policy=parse_policy(policy.read_bytes()) if policy.exists() else None,
        resume={
            name: Resume(each["size"], Digest(bytes.fromhex(each["root"])), RESUME)
            for name, each in _read(resume).items()
        },
    )


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return value
