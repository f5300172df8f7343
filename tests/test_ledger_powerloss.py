"""Loss of power: what was acknowledged is there after it, or the ledger refuses to be opened.

A record is acknowledged once it was flushed; then the next is written with one call. When the power
fails meanwhile, any part of that last write may be missing: the end of the file, or sectors of 512
bytes, which read as zeros. A disk that loses what it said to have is broken: that is refused, never
repaired. The records are those of a coalition, so that the audit can be asked as well.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ledger.store
from ledger.audit import Judgement, audit_run
from ledger.block import encode_block
from ledger.record import HEADER_SIZE, MAGIC, frame
from ledger.store import LedgerWriter, ReadError, StoredRecord, read_records, segment_path
from tests.corpus.attacks import Scene, staged
from tests.forge import Forge

SECTOR = 512
"""Bytes that a disk writes at once."""


@pytest.fixture(autouse=True)
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a write is made by the tests: the flushes would only cost time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    forge = Forge(count=2)
    return staged(tmp_path_factory.mktemp("run"), forge, forge.blocks())


@pytest.fixture(scope="module")
def payloads(scene: Scene) -> list[bytes]:
    """The last one is being written when the power fails."""
    return [encode_block(block) for block in scene.blocks]


def written(payloads: list[bytes]) -> bytes:
    return b"".join(map(frame, payloads))


def zeroed(data: bytes, sectors: set[int]) -> bytes:
    """The content with these sectors of it never written."""
    edited = bytearray(data)
    for sector in sectors:
        place = slice(sector * SECTOR, min((sector + 1) * SECTOR, len(data)))
        edited[place] = bytes(place.stop - place.start)
    return bytes(edited)


def check_opened(scene: Scene, left: bytes, acknowledged: list[bytes], flying: bytes) -> bool:
    """Open what is left of a ledger; whether it could be opened.

    Either exactly the acknowledged records are there, and perhaps the one that was being written,
    or nothing was touched.
    """
    scene.segment.write_bytes(left)
    judgement = audit_run(scene.run).judgement
    assert (judgement is Judgement.VALID) is (left == written([*acknowledged, flying]))
    try:
        with LedgerWriter(scene.segment.parent) as writer:
            count = writer.record_count
    except ReadError:
        assert judgement is Judgement.INVALID
        assert scene.segment.read_bytes() == left
        return False
    kept = [each.payload for each in read_records(scene.segment.parent)]  # type: ignore[union-attr]  # no torn tail is left
    assert kept in (acknowledged, [*acknowledged, flying])
    assert count == len(kept)
    assert scene.segment.read_bytes() == written(kept)
    assert judgement is not Judgement.INVALID
    return True


def losses(acknowledged: bytes, flying: bytes) -> Iterator[bytes]:
    """Every length, in steps, with every set of sectors that were not written."""
    whole = acknowledged + flying
    first = len(acknowledged) // SECTOR
    sizes = {len(whole), len(acknowledged), *range(len(acknowledged) + 1, len(whole), 37)}
    for size in sorted(sizes):
        for lost in product((False, True), repeat=-(-size // SECTOR) - first):
            sectors = {first + number for number, each in enumerate(lost) if each}
            left = zeroed(whole[:size], sectors)
            yield acknowledged + left[len(acknowledged) :]


def test_sectors_and_the_end_of_a_write_may_be_missing(scene: Scene, payloads: list[bytes]) -> None:
    *acknowledged, flying = payloads
    opened = [
        check_opened(scene, left, acknowledged, flying)
        for left in losses(written(acknowledged), frame(flying))
    ]
    assert any(opened)
    assert not all(opened)  # zeros are no beginning of a record


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_sectors_of_what_was_acknowledged_are_refused_and_not_repaired(
    scene: Scene, payloads: list[bytes], gone: int
) -> None:
    """A broken disk: cutting the ledger there would lose what was acknowledged."""
    whole = written(payloads)
    sectors = -(-len(whole) // SECTOR)
    for first in range(sectors - gone + 1):
        left = zeroed(whole, set(range(first, first + gone)))
        assert not check_opened(scene, left, payloads[:-1], payloads[-1]), first


def test_what_is_dropped_after_the_last_acknowledged_record_is_not_missed(
    scene: Scene, payloads: list[bytes]
) -> None:
    for count in range(1, len(payloads)):
        *acknowledged, flying = payloads[: count + 1]
        begun = written(acknowledged)
        for size in range(0, len(frame(flying)), 11):
            scene.segment.write_bytes(begun + frame(flying)[:size])
            with LedgerWriter(scene.segment.parent) as writer:
                assert writer.record_count == count
                assert (writer.torn is None) is (size == 0)
                writer.append(b"next")
            assert scene.segment.read_bytes() == begun + frame(b"next")


@settings(
    deadline=None,
    max_examples=150,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(MAGIC)
@example(MAGIC + bytes(8))
@example(MAGIC + b"\xff\xff\x00\x00" + bytes(60))
@example(frame(b"a record of somebody else")[:-1])
@given(
    st.binary(min_size=1, max_size=2 * SECTOR)
    | st.builds(lambda data: MAGIC + data, st.binary(max_size=100))
    | st.builds(
        lambda size, data: MAGIC + size.to_bytes(4, "little") + data,
        st.integers(1, 5000),
        st.binary(max_size=100),
    )
)
def test_garbage_in_the_tail_is_cut_off_or_refused_and_never_taken_for_a_record(
    scene: Scene, payloads: list[bytes], garbage: bytes
) -> None:
    *acknowledged, flying = payloads
    opened = check_opened(scene, written(acknowledged) + garbage, acknowledged, flying)
    if not MAGIC.startswith(garbage[: len(MAGIC)]):
        assert not opened


@pytest.mark.parametrize("left", [b"", MAGIC, frame(b"x" * 60)[: HEADER_SIZE + 3]])
def test_a_segment_that_was_begun_when_the_power_failed_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    monkeypatch.setattr(ledger.store, "SEGMENT_SIZE_MAX", 100)
    acknowledged = [bytes([number]) * 60 for number in range(3)]
    with LedgerWriter(tmp_path / "l") as writer:
        for payload in acknowledged:
            writer.append(payload)
    segment_path(tmp_path / "l", 3).write_bytes(left)
    with LedgerWriter(tmp_path / "l") as writer:
        assert writer.record_count == 3
        writer.append(b"next")
    found = [
        each.payload for each in read_records(tmp_path / "l") if isinstance(each, StoredRecord)
    ]
    assert found == [*acknowledged, b"next"]
    assert segment_path(tmp_path / "l", 3).read_bytes() == frame(b"next")
