"""One hospital's replica of the ledger while the run goes on: chain state, segments, models."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from crypto.digest import Digest
from crypto.merkle import leaf_hash
from ledger import chain
from ledger.blobs import BlobStore
from ledger.block import Block, RecordType, core_hash, decode_block, encode_block, files_of
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.store import LedgerWriter, StoredRecord, read_records


class Replica:
    """A ledger that only its hospital appends to; nothing is appended that breaks the chain."""

    def __init__(self, directory: Path, blobs: BlobStore, genesis: Block, file: bytes) -> None:
        """Start a replica with its genesis block and the first model's file, or go on with one.

        Raises:
            StoreError: When it cannot be written or read.
            Violation: When what is there is not a chain that begins with ``genesis``.
            BlobError: When a model that it names is not there.
        """
        self.state: ChainState = chain.start(genesis, core_hash(genesis.core))
        """The chain after the last block."""
        self.model: bytes = file
        """The file of the model last accepted."""
        self.best_score: int | None = None
        """The best global score of an accepted model, in millionths; None before the first."""
        self.leaves: list[Digest] = []
        """Leaf hashes of the log over the exact bytes of the records."""
        self._directory = directory
        self._blobs = blobs
        self._writer = LedgerWriter(directory)
        try:
            self._blobs.put(file)
            self._load(genesis)
        except BaseException:
            self._writer.close()
            raise

    def append(self, block: Block, files: Sequence[bytes]) -> None:
        """Put a block and the files that it names on the disk; they are there when this returns.

        Args:
            block: The next block.
            files: Of `ledger.block.files_of`, in that order.

        Raises:
            Violation: When the block does not fit the chain.
            StoreError: When it cannot be written.
        """
        state = chain.extend(self.state, block, core_hash(block.core))
        for file in files:
            self._blobs.put(file)
        self._write(encode_block(block))
        self._advance(state, block)

    def blocks_after(self, height: int, count: int) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        """Yield the payloads of the next blocks after a height, each with the files that it names.

        Raises:
            StoreError: When they cannot be read.
            BlobError: When a file is not there.
        """
        for number, record in enumerate(read_records(self._directory)):
            if number > height + count:
                return
            if number > height and isinstance(record, StoredRecord):
                block, _ = decode_block(record.payload)
                yield record.payload, tuple(map(self._blobs.get, files_of(block)))

    def _load(self, genesis: Block) -> None:
        """Take in what is on the disk already; if nothing is, write the genesis."""
        payloads = [
            record.payload
            for record in read_records(self._directory)
            if isinstance(record, StoredRecord)
        ]
        if not payloads:
            self._write(encode_block(genesis))
            return
        self.leaves.append(leaf_hash(payloads[0]))
        for payload in payloads[1:]:
            block, value = decode_block(payload)
            self.leaves.append(leaf_hash(payload))
            self._advance(chain.extend(self.state, block, value), block)

    def _advance(self, state: ChainState, block: Block) -> None:
        body = block.core.body
        if block.core.type is RecordType.ACCEPTED and isinstance(body, ModelCandidate):
            self.model = self._blobs.get(body.model.file)
            self.best_score = max(self.best_score or 0, body.global_score)
        self.state = state

    def _write(self, payload: bytes) -> None:
        self._writer.append(payload)
        self.leaves.append(leaf_hash(payload))

    def close(self) -> None:
        """Release the files."""
        self._writer.close()
