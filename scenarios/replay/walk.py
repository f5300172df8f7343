"""Walking along a replica: its sound blocks in order, each with the chain before and after it.

What breaks the framing or the chain ends the walk; judging it is the work of `ledger.audit`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crypto.digest import Digest
from ledger import chain
from ledger.block import Block, decode_block
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.record import HEADER_SIZE
from ledger.store import TornTail, read_records


@dataclass(frozen=True, slots=True)
class Step:
    """One sound block of a replica."""

    block: Block
    """The block."""
    core_hash: Digest
    """Its core hash."""
    before: ChainState | None
    """The chain before it; None before the genesis."""
    after: ChainState
    """The chain after it."""
    file: Path
    """The segment it stands in."""
    offset: int
    """Where in it, in bytes."""
    size_bytes: int
    """Size of its record."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The end of a walk that could not go on: nothing behind it can be placed."""

    height: int
    """Height of the block that is not sound."""
    violation: Violation
    """Why."""


def walk(directory: Path) -> Iterator[Step | Broken]:
    """Yield the blocks of a replica from its genesis on; a torn tail ends it, and so does a fault.

    Memory holds one block.

    Raises:
        StoreError: When a file cannot be read.
    """
    state: ChainState | None = None
    try:
        for record in read_records(directory):
            if isinstance(record, TornTail):
                return
            block, value = decode_block(record.payload)
            before = state
            state = (
                chain.start(block, value) if before is None else chain.extend(before, block, value)
            )
            size = HEADER_SIZE + len(record.payload)
            yield Step(block, value, before, state, record.file, record.offset, size)
    except Violation as violation:
        yield Broken(0 if state is None else state.height + 1, violation)
