"""The sign-state guard: whatever happens to the process or the disk, one statement, one signature.

``TCLEARN_KILLS=500 pytest tests/test_ledger_signstate.py -k killed`` is the long campaign.
"""

import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import ledger.journal
import ledger.signstate
from crypto.digest import Digest, sha256
from crypto.encoding import Value, encode
from ledger.errors import LedgerError, StoreError, Violation
from ledger.record import HEADER_SIZE, frame
from ledger.signstate import ConflictError, SignState, WitnessState

KILLS = int(os.environ.get("TCLEARN_KILLS", "15"))
SECTOR = 512
KINDS = ("proposal", "verdict", "vote", "update")


def fresh() -> bytes:
    """A signature that is never made twice, as ML-DSA's are."""
    return os.urandom(64)


def forbidden() -> bytes:
    raise AssertionError("asked to sign")


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """Failures are played here on the bytes of files; the programs that are killed do flush."""
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(os, "fsync", lambda _: None)
        quick.setattr(os, "fdatasync", lambda _: None)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "signstate"


def test_a_statement_is_signed_once_and_sent_again_as_it_was(path: Path) -> None:
    with SignState(path) as guard:
        first = guard.release(3, "vote", b"for a", fresh)
        assert guard.release(3, "vote", b"for a", forbidden) == first
    with SignState(path) as guard:
        assert guard.release(3, "vote", b"for a", forbidden) == first


def test_another_statement_of_the_kind_in_the_slot_is_refused(path: Path) -> None:
    with SignState(path) as guard:
        guard.release(3, "vote", b"for a", fresh)
        with pytest.raises(ConflictError, match="the vote that was signed in slot 3"):
            guard.release(3, "vote", b"for b", forbidden)
    with SignState(path) as guard, pytest.raises(ConflictError):
        guard.release(3, "vote", b"for b", forbidden)


def test_other_kinds_and_other_slots_are_free(path: Path) -> None:
    with SignState(path) as guard:
        released = {
            guard.release(slot, kind, b"x", fresh) for slot in range(1, 4) for kind in KINDS
        }
    assert len(released) == 3 * len(KINDS)


def test_a_conflict_leaves_the_guard_in_use(path: Path) -> None:
    with SignState(path) as guard:
        guard.release(1, "vote", b"a", fresh)
        with pytest.raises(ConflictError):
            guard.release(1, "vote", b"b", fresh)
        guard.release(2, "vote", b"b", fresh)


def test_a_forgotten_slot_is_never_signed_again(path: Path) -> None:
    with SignState(path) as guard:
        guard.release(1, "vote", b"a", fresh)
        guard.release(2, "vote", b"a", fresh)
        guard.forget_before(2)
        guard.forget_before(1)
        assert guard.floor == 2
    with SignState(path) as guard:
        assert guard.floor == 2
        for preimage in (b"a", b"b"):
            with pytest.raises(ConflictError, match="a slot of at least 2"):
                guard.release(1, "vote", preimage, forbidden)
        with pytest.raises(ConflictError):
            guard.release(2, "vote", b"b", forbidden)


def test_the_file_is_written_anew_when_most_of_it_is_stale(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.journal, "STALE_COUNT_MAX", 10)
    with SignState(path) as guard:
        sizes = []
        for slot in range(1, 200):
            last = guard.release(slot, "vote", b"a", fresh)
            guard.forget_before(slot)
            sizes.append(path.stat().st_size)
        assert max(sizes) < 3000
    with SignState(path) as guard:
        assert guard.floor == 199
        assert guard.release(199, "vote", b"a", forbidden) == last


def test_a_signature_is_on_the_disk_before_it_is_released(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(_: int) -> None:
        assert b"signed bytes" in path.read_bytes()
        order.append("flushed")

    def sign() -> bytes:
        order.append("signed")
        return b"signed bytes"

    with SignState(path) as guard:
        monkeypatch.setattr(os, "fdatasync", note)
        guard.release(1, "vote", b"a", sign)
        order.append("released")
    assert order == ["signed", "flushed", "released"]


def test_a_guard_that_need_not_last_flushes_no_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", lambda _: pytest.fail("flushed"))
    with SignState(path, durable=False) as guard:
        first = guard.release(1, "vote", b"a", fresh)
        guard.forget_before(1)
        assert guard.release(1, "vote", b"a", forbidden) == first


def test_there_is_one_guard_at_a_time(path: Path) -> None:
    with SignState(path), pytest.raises(StoreError, match="another process signs"):
        SignState(path)
    SignState(path).close()


def test_a_closed_guard_signs_nothing(path: Path) -> None:
    guard = SignState(path)
    guard.close()
    guard.close()
    for use in (
        lambda: guard.release(1, "vote", b"a", forbidden),
        lambda: guard.forget_before(5),
    ):
        with pytest.raises(StoreError, match="closed"):
            use()


@pytest.mark.parametrize(
    ("slot", "kind", "signature"),
    [(-1, "vote", b"s"), (2**63, "vote", b"s"), (1, "k" * 300, b"s"), (1, "vote", b"")],
)
def test_what_could_not_be_read_back_is_not_written(
    path: Path, slot: int, kind: str, signature: bytes
) -> None:
    with SignState(path) as guard:
        size = path.stat().st_size
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            guard.release(slot, kind, b"a", lambda: signature)
        assert path.stat().st_size == size
        guard.release(1, "vote", b"a", fresh)


def test_the_number_of_statements_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.signstate, "ENTRY_COUNT_MAX", 2)
    with SignState(path) as guard:
        for slot in (1, 2):
            guard.release(slot, "vote", b"a", fresh)
        with pytest.raises(StoreError, match="forget slots"):
            guard.release(3, "vote", b"a", forbidden)
        guard.forget_before(2)
        guard.release(3, "vote", b"a", fresh)


def test_a_signer_that_fails_leaves_nothing_behind(path: Path) -> None:
    def fail() -> bytes:
        raise OSError(5, "the token is gone")

    with SignState(path) as guard:
        with pytest.raises(OSError, match="the token is gone"):
            guard.release(1, "vote", b"a", fail)
        guard.release(1, "vote", b"b", fresh)


# The disk


def failing(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_full_disk_is_one_clear_error_and_releases_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    guard = SignState(path)
    kept = guard.release(1, "vote", b"a", fresh)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing)
        with pytest.raises(StoreError, match="No space left on device; no signature was released"):
            guard.release(2, "vote", b"a", fresh)
    with pytest.raises(StoreError, match="closed"):
        guard.release(2, "vote", b"a", forbidden)
    with SignState(path) as again:
        assert again.release(1, "vote", b"a", forbidden) == kept


def test_a_disk_that_fills_up_inside_a_record_leaves_a_tail_that_is_dropped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = SignState(path)
    kept = guard.release(1, "vote", b"a", fresh)
    whole = path.read_bytes()
    write = os.write
    room = [40]

    def short(descriptor: int, data: bytes) -> int:
        taken = min(room[0], len(data))
        room[0] -= taken
        return write(descriptor, data[:taken]) if taken else failing(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", short)
        with pytest.raises(StoreError, match="No space left"):
            guard.release(2, "vote", b"a", fresh)
    assert len(path.read_bytes()) == len(whole) + 40
    with SignState(path) as again:
        assert again.release(1, "vote", b"a", forbidden) == kept
        again.release(2, "vote", b"b", fresh)


def test_a_full_disk_while_the_file_is_written_anew_leaves_the_old_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.journal, "STALE_COUNT_MAX", 0)
    guard = SignState(path)
    kept = guard.release(7, "vote", b"a", fresh)
    with monkeypatch.context() as broken:
        broken.setattr(ledger.journal, "replace_file", failing)
        with pytest.raises(StoreError, match="No space left"):
            guard.forget_before(7)
        with pytest.raises(StoreError, match="closed"):
            guard.release(8, "vote", b"a", forbidden)
        with pytest.raises(StoreError, match="No space left"):
            SignState(path)
    with SignState(path) as again:
        assert again.floor == 7
        assert again.release(7, "vote", b"a", forbidden) == kept


def test_an_interrupt_while_writing_closes_the_guard(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the disk and the memory must not lead to a second signature."""

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    guard = SignState(path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            guard.release(1, "vote", b"a", fresh)
    with pytest.raises(StoreError, match="closed"):
        guard.release(1, "vote", b"b", forbidden)
    with SignState(path) as again, pytest.raises(ConflictError):
        again.release(1, "vote", b"b", forbidden)


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot use the guard"):
        SignState(tmp_path / "file" / "signstate")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="cannot use the guard"):
        SignState(tmp_path / "folder")


# What a crash leaves, and what it does not


def written(path: Path, count: int, signature_size: int = 64) -> tuple[list[bytes], list[int]]:
    """Signatures of slots 1 to count, and the offset at which each record ends."""
    signatures, ends = [], []
    with SignState(path) as guard:
        ends.append(path.stat().st_size)
        for slot in range(1, count + 1):
            made = os.urandom(signature_size)
            signatures.append(guard.release(slot, "vote", b"a", lambda: made))  # noqa: B023 (called at once)
            ends.append(path.stat().st_size)
    return signatures, ends


def never_twice(path: Path, signatures: list[bytes], released: int) -> bool:
    """Whether the guard opens; if it does, nothing that was released is signed another way."""
    try:
        guard = SignState(path)
    except StoreError:
        return False
    with guard:
        for slot, signature in enumerate(signatures[:released], start=1):
            assert guard.release(slot, "vote", b"a", forbidden) == signature
            with pytest.raises(ConflictError):
                guard.release(slot, "vote", b"b", forbidden)
    return True


def test_a_cut_inside_the_last_record_drops_that_record_only(path: Path) -> None:
    signatures, ends = written(path, 3)
    whole = path.read_bytes()
    for size in range(ends[2], ends[3]):
        path.write_bytes(whole[:size])
        assert never_twice(path, signatures, released=2), size
        with SignState(path) as guard:
            guard.release(3, "vote", b"b", fresh)


def test_what_was_written_as_a_whole_cannot_be_cut(path: Path) -> None:
    signatures, _ = written(path, 3)
    SignState(path).close()
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert not never_twice(path, signatures, released=3), size
    path.write_bytes(whole)
    assert never_twice(path, signatures, released=3)


def test_no_changed_byte_leads_to_a_second_signature(path: Path) -> None:
    signatures, _ = written(path, 2, signature_size=16)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[offset] ^= 1 << bit
            path.write_bytes(changed)
            assert not never_twice(path, signatures, released=2), (offset, bit)
            assert path.read_bytes() == changed


@pytest.mark.parametrize("signature_size", [64, 3309])
def test_no_zeroed_sector_leads_to_a_second_signature(path: Path, signature_size: int) -> None:
    signatures, _ = written(path, 12, signature_size)
    whole = path.read_bytes()
    for start in range(0, len(whole), SECTOR):
        changed = bytearray(whole)
        changed[start : start + SECTOR] = bytes(len(changed[start : start + SECTOR]))
        path.write_bytes(changed)
        assert not never_twice(path, signatures, released=12), start


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_zeroed_sectors_with_a_lost_tail_lead_to_a_second_signature(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A power failure in the middle of the fourth record: some sectors of it came, some did not."""
    path = tmp_path_factory.mktemp("power") / "signstate"
    signatures, ends = written(path, 4, signature_size=data.draw(st.sampled_from([64, 900, 3309])))
    torn = bytearray(path.read_bytes()[: data.draw(st.integers(ends[3], ends[4]))])
    for start in range(ends[3], len(torn), SECTOR):
        if data.draw(st.booleans()):
            end = min(start - start % SECTOR + SECTOR, len(torn))
            torn[start:end] = bytes(end - start)
    path.write_bytes(torn)
    never_twice(path, signatures, released=3)


def test_a_power_failure_before_the_flush_loses_only_what_was_not_released(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every length that the file may have between the last flush and the write that failed."""
    flushed: list[int] = []
    released: list[bytes] = []

    def power_fails(_: int) -> None:
        if len(released) == 4:
            raise KeyboardInterrupt
        flushed.append(path.stat().st_size)

    guard = SignState(path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", power_fails)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (at which slot is the point)
            for slot in range(1, 10):
                released += [guard.release(slot, "vote", b"a", fresh)]
    written_bytes = path.read_bytes()
    for size in range(flushed[-1], len(written_bytes) + 1):
        path.write_bytes(written_bytes[:size])
        assert never_twice(path, released, released=4)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([], "BAD_COUNT"),
        (["text"], "BAD_SCHEMA"),
        ([{"format": "tclearn/witness/v1", "count": 1}], "BAD_FORMAT"),
        ([{"format": "tclearn/signstate/v1", "count": 0}], "BAD_SCHEMA"),
        ([{"format": "tclearn/signstate/v1", "count": 2}], "BAD_COUNT"),
        (
            [{"format": "tclearn/signstate/v1", "count": 1}, {"floor": 4}, {"floor": 3}],
            "BAD_SCHEMA",
        ),
        ([{"format": "tclearn/signstate/v1", "count": 1}, {"floor": True}], "BAD_SCHEMA"),
        ([{"format": "tclearn/signstate/v1", "count": 1}, {"slot": 1}], "BAD_SCHEMA"),
    ],
)
def test_records_that_no_guard_wrote_are_refused(
    path: Path, content: list[Value], code: str
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"".join(frame(encode(each)) for each in content))
    with pytest.raises(StoreError, match=f"damaged at byte .*{code}.*nothing may be signed"):
        SignState(path)


def test_a_second_signature_in_the_file_is_refused(path: Path) -> None:
    """As two guards would have written it that did not know of each other."""
    with SignState(path) as guard:
        size = path.stat().st_size
        guard.release(1, "vote", b"a", fresh)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[size:])
    with pytest.raises(StoreError, match="SIGNED_TWICE: expected one vote in slot 1"):
        SignState(path)
    path.write_bytes(whole + frame(encode({"floor": 2})) + whole[size:])
    with pytest.raises(StoreError, match="BAD_SCHEMA: expected an integer of 2"):
        SignState(path)


def test_bytes_that_are_no_record_are_refused(path: Path) -> None:
    written(path, 1)
    whole = path.read_bytes()
    large = frame(bytes(ledger.journal.ENTRY_SIZE_MAX + 1))
    for tail, code in (
        (b"TCx", "BAD_MAGIC"),
        (bytes(HEADER_SIZE), "BAD_MAGIC"),
        (large, "BAD_LENGTH"),
        (frame(b"\x18\x01"), "BAD_ENCODING"),
    ):
        path.write_bytes(whole + tail)
        with pytest.raises(StoreError, match=f"byte {len(whole)}: {code}"):
            SignState(path)


def test_a_file_that_is_too_large_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, 5)
    monkeypatch.setattr(ledger.journal, "FILE_SIZE_MAX", 100)
    with pytest.raises(StoreError, match="a file of at most 100 bytes"):
        SignState(path)


@given(st.binary(max_size=200))
def test_random_bytes_are_never_anything_but_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("random") / "signstate"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged at byte"):
        SignState(path)


class GuardMachine(RuleBasedStateMachine):
    """A guard that is opened, closed and cut at chance moments, against a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = _folder()
        self.path = next(self.folder) / "signstate"
        self.guard = SignState(self.path, durable=False)
        self.released: dict[tuple[int, str], tuple[bytes, bytes]] = {}
        self.floor = 0

    @rule(slot=st.integers(0, 12), kind=st.sampled_from(KINDS), preimage=st.sampled_from(b"abc"))
    def release(self, slot: int, kind: str, preimage: int) -> None:
        said = bytes([preimage])
        known = self.released.get((slot, kind))
        if slot < self.floor or (known is not None and known[0] != said):
            with pytest.raises(ConflictError):
                self.guard.release(slot, kind, said, forbidden)
        else:
            sign: Callable[[], bytes] = fresh if known is None else forbidden
            signature = self.guard.release(slot, kind, said, sign)
            assert self.released.setdefault((slot, kind), (said, signature)) == (said, signature)

    @rule(slot=st.integers(0, 6))
    def forget(self, slot: int) -> None:
        self.guard.forget_before(slot)
        self.floor = max(self.floor, slot)

    @rule(tail=st.integers(0, HEADER_SIZE + 4))
    def reopen_with_a_torn_tail(self, tail: int) -> None:
        self.guard.close()
        torn = frame(encode({"floor": 10**9}))[:tail]
        self.path.write_bytes(self.path.read_bytes() + torn)
        self.guard = SignState(self.path, durable=False)

    @invariant()
    def the_floor_is_known(self) -> None:
        assert self.guard.floor == self.floor

    def teardown(self) -> None:
        self.guard.close()
        next(self.folder, None)


def _folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


TestGuardMachine = GuardMachine.TestCase
TestGuardMachine.settings = settings(deadline=None, max_examples=25, stateful_step_count=30)


# kill -9

PROGRAM = textwrap.dedent(
    """
    import itertools, os, sys
    from pathlib import Path
    import ledger.journal
    from ledger.signstate import SignState

    ledger.journal.STALE_COUNT_MAX = 20  # so that kills fall into the rewriting, too
    guard = SignState(Path(sys.argv[1]))
    print("open", flush=True)
    for slot in itertools.count(guard.floor):
        for kind in ("proposal", "verdict", "vote"):
            signature = guard.release(slot, kind, f"{kind} {slot}".encode(), lambda: os.urandom(64))
            print(slot, kind, signature.hex(), flush=True)
        guard.forget_before(max(slot - 4, 0))
    """
)


def acknowledged_until_killed(path: Path, count: int) -> list[tuple[int, str, bytes]]:
    """What the program said it released; it is killed once it said that ``count`` times."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    with process.stdout:
        for line in process.stdout:
            lines.append(line)
            if len(lines) == 1 + count:
                process.kill()
    assert process.wait() == -9, lines[-1:]
    released = []
    for line in lines[1:]:
        if line.endswith("\n"):  # the last line may be cut by the kill
            slot, kind, signature = line.split()
            released.append((int(slot), kind, bytes.fromhex(signature)))
    return released


def test_a_killed_node_loses_no_released_signature_and_signs_nothing_twice(path: Path) -> None:
    chance = random.Random(2017)
    released: dict[tuple[int, str], bytes] = {}
    for _ in range(KILLS):
        for slot, kind, signature in acknowledged_until_killed(path, chance.randrange(90)):
            assert released.setdefault((slot, kind), signature) == signature
        with SignState(path) as guard:
            for (slot, kind), signature in released.items():
                if slot >= guard.floor:
                    said = f"{kind} {slot}".encode()
                    assert guard.release(slot, kind, said, forbidden) == signature
                with pytest.raises(ConflictError):
                    guard.release(slot, kind, b"another", forbidden)
    assert len(released) > 10 * KILLS


# Witnesses

ROOT, OTHER = sha256(b"root"), sha256(b"other")


def test_a_witness_follows_a_log_that_grows(path: Path) -> None:
    with WitnessState(path) as witness:
        assert witness.latest("log") is None
        witness.advance("log", 0, OTHER)
        witness.advance("log", 5, ROOT)
        witness.advance("log", 5, ROOT)
        witness.advance("another log", 2, ROOT)
    with WitnessState(path) as witness:
        assert witness.latest("log") == (5, ROOT)
        assert witness.latest("another log") == (2, ROOT)
        witness.advance("log", 6, OTHER)


@pytest.mark.parametrize(("size", "root"), [(4, ROOT), (4, OTHER), (5, OTHER), (0, ROOT)])
def test_a_witness_refuses_a_log_that_shrinks_or_splits(
    path: Path, size: int, root: Digest
) -> None:
    with WitnessState(path) as witness:
        witness.advance("log", 5, ROOT)
        with pytest.raises(ConflictError, match="expected more than 5 entries of log"):
            witness.advance("log", size, root)
    with WitnessState(path) as witness:
        with pytest.raises(ConflictError):
            witness.advance("log", size, root)
        assert witness.latest("log") == (5, ROOT)


def test_a_witness_notes_a_checkpoint_on_the_disk_before_it_answers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = WitnessState(path)
    witness.advance("log", 5, ROOT)
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing)
        with pytest.raises(StoreError, match="No space left"):
            witness.advance("log", 6, ROOT)
    with pytest.raises(StoreError, match="closed"):
        witness.advance("log", 6, OTHER)
    with WitnessState(path) as again:
        assert again.latest("log") == (5, ROOT)


def test_the_file_of_a_witness_stays_small(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.journal, "STALE_COUNT_MAX", 10)
    with WitnessState(path) as witness:
        for size in range(200):
            witness.advance("log", size, ROOT)
            assert path.stat().st_size < 2000
        assert witness.latest("log") == (199, ROOT)


def test_the_number_of_logs_and_their_names_are_limited(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.signstate, "ENTRY_COUNT_MAX", 1)
    with WitnessState(path) as witness:
        for origin, size, root in (("o" * 300, 1, ROOT), ("o", -1, ROOT), ("o", 1, Digest(b""))):
            with pytest.raises(Violation, match="BAD_SCHEMA"):
                witness.advance(origin, size, root)
        witness.advance("log", 1, ROOT)
        with pytest.raises(StoreError, match="holds 1 entries"):
            witness.advance("another", 1, ROOT)


def test_a_witness_does_not_read_what_contradicts_itself(path: Path) -> None:
    with WitnessState(path) as witness:
        size = path.stat().st_size
        witness.advance("log", 5, ROOT)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[size:])
    with pytest.raises(StoreError, match="SIGNED_TWICE: expected more than 5 entries of log"):
        WitnessState(path)


def test_the_two_guards_do_not_read_each_other(path: Path) -> None:
    WitnessState(path).close()
    with pytest.raises(LedgerError, match="BAD_FORMAT"):
        SignState(path)
