"""Re-checking a ledger: what is wrong in it, where, and what the check cannot rule out."""

from .finding import AuditReport, Finding, Judgement, ReplicaReport
from .run import audit_run

__all__ = ["AuditReport", "Finding", "Judgement", "ReplicaReport", "audit_run"]
