"""Re-checking a ledger: what is wrong in it, where, and what the check cannot rule out."""

from .finding import AuditReport, Finding, Judgement, Level, ReplicaReport
from .run import AuditOptions, Resume, audit_run

__all__ = [
    "AuditOptions",
    "AuditReport",
    "Finding",
    "Judgement",
    "Level",
    "ReplicaReport",
    "Resume",
    "audit_run",
]
