"""What stands in a run instead of a file is an error at once: nothing waits or fills memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.digest import sha256
from ledger.audit import audit_run
from ledger.blobs import BlobStore
from ledger.errors import StoreError
from ledger.record import MAGIC, PAYLOAD_SIZE_MAX
from ledger.store import TornTail, read_records, segment_path
from tests.forge import Forge, model_bytes


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


KINDS: list[Callable[[Path], None]] = [pipe, endless, folder]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    forge = Forge()
    return forge.write(tmp_path / "run", forge.blocks())


@pytest.mark.parametrize("put", KINDS)
def test_no_segment(run: Path, put: Callable[[Path], None]) -> None:
    path = segment_path(run / "ledger" / "h1", 0)
    path.unlink()
    put(path)
    with pytest.raises(StoreError, match="cannot read"):
        audit_run(run)


@pytest.mark.parametrize("put", [pipe, endless])
def test_no_model(run: Path, put: Callable[[Path], None]) -> None:
    path = BlobStore(run / "blobs").path(sha256(model_bytes(1)))
    path.unlink()
    put(path)
    assert [each.code for each in audit_run(run).findings] == ["BLOB_UNREADABLE"]


@pytest.mark.parametrize("put", KINDS)
@pytest.mark.parametrize(
    ("name", "code"),
    [("ledger/h1/checkpoint", "CHECKPOINT_MALFORMED"), ("run.json", "SUMMARY_MALFORMED")],
)
def test_no_checkpoint_and_no_summary(
    run: Path, put: Callable[[Path], None], name: str, code: str
) -> None:
    put(run / name)
    assert [each.code for each in audit_run(run).findings] == [code]


def test_a_tail_full_of_beginnings_is_read_in_bounded_time(tmp_path: Path) -> None:
    """Every magic may be where the record should have ended; the bytes hashed have a limit."""
    directory = tmp_path / "l"
    directory.mkdir()
    beginning = MAGIC + PAYLOAD_SIZE_MAX.to_bytes(4, "little") + bytes(4)
    content = beginning + bytes(PAYLOAD_SIZE_MAX - 10_000) + MAGIC * 2000
    segment_path(directory, 0).write_bytes(content)
    (torn,) = read_records(directory)  # takes minutes if every magic is tried
    assert isinstance(torn, TornTail)
