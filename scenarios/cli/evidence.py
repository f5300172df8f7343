"""``tclearn evidence``: what a file of evidence proves against whom, by the genesis of a chain."""

from pathlib import Path
from typing import Any

from rich.markup import escape

from ledger.errors import Violation
from ledger.evidence import Conviction, check_evidence, read_evidence_file, read_genesis_file

from .output import console, write_json


def evidence_command(file: Path, genesis: Path, as_json: bool) -> int:
    """Judge a file of evidence; the exit status: 0 proven, 1 not proven.

    Args:
        file: The evidence.
        genesis: The genesis payload, or a segment that begins with it, of a copy of the chain that
            the user trusts.
        as_json: Whether to print one JSON object instead of text.

    Raises:
        StoreError: When a file cannot be read, or the genesis is none.
    """
    trusted = read_genesis_file(genesis)
    try:
        outcome: Conviction | Violation = check_evidence(read_evidence_file(file), trusted)
    except Violation as violation:
        outcome = violation
    if as_json:
        write_json(_as_json(outcome))
    else:
        _print_outcome(outcome)
    return 0 if isinstance(outcome, Conviction) else 1


def _as_json(outcome: Conviction | Violation) -> dict[str, Any]:
    if isinstance(outcome, Violation):
        return {
            "verdict": "not proven",
            "misconduct": None,
            "slot": None,
            "culprits": [],
            "explanation": str(outcome),
            "code": outcome.code,
            "expected": outcome.expected,
            "found": outcome.found,
        }
    return {
        "verdict": "proven",
        "misconduct": outcome.misconduct.value,
        "slot": outcome.slot,
        "culprits": list(outcome.culprits),
        "explanation": outcome.explanation,
        "code": outcome.code,
        "expected": None,
        "found": None,
    }


def _print_outcome(outcome: Conviction | Violation) -> None:
    out = console()
    if isinstance(outcome, Conviction):
        convicted = ", ".join(outcome.culprits) or "nobody"
        out.print(f"{outcome.code} in slot {outcome.slot}")
        out.print(f"convicted by their own signatures: {escape(convicted)}")
        out.print(escape(outcome.explanation))
        out.print("\n[bold red]proven[/]")
    else:
        out.print(escape(str(outcome)))
        out.print("\n[bold yellow]not proven[/]")
