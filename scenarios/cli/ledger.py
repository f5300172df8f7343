"""``tclearn ledger``: look at a replica, list its history, export it."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.markup import escape
from rich.table import Table

from crypto.digest import Digest
from ledger.audit.run import replica_directories
from ledger.block import Block, VoteSeal, core_value, decode_block
from ledger.body import Candidate, candidate_digest
from ledger.candidate import ModelCandidate
from ledger.errors import StoreError, Violation
from ledger.genesis import Genesis
from ledger.notice import EvidenceNotice, MembershipNotice
from ledger.store import StoredRecord, read_records

from .output import DIGEST_CHARACTERS, console, percent, seconds, stdout_written, write_json


@dataclass(frozen=True, slots=True)
class Entry:
    """A block as it stands in a replica."""

    block: Block
    """The block."""
    core_hash: Digest
    """Its core hash."""
    record: StoredRecord
    """Where it stands."""


def replica_directory(run: Path, replica: str | None) -> Path:
    """The directory of a replica; of the first one where none is named.

    Raises:
        StoreError: When there is none of that name.
    """
    directories = {each.name: each for each in replica_directories(run)}
    if replica is None:
        return next(iter(directories.values()))
    if replica not in directories:
        raise StoreError(f"{run} has no replica {replica!r}; it has {', '.join(directories)}")
    return directories[replica]


def entries(directory: Path) -> Iterator[Entry]:
    """Yield the blocks of a replica; nothing but their form is checked.

    Raises:
        StoreError: At the first record that is none.
    """
    try:
        for record in read_records(directory):
            if isinstance(record, StoredRecord):
                block, value = decode_block(record.payload)
                yield Entry(block, value, record)
    except Violation as violation:
        raise StoreError(f"{directory}: {violation}; see tclearn audit") from None


def entry_at(directory: Path, height: int) -> Entry:
    """The block at a height of a replica.

    Raises:
        StoreError: When there is none.
    """
    for number, entry in enumerate(entries(directory)):
        if number == height:
            return entry
    raise StoreError(f"{directory} has no block at height {height}")


def log_command(run: Path, replica: str | None, as_json: bool) -> int:
    """List the history of a replica."""
    directory = replica_directory(run, replica)
    found = [_row(entry) for entry in entries(directory)]
    if as_json:
        write_json({"replica": directory.name, "blocks": found})
        return 0
    table = Table(
        "height", "type", "proposer", "G", "votes", "time", "core hash", box=None, pad_edge=False
    )
    for row in found:
        table.add_row(
            str(row["height"]),
            row["type"],
            row["proposer"] or "-",
            percent(row["global_score"]),
            str(row["votes"]),
            seconds(row["time_us"]),
            row["core_hash"][:DIGEST_CHARACTERS],
        )
    console().print(table)
    return 0


def show_command(run: Path, height: int, replica: str | None, as_json: bool) -> int:
    """Show one block."""
    directory = replica_directory(run, replica)
    entry = entry_at(directory, height)
    if as_json:
        write_json(_whole(entry))
    else:
        _print_block(entry, directory)
    return 0


def export_command(run: Path, replica: str | None, form: str, out: Path | None) -> int:
    """Write a whole replica as JSON lines or as a CSV table of its history."""
    directory = replica_directory(run, replica)
    write = _write_csv if form == "csv" else _write_lines
    if out is None:
        with stdout_written():
            write(directory, sys.stdout)
        return 0
    try:
        with out.open("x", encoding="utf-8", newline="") as stream:
            write(directory, stream)
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror}") from None
    return 0


def _write_lines(directory: Path, stream: TextIO) -> None:
    for entry in entries(directory):
        stream.write(json.dumps(_whole(entry)) + "\n")


def _write_csv(directory: Path, stream: TextIO) -> None:
    writer: csv.DictWriter[str] | None = None
    for entry in entries(directory):
        row = _row(entry)
        if writer is None:
            writer = csv.DictWriter(stream, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)


def _row(entry: Entry) -> dict[str, Any]:
    """What the history says of a block."""
    core, seal = entry.block.core, entry.block.seal
    body = core.body
    model = body if isinstance(body, ModelCandidate) else None
    return {
        "height": core.height,
        "type": core.type.value,
        "proposer": core.proposer or "",
        "authors": "" if model is None else " ".join(each.author for each in model.updates),
        "global_score": None if model is None else model.global_score,
        "accepting": sum(verdict.accept for verdict in seal.verdicts),
        "rejecting": sum(not verdict.accept for verdict in seal.verdicts),
        "votes": len(seal.votes),
        "time_us": core.time_us,
        "core_hash": entry.core_hash.hex(),
    }


def _whole(entry: Entry) -> dict[str, Any]:
    """Everything a block says, digests and signatures in hexadecimal."""
    seal = entry.block.seal
    return {
        "core_hash": entry.core_hash.hex(),
        "file": entry.record.file.name,
        "offset": entry.record.offset,
        "size_bytes": len(entry.record.payload),
        "core": _plain(core_value(entry.block.core)),
        "verdicts": [
            {
                "node": each.node,
                "accept": each.accept,
                "reason": each.reason,
                "scores": dict(each.scores),
                "signature": each.signature.hex(),
            }
            for each in seal.verdicts
        ],
        "votes": [
            {
                "node": each.node,
                "said": [each.kind.value, *each.numbers],
                "signature": each.signature.hex(),
            }
            for each in seal.votes
        ],
        "exhibit": None if seal.exhibit is None else seal.exhibit.hex(),
        "attestations": [
            {"node": a.node, "signature": a.signature.hex()} for a in seal.attestations
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _print_block(entry: Entry, directory: Path) -> None:
    core, seal = entry.block.core, entry.block.seal
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_row("height", str(core.height))
    facts.add_row("type", core.type.value)
    facts.add_row("core hash", entry.core_hash.hex())
    facts.add_row("previous", core.prev.hex())
    facts.add_row("proposer", core.proposer or "-")
    facts.add_row("time", seconds(core.time_us))
    for name, text in _body_facts(entry.block):
        facts.add_row(name, escape(text))
    facts.add_row("voters", ", ".join(map(_vote, seal.votes)) or "-")
    where = f"{directory.name}/{entry.record.file.name} at byte {entry.record.offset}"
    facts.add_row("stands in", f"{where}, {len(entry.record.payload)} bytes")
    out = console()
    out.print(facts)
    if seal.verdicts:
        table = Table("verdict of", "accepts", "reason", "G", "L", box=None, pad_edge=False)
        for verdict in seal.verdicts:
            scores = dict(verdict.scores)
            table.add_row(
                verdict.node,
                "[green]yes[/]" if verdict.accept else "[red]no[/]",
                escape(verdict.reason),
                percent(scores.get("global")),
                percent(scores.get("local")),
            )
        out.print()
        out.print(table)


def _vote(vote: VoteSeal) -> str:
    numbers = " ".join(map(str, vote.numbers))
    return f"{vote.node} ({vote.kind} {numbers})" if numbers else vote.node


def _body_facts(block: Block) -> Iterator[tuple[str, str]]:
    body = block.core.body
    if isinstance(body, Genesis):
        yield "nodes", ", ".join(sorted(body.nodes))
        yield "rule", f"{body.protocol}, {body.rule}, {body.round_count} rounds"
        yield "keys", body.keys
        yield "model", body.model.tensors.hex()
    elif isinstance(body, ModelCandidate):
        yield "candidate", candidate_digest(body).hex()
        yield "model", f"{body.model.tensors.hex()}, {body.model.size_bytes} bytes"
        yield "base", body.base.hex()
        yield "G claimed", percent(body.global_score)
        updates = (f"{each.author} ({each.sample_count} patients)" for each in body.updates)
        yield "updates", ", ".join(updates)
    elif body is not None:
        yield "candidate", candidate_digest(body).hex()
        yield from _notice_facts(body)
    if block.seal.exhibit is not None:
        yield "exhibit", f"blobs/sha256/{block.seal.exhibit.hex()[:2]}/{block.seal.exhibit.hex()}"


def _notice_facts(body: Candidate) -> Iterator[tuple[str, str]]:
    match body:
        case EvidenceNotice():
            yield "evidence", f"{body.misconduct} of {', '.join(body.culprits) or 'nobody'}"
        case MembershipNotice():
            yield "membership", f"{body.action} {body.node}: {body.reason}"
        case _:
            pass
