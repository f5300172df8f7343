"""Every single bit of a ledger, and every length: none can change without the audit saying where.

Each byte after the genesis is changed as it is, which the checksum shows, and with the checksum
made to fit, which only the chain and the signatures show; the genesis is sampled. The normal suite
takes one bit of a byte, and other ones than `tests.test_ledger_audit`; with the environment
variable TCLEARN_CAMPAIGN=1 all eight bits of all bytes are taken, which lasts some minutes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.audit import AuditOptions, AuditReport, Judgement, Level, audit_run
from ledger.block import Block, encode_block
from ledger.record import HEADER_SIZE, frame
from ledger.store import segment_path
from tests.corpus.attacks import Scene, anchored, staged
from tests.forge import Forge

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
GENESIS_STEP = 1 if CAMPAIGN else 16
"""One byte of so many of the genesis is changed."""
CUT_STEP = 1 if CAMPAIGN else 3
"""One length of so many is taken."""


@pytest.fixture(scope="module")
def forge() -> Forge:
    """One hospital that trusts itself: the shortest chain with all kinds of signatures."""
    return Forge(count=1, round_count=1)


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> tuple[Block, ...]:
    return tuple(forge.blocks())


def masks(offset: int) -> list[int]:
    """The bits of a byte that are changed, one after another."""
    return [1 << bit for bit in range(8)] if CAMPAIGN else [1 << (5 * offset + 3) % 8]


def changed(data: bytes, offset: int, mask: int) -> bytes:
    edited = bytearray(data)
    edited[offset] ^= mask
    return bytes(edited)


def places(blocks: tuple[Block, ...], *, header: int) -> Iterator[tuple[int, int]]:
    """Height and offset of each byte to change, with so many bytes before each payload."""
    for height, block in enumerate(blocks):
        step = 1 if height else GENESIS_STEP
        for offset in range(0, header + len(encode_block(block)), step):
            yield height, offset


def check_located(report: AuditReport, heights: tuple[int, ...], level: str) -> None:
    """The run is invalid, and the first finding stands where the change was made."""
    assert report.judgement is Judgement.INVALID
    first = report.findings[0]
    assert (first.node, first.file) == ("h1", "ledger/h1/00000000.seg")
    assert first.height in heights
    assert (first.level == "L0") is (level == "L0")
    assert first.expected != first.found
    assert not any(each.culprits for each in report.findings)


def test_every_bit_is_found_by_the_checksum(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    records = [frame(encode_block(block)) for block in blocks]
    for number, (height, offset) in enumerate(places(blocks, header=HEADER_SIZE)):
        for mask in masks(offset):
            edited = [*records]
            edited[height] = changed(records[height], offset, mask)
            scene.segment.write_bytes(b"".join(edited))
            # What is not framed is read by no level: the higher ones are tried now and then.
            level = Level.L3 if number % 16 == 0 else Level.L0
            report = audit_run(scene.run, AuditOptions(level=level))
            check_located(report, (height,), "L0")
            (finding,) = report.findings
            assert finding.code in ("BAD_MAGIC", "BAD_LENGTH", "BAD_CRC"), (height, offset, mask)
            assert finding.offset == sum(map(len, records[:height]))


def test_every_bit_is_found_when_the_checksum_is_made_to_fit(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    payloads = [encode_block(block) for block in blocks]
    for height, offset in places(blocks, header=0):
        for mask in masks(offset):
            edited = [*payloads]
            edited[height] = changed(payloads[height], offset, mask)
            scene.put_payloads(edited)
            # A change that keeps the form breaks the link of the record after it.
            check_located(audit_run(scene.run), (height, height + 1), "above")


def test_no_length_but_the_whole_one_matches_an_anchor(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    whole = scene.segment.read_bytes()
    cosigners = Forge(count=3)
    kept = AuditOptions(level=Level.L1, anchor=anchored(cosigners, blocks))
    genesis = len(frame(encode_block(blocks[0])))
    assert audit_run(scene.run, kept).judgement is Judgement.VALID
    for size in [*range(0, genesis, 50 * CUT_STEP), *range(genesis, len(whole), CUT_STEP)]:
        scene.segment.write_bytes(whole[:size])
        (finding,) = audit_run(scene.run, kept).findings
        assert (finding.code, finding.node) == ("ROLLED_BACK", "h1"), size


def test_no_length_of_a_segment_before_the_last_but_the_whole_one_is_read(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    """Only the last segment may be torn; a cut between records breaks the chain."""
    scene: Scene = staged(tmp_path, forge, blocks)
    first, last = (b"".join(frame(encode_block(each)) for each in part) for part in _halves(blocks))
    segment_path(scene.segment.parent, 1).write_bytes(last)
    genesis = len(frame(encode_block(blocks[0])))
    for size in range(0, len(first), 50 * CUT_STEP):
        scene.segment.write_bytes(first[:size])
        (finding,) = audit_run(scene.run, AuditOptions(level=Level.L1)).findings
        if size in (0, genesis):
            assert finding.code in ("BAD_GENESIS", "BAD_HEIGHT"), size
        else:
            assert (finding.code, finding.height) == ("BAD_LENGTH", int(size > genesis)), size
    scene.segment.write_bytes(first)
    assert audit_run(scene.run).judgement is Judgement.VALID


def _halves(blocks: tuple[Block, ...]) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    return blocks[:2], blocks[2:]
