"""Segments and blobs: what is written is there, what is torn is cut, what is wrong is named."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger.store
from crypto.digest import sha256
from ledger.blobs import BlobStore, named_digest
from ledger.durability import replace_file
from ledger.errors import BlobError, StoreError, Violation
from ledger.record import HEADER_SIZE, MAGIC, PAYLOAD_SIZE_MAX, check_payload, frame, read_header
from ledger.store import (
    LedgerWriter,
    ReadError,
    StoredRecord,
    TornTail,
    read_records,
    segment_path,
)

PAYLOADS = [b"first", b"second" * 50, MAGIC + b"inside", b"x"]


def write(directory: Path, payloads: list[bytes]) -> Path:
    with LedgerWriter(directory) as writer:
        for payload in payloads:
            writer.append(payload)
    return segment_path(directory, 0)


def payloads(directory: Path) -> list[bytes]:
    return [each.payload for each in read_records(directory) if isinstance(each, StoredRecord)]


@given(st.binary(min_size=1, max_size=300))
def test_a_frame_reads_back(payload: bytes) -> None:
    record = frame(payload)
    length, crc = read_header(record[:HEADER_SIZE])
    assert length == len(payload)
    check_payload(record[HEADER_SIZE:], crc)


@pytest.mark.parametrize("size", [0, PAYLOAD_SIZE_MAX + 1])
def test_a_payload_has_a_least_and_a_largest_size(size: int) -> None:
    with pytest.raises(Violation, match="BAD_LENGTH"):
        frame(bytes(size))


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    write(tmp_path / "l", PAYLOADS)
    assert payloads(tmp_path / "l") == PAYLOADS


def test_a_ledger_is_carried_on_after_it_was_closed(tmp_path: Path) -> None:
    write(tmp_path / "l", PAYLOADS[:2])
    with LedgerWriter(tmp_path / "l") as writer:
        assert writer.record_count == 2
        writer.append(PAYLOADS[2])
    assert payloads(tmp_path / "l") == PAYLOADS[:3]


def test_segments_roll_and_are_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.store, "SEGMENT_SIZE_MAX", 100)
    many = [bytes([number]) * 40 for number in range(9)]
    write(tmp_path / "l", many)
    assert segment_path(tmp_path / "l", 4).exists()
    assert payloads(tmp_path / "l") == many
    with LedgerWriter(tmp_path / "l") as writer:
        writer.append(b"more")
    assert payloads(tmp_path / "l") == [*many, b"more"]


def test_a_missing_segment_and_a_stray_file_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.store, "SEGMENT_SIZE_MAX", 100)
    write(tmp_path / "l", [bytes(60)] * 3)
    (tmp_path / "l" / "notes.txt").write_text("mine")
    with pytest.raises(ReadError, match="STRAY_FILE"):
        payloads(tmp_path / "l")
    (tmp_path / "l" / "notes.txt").unlink()
    segment_path(tmp_path / "l", 1).unlink()
    with pytest.raises(ReadError, match="SEGMENT_GAP"):
        payloads(tmp_path / "l")


def test_a_cut_at_any_offset_is_a_torn_tail_and_whole_records_before_it_stay(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "l", PAYLOADS)
    whole = path.read_bytes()
    ends = [0]
    for payload in PAYLOADS:
        ends.append(ends[-1] + HEADER_SIZE + len(payload))
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = list(read_records(tmp_path / "l"))
        count = sum(end <= size for end in ends[1:])
        kept = [each.payload for each in found if isinstance(each, StoredRecord)]
        assert kept == PAYLOADS[:count]
        if size in ends:
            assert len(found) == count
        else:
            assert found[-1] == TornTail(path, ends[count], size - ends[count])


def test_opening_cuts_a_torn_tail_off_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "l", PAYLOADS[:2])
    whole = path.read_bytes()
    path.write_bytes(whole + frame(b"never finished")[:-3])
    with LedgerWriter(tmp_path / "l") as writer:
        assert writer.torn is not None
        assert writer.torn.offset == len(whole)
        writer.append(PAYLOADS[2])
    assert payloads(tmp_path / "l") == PAYLOADS[:3]


def test_no_changed_byte_is_taken_for_a_torn_tail_before_the_last_record(tmp_path: Path) -> None:
    """A damaged length must not make the writer cut off the intact records behind it."""
    path = write(tmp_path / "l", PAYLOADS)
    whole = path.read_bytes()
    last = len(whole) - HEADER_SIZE - len(PAYLOADS[-1])
    for offset in range(last):
        for bit in range(8):
            changed = bytearray(whole)
            changed[offset] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(ReadError):
                list(read_records(tmp_path / "l"))


def test_a_damaged_length_of_the_last_record_is_no_torn_tail(tmp_path: Path) -> None:
    path = write(tmp_path / "l", PAYLOADS[:1])
    whole = bytearray(path.read_bytes())
    whole[len(MAGIC)] ^= 0x40
    path.write_bytes(whole)
    with pytest.raises(ReadError, match="payload of 5 bytes"):
        list(read_records(tmp_path / "l"))
    with pytest.raises(ReadError):
        LedgerWriter(tmp_path / "l")
    assert path.read_bytes() == whole


def test_a_torn_record_in_an_earlier_segment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.store, "SEGMENT_SIZE_MAX", 100)
    path = write(tmp_path / "l", [bytes(60)] * 3)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReadError, match="not the last"):
        list(read_records(tmp_path / "l"))


def test_there_is_one_writer(tmp_path: Path) -> None:
    with (
        LedgerWriter(tmp_path / "l"),
        pytest.raises(StoreError, match="another process writes"),
    ):
        LedgerWriter(tmp_path / "l")
    LedgerWriter(tmp_path / "l").close()


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "l")
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.append(b"late")


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the ledger"):
        LedgerWriter(tmp_path / "file" / "l")


def test_a_failed_flush_closes_the_writer_and_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LedgerWriter(tmp_path / "l")
    writer.append(PAYLOADS[0])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(StoreError, match="No space left"):
            writer.append(PAYLOADS[1])
    with pytest.raises(StoreError, match="closed"):
        writer.append(PAYLOADS[1])
    with LedgerWriter(tmp_path / "l") as again:
        assert again.record_count in (1, 2)
    assert payloads(tmp_path / "l")[0] == PAYLOADS[0]


KILL_COUNT = int(os.environ.get("TCLEARN_KILLS", "5"))


@pytest.mark.parametrize("attempt", range(KILL_COUNT))
def test_a_killed_writer_loses_no_acknowledged_record(tmp_path: Path, attempt: int) -> None:
    """kill -9 at a moment of chance; what was printed as written must be there."""
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from ledger.store import LedgerWriter
        writer = LedgerWriter(Path(sys.argv[1]))
        for number in range(10**6):
            writer.append(str(number).encode() * 100)
            print(number, flush=True)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "l")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 5 + 7 * attempt % 60:
            process.kill()
            break
    acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.strip())])
    process.stdout.close()
    process.wait()
    with LedgerWriter(tmp_path / "l") as writer:
        assert writer.record_count > acknowledged
    assert payloads(tmp_path / "l")[acknowledged] == str(acknowledged).encode() * 100


def test_a_blob_is_named_by_its_content_and_read_only(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    name = store.put(b"weights")
    assert store.put(b"weights") == name == sha256(b"weights")
    assert store.get(name) == b"weights"
    assert store.path(name).stat().st_mode & 0o777 == 0o444
    assert [named_digest(path) for path in store.files()] == [name]


def test_a_changed_or_missing_blob_is_an_error_at_every_read(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    name = store.put(b"weights")
    store.path(name).chmod(0o644)
    store.path(name).write_bytes(b"Weights")
    with pytest.raises(BlobError, match=f"expected content of digest {name.hex()}"):
        store.get(name)
    store.path(name).unlink()
    with pytest.raises(BlobError, match="cannot read the blob"):
        store.get(name)


def test_a_blob_store_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "sha256").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the blob"):
        BlobStore(tmp_path).put(b"weights")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
