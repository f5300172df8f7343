"""How a hospital that is behind, or was down, gets what it missed: checked, never believed.

A block that a peer sends is taken in only if our own audit would pass it on our own replica: it
follows our chain, its certificate convinces *us*, every signature verifies, its file is what it
names.
"""

from collections.abc import Callable, Iterator, Sequence

from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from ledger import chain
from ledger.audit.authority import Authority, check_seal
from ledger.audit.signatures import SignatureCheck
from ledger.block import Block, RecordType, decode_block, files_of
from ledger.errors import Violation
from ledger.evidence import check_exhibit
from ledger.notice import EvidenceNotice

from .open_slot import OpenSlot
from .processor import Processor
from .reception import check_proofs
from .replica import Replica
from .signer import Verifier
from .speaker import Speaker
from .wire import MissedAnswer, MissedRequest, StatementMessage

BLOCKS_MAX = 32
"""Blocks in one answer."""


class CatchUp:
    """Asks, answers, and checks for one hospital."""

    def __init__(
        self,
        node: NodeId,
        peers: Sequence[str],
        processor: Processor,
        speaker: Speaker,
        patience_us: int,
        is_behind: Callable[[int], bool],
    ) -> None:
        """Ask nothing yet.

        Args:
            node: The hospital.
            peers: The instances that it can ask, in order.
            processor: Its time.
            speaker: Its voice.
            patience_us: How long it waits before it asks, and before it asks again.
            is_behind: Whether the slot of this height + 1 is still open, and there is reason to
                believe that others have decided it.
        """
        self._node = node
        self._peers = tuple(peers)
        self._processor = processor
        self._speaker = speaker
        self._patience_us = patience_us
        self._is_behind = is_behind
        self._next = 0
        self._waiting: tuple[int, int] | None = None

    def watch(self, height: int) -> None:
        """Ask for the block after this height unless it is there before patience ends."""
        waiting = (self._processor.life, height)
        if self._waiting == waiting:
            return
        self._waiting = waiting

        def look() -> None:
            if self._waiting == waiting:
                self._waiting = None
                if self._is_behind(height):
                    self.ask(height)
                    self.watch(height)

        self._processor.at(self._patience_us, look)

    def ask(self, height: int) -> None:
        """Ask everybody for the open slot, and one of them, each in turn, for blocks."""
        if not self._peers:
            return
        chosen = self._peers[self._next % len(self._peers)]
        self._next += 1
        for peer in self._peers:
            self._speaker.send(peer, MissedRequest(self._node, height, peer == chosen))

    def answer(
        self, asker: str, request: MissedRequest, replica: Replica, open_slot: OpenSlot | None
    ) -> None:
        """Tell an asker what it missed."""
        height = replica.state.height
        blocks: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
        if request.with_blocks and request.height < height:
            blocks = tuple(replica.blocks_after(request.height, BLOCKS_MAX))
        said = () if open_slot is None else tuple(self._said(open_slot))
        self._speaker.send(asker, MissedAnswer(self._node, height, blocks, said))

    def _said(self, open_slot: OpenSlot) -> Iterator[StatementMessage]:
        """Our own statements of the slot, and what its leader proposed, with the draft."""
        for (author, statement), signed in open_slot.signed.items():
            proposed = open_slot.draft_of(statement) is not None and author == open_slot.leader
            if author == self._node or proposed:
                yield self._speaker.wrap(signed, open_slot)


def sound_blocks(
    answer: MissedAnswer,
    replica: Replica,
    known: Authority,
    verifier: Verifier,
    genesis: Block,
) -> Iterator[tuple[Block, tuple[bytes, ...]]]:
    """Yield the blocks of an answer that our own audit passes, each with its files.

    The caller appends each before it asks for the next.

    Raises:
        Violation: At the first that it does not pass.
        SignatureError: At the first signature that does not verify.
    """
    if len(answer.blocks) > BLOCKS_MAX:
        raise Violation("TOO_MANY", f"at most {BLOCKS_MAX} blocks", str(len(answer.blocks)))
    for payload, files in answer.blocks:
        block, value = decode_block(payload)
        state = replica.state
        if block.core.height <= state.height:
            continue
        chain.extend(state, block, value)
        check_files(block, files, genesis)
        _check_seal(block, value, known, state.leader, verifier)
        check_proofs(block.core, files[1:], known.genesis.norm, verifier)
        yield block, files


def check_files(block: Block, files: Sequence[bytes], genesis: Block) -> None:
    """Check that files are those that a block names, and of evidence that it is evidence.

    Raises:
        Violation: ``BAD_FILE``, or as `check_exhibit`.
    """
    expected, found = files_of(block), tuple(map(sha256, files))
    if expected != found:
        raise Violation("BAD_FILE", _names(expected), _names(found))
    notice = block.core.body
    if block.core.type is RecordType.EVIDENCE and isinstance(notice, EvidenceNotice):
        check_exhibit(files[0], notice, genesis)  # a seal names it, and nobody has signed that


def _check_seal(
    block: Block, value: Digest, known: Authority, leader: NodeId, verifier: Verifier
) -> None:
    for each in check_seal(block, value, known, leader):
        match each:
            case Violation():
                raise each
            case SignatureCheck():
                verifier.check_fields(each.node, each.label, each.fields, each.signature)


def _names(digests: Sequence[Digest]) -> str:
    return ", ".join(f"the file {digest.hex()}" for digest in digests) or "no file"
