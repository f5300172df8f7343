"""One hospital's replica of the ledger while the run goes on: chain state, segments, models."""

from pathlib import Path

from crypto.digest import Digest
from crypto.merkle import leaf_hash
from ledger import chain
from ledger.blobs import BlobStore
from ledger.block import Block, core_hash, encode_block
from ledger.chain import ChainState
from ledger.store import LedgerWriter


class Replica:
    """A ledger that only its hospital appends to; nothing is appended that breaks the chain."""

    def __init__(self, directory: Path, blobs: BlobStore, genesis: Block, file: bytes) -> None:
        """Start a replica with its genesis block and the first model's file.

        Raises:
            StoreError: When it cannot be written.
        """
        self.state: ChainState = chain.start(genesis, core_hash(genesis.core))
        """The chain after the last block."""
        self.model: bytes = file
        """The file of the model last accepted."""
        self._blobs = blobs
        self._writer = LedgerWriter(directory)
        self._blobs.put(file)
        self.leaves: list[Digest] = []
        """Leaf hashes of the log over the exact bytes of the records."""
        self._write(genesis)

    def append(self, block: Block, file: bytes) -> None:
        """Put a block and the candidate's file on the disk; they are there when this returns.

        Args:
            block: The next block.
            file: The candidate model's file; empty when there is none.

        Raises:
            Violation: When the block does not fit the chain.
            StoreError: When it cannot be written.
        """
        state = chain.extend(self.state, block, core_hash(block.core))
        if file:
            self._blobs.put(file)
        self._write(block)
        if state.accepted_count > self.state.accepted_count:
            self.model = file
        self.state = state

    def _write(self, block: Block) -> None:
        payload = encode_block(block)
        self._writer.append(payload)
        self.leaves.append(leaf_hash(payload))

    def close(self) -> None:
        """Release the files."""
        self._writer.close()
