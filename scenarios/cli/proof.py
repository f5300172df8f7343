"""``tclearn ledger prove`` and ``verify-proof``: a record is in a log, on the word of witnesses."""

from pathlib import Path

from rich.markup import escape

from crypto.digest import Digest
from ledger.audit.cosigned import read_notes
from ledger.block import Block, core_hash, decode_block
from ledger.checkpoint import CheckpointError, Note, log_origin
from ledger.durability import replace_file
from ledger.errors import StoreError, Violation
from ledger.evidence import read_genesis_file
from ledger.genesis import Genesis
from ledger.log import format_proof, inclusion, parse_proof, proof_file, verify_proof
from ledger.policy import default_policy, parse_policy

from .audit import read_input
from .ledger import entry_at, replica_directory
from .output import console, write_json

PROOF_SUFFIX = ".tlog-proof"
RECORD_SUFFIX = ".record"


def prove_command(
    run: Path, height: int, replica: str | None, out: Path | None, as_json: bool
) -> int:
    """Write a proof that a record is in a replica's log, and the record beside it."""
    directory = replica_directory(run, replica)
    note = _covering(directory, height)
    entry = entry_at(directory, height)
    shown = inclusion(directory, height, note.checkpoint.size)
    path = out or Path(f"{directory.name}-{height}{PROOF_SUFFIX}")
    record = path.with_suffix(RECORD_SUFFIX)
    try:
        replace_file(path, format_proof(proof_file(shown, note)))
        replace_file(record, entry.record.payload)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    signers = len(note.cosignatures)
    if as_json:
        write_json(
            {
                "proof": str(path),
                "record": str(record),
                "height": height,
                "size": note.checkpoint.size,
                "origin": note.checkpoint.origin,
                "cosignatures": signers,
            }
        )
        return 0
    voice = console()
    voice.print(f"proof   {escape(str(path))}: {len(shown.proof)} hashes, {signers} cosignatures")
    voice.print(f"record  {escape(str(record))}: {len(entry.record.payload)} bytes")
    voice.print(
        f"check   tclearn ledger verify-proof {escape(str(path))} {escape(str(record))}"
        " --genesis SEGMENT"
    )
    return 0


def verify_command(
    proof: Path, record: Path, genesis: Path, policy: Path | None, as_json: bool
) -> int:
    """Check a proof; the exit status is 0 if it holds, 1 if it does not."""
    trusted = read_genesis_file(genesis)
    body = trusted.core.body
    if not isinstance(body, Genesis):
        raise StoreError(f"{genesis} holds no genesis block")
    chosen = default_policy(body) if policy is None else parse_policy(read_input(policy))
    payload = read_input(record)
    try:
        file = parse_proof(read_input(proof))
        block, value = decode_block(payload)
        owner = file.note.checkpoint.origin.rpartition("/")[2]
        chain_id = block.core.chain if block.core.height else value
        origin = log_origin(chain_id, owner)
        _check_chain(trusted, chain_id)
        verify_proof(file, payload, origin, chosen)
        _check_height(file.index, block)
    except (CheckpointError, Violation) as error:
        found = str(error)
        if as_json:
            write_json({"verdict": "not proven", "reason": found})
        else:
            console().print(f"[bold red]not proven[/]: {escape(found)}")
        return 1
    if as_json:
        write_json(
            {
                "verdict": "proven",
                "height": block.core.height,
                "core_hash": value.hex(),
                "origin": origin,
                "size": file.note.checkpoint.size,
            }
        )
    else:
        console().print(
            f"[bold green]proven[/]: the {block.core.type} record at height {block.core.height},"
            f" core hash {value.hex()}, stands in the log of {owner}"
        )
    return 0


def _covering(directory: Path, height: int) -> Note:
    """The newest checkpoint of a replica that covers a height."""

    def refuse(path: Path, violation: Violation) -> None:
        raise StoreError(f"{path}: {violation}")

    notes = [stored.note for stored in read_notes(directory, refuse)]
    covering = [note for note in notes if note.checkpoint.size > height]
    if not covering:
        raise StoreError(f"{directory} has no checkpoint that covers height {height}")
    return max(covering, key=lambda note: note.checkpoint.size)


def _check_chain(trusted: Block, chain_id: Digest) -> None:
    expected = core_hash(trusted.core)
    if chain_id != expected:
        raise Violation("BAD_CHAIN", f"the chain {expected.hex()}", chain_id.hex())


def _check_height(index: int, block: Block) -> None:
    if index != block.core.height:
        raise Violation("BAD_HEIGHT", f"index {block.core.height}", str(index))
