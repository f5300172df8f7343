"""``tclearn anchor``: write down the signed heads of a run, to be kept where nobody can reach them.

An anchor is worth something only outside the run: whoever can rewrite the ledger can rewrite a file
beside it.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from crypto.digest import Digest
from ledger.anchor import Anchor, AnchoredReplica, format_anchor
from ledger.audit import Judgement, audit_run
from ledger.audit.cosigned import read_notes
from ledger.audit.run import replica_directories
from ledger.checkpoint import Note, format_note
from ledger.durability import replace_file
from ledger.errors import StoreError, Violation

from .ledger import entry_at
from .output import DIGEST_CHARACTERS, console, write_json

DEFAULT_SUFFIX = ".anchor.json"
"""What is put behind the name of a run for an anchor that is given no name."""


def anchor_command(run: Path, out: Path | None, as_json: bool) -> int:
    """Audit a run and, if nothing is wrong with it, write an anchor; the exit status."""
    path = out or run.with_name(run.name + DEFAULT_SUFFIX)
    if path.resolve().is_relative_to(run.resolve()):
        raise StoreError(f"{path} is inside the run: keep an anchor elsewhere, with --out")
    if path.exists():
        raise StoreError(f"{path} exists: an anchor is never replaced; give another --out")
    report = audit_run(run)
    if report.judgement is Judgement.INVALID:
        raise StoreError(f"{run} is not to be anchored: {report.findings[0]}")
    replicas = tuple(_anchored(run))
    if not replicas:
        raise StoreError(f"{run} has no checkpoint yet: nothing was signed that could be anchored")
    anchor = Anchor(entry_at(replica_directories(run)[0], 0).core_hash, replicas)
    try:
        replace_file(path, format_anchor(anchor))
    except OSError as error:
        raise StoreError(f"cannot write the anchor {path}: {error.strerror}") from None
    if as_json:
        write_json(_as_json(anchor, path))
    else:
        _print(anchor, path, run)
    return 0


def _anchored(run: Path) -> Iterator[AnchoredReplica]:
    """The newest checkpoint of each replica that has one."""
    for directory in replica_directories(run):
        note = _newest(directory)
        if note is not None:
            head = note.checkpoint
            chain_head = entry_at(directory, head.size - 1).core_hash
            yield AnchoredReplica(directory.name, head.size, head.root, chain_head, note)


def _newest(directory: Path) -> Note | None:
    def refuse(path: Path, violation: Violation) -> None:
        raise StoreError(f"{path}: {violation}")

    notes = [stored.note for stored in read_notes(directory, refuse)]
    return max(notes, key=lambda note: note.checkpoint.size, default=None)


def _as_json(anchor: Anchor, path: Path) -> dict[str, Any]:
    return {
        "anchor": str(path),
        "chain_id": anchor.chain_id.hex(),
        "replicas": [
            {
                "replica": each.replica,
                "size": each.size,
                "root": each.root.hex(),
                "chain_head": each.chain_head.hex(),
                "cosignatures": len(each.note.cosignatures),
                "note_bytes": len(format_note(each.note)),
            }
            for each in anchor.replicas
        ],
    }


def _print(anchor: Anchor, path: Path, run: Path) -> None:
    out = console()
    table = Table("replica", "records", "root", "cosigned by", box=None, pad_edge=False)
    for each in anchor.replicas:
        root = each.root.hex()[:DIGEST_CHARACTERS]
        signers = f"{len(each.note.cosignatures)} hospitals"
        table.add_row(escape(each.replica), str(each.size), root, signers)
    out.print(table)
    command = ["tclearn", "audit", str(run), "--anchor", str(path)]
    out.print(f"\nanchor  {escape(str(path))}: keep it where the operator of the run cannot reach")
    out.print(f"chain   {Digest(anchor.chain_id).hex()}")
    out.print(f"later   {escape(shlex.join(command))}")
