"""The Merkle log over records: its heads, its proofs, and proofs that stand alone in a file."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import Digest, sha256
from crypto.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from crypto.signature import Algorithm, private_key
from ledger.checkpoint import (
    Checkpoint,
    CheckpointError,
    Cosignature,
    Note,
    VerifierKey,
    cosign,
    cosigner_name,
    log_origin,
)
from ledger.errors import StoreError
from ledger.genesis import Genesis
from ledger.log import (
    EXTRA_SIZE_MAX,
    HASHES_MAX,
    PROOF_SIZE_MAX,
    InclusionProof,
    ProofError,
    ProofFile,
    consistency,
    format_proof,
    head,
    inclusion,
    leaf_hashes,
    parse_proof,
    proof_file,
    verify_proof,
)
from ledger.policy import Policy, Witness, default_policy
from ledger.record import frame
from ledger.store import LedgerWriter, ReadError, segment_path

from .forge import Forge

SIZE_MAX = 40
PAYLOADS = [b"record %d" % number for number in range(SIZE_MAX)]
LEAVES = [leaf_hash(payload) for payload in PAYLOADS]
ORIGIN = log_origin(sha256(b"chain"), "h1")
KEY = private_key(Algorithm.ML_DSA_44, sha256(b"w"))
POLICY = Policy((), (Witness("w", VerifierKey("w.example", KEY.public_key)),), (), "w")
SIZES = st.integers(1, SIZE_MAX)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "h1"
    with LedgerWriter(path) as writer:
        for payload in PAYLOADS:
            writer.append(payload)
    return path


def noted(checkpoint: Checkpoint) -> Note:
    return Note(checkpoint, (cosign(KEY, "w.example", checkpoint, 1),))


def sound(height: int = 4, size: int = 11) -> ProofFile:
    """A proof over the payloads, with the extra data that nothing vouches for."""
    note = noted(Checkpoint(ORIGIN, size, merkle_root(LEAVES[:size])))
    proof = inclusion_proof(LEAVES[:size], height)
    return ProofFile(height, proof, note, b"extra")


def test_a_leaf_is_the_hash_of_the_bytes_of_a_record(directory: Path) -> None:
    assert leaf_hashes(directory) == LEAVES
    assert leaf_hashes(directory, 3) == [sha256(b"\0" + payload) for payload in PAYLOADS[:3]]
    assert leaf_hashes(directory, 0) == []


def test_the_head_is_the_root_at_every_size(directory: Path) -> None:
    for size in range(SIZE_MAX + 1):
        assert head(directory, ORIGIN, size) == Checkpoint(ORIGIN, size, merkle_root(LEAVES[:size]))
    assert head(directory, ORIGIN) == head(directory, ORIGIN, SIZE_MAX)
    assert head(directory, ORIGIN, 0).root == EMPTY_ROOT


def test_every_record_is_included_at_every_size(directory: Path) -> None:
    for size in range(1, SIZE_MAX + 1):
        root = merkle_root(LEAVES[:size])
        for height in {0, size // 3, size // 2, size - 1}:
            found = inclusion(directory, height, size)
            expected = inclusion_proof(LEAVES[:size], height)
            assert found == InclusionProof(height, size, LEAVES[height], expected)
            verify_inclusion(found.leaf, found.height, found.size, found.proof, root)
    for height in range(SIZE_MAX):
        assert inclusion(directory, height).proof == inclusion_proof(LEAVES, height)


def test_every_size_is_consistent_with_every_later_one(directory: Path) -> None:
    for size2 in range(1, SIZE_MAX + 1):
        root2 = merkle_root(LEAVES[:size2])
        for size1 in {1, size2 // 3 or 1, size2 // 2 or 1, size2}:
            proof = consistency(directory, size1, size2)
            assert proof == consistency_proof(LEAVES[:size2], size1)
            verify_consistency(size1, size2, proof, merkle_root(LEAVES[:size1]), root2)


def test_there_is_no_proof_of_what_is_not_there(directory: Path) -> None:
    for height, size in ((SIZE_MAX, None), (5, 5), (-1, None), (0, 0)):
        with pytest.raises(ProofError, match=r"expected the height of a record of .*, found "):
            inclusion(directory, height, size)
    for size1, size2 in ((0, 5), (6, 5), (-1, 5)):
        with pytest.raises(ProofError, match="expected 0 < size1 <= size2, found size1"):
            consistency(directory, size1, size2)
    for absent in (SIZE_MAX + 1, -1):
        with pytest.raises(StoreError, match=rf"expected {absent} records in .*, found \d+"):
            inclusion(directory, 0, absent)
    with pytest.raises(StoreError, match=f"expected {SIZE_MAX + 1} records"):
        consistency(directory, 1, SIZE_MAX + 1)


def test_an_unfinished_record_is_no_leaf_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    with LedgerWriter(tmp_path / "l") as writer:
        for payload in PAYLOADS[:3]:
            writer.append(payload)
    path = segment_path(tmp_path / "l", 0)
    whole = path.read_bytes()
    path.write_bytes(whole + frame(b"unfinished")[:-1])
    assert head(tmp_path / "l", ORIGIN).root == merkle_root(LEAVES[:3])
    path.write_bytes(whole.replace(b"record 1", b"record 9"))
    with pytest.raises(ReadError, match="BAD_CRC"):
        leaf_hashes(tmp_path / "l")
    assert leaf_hashes(tmp_path / "l", 1) == LEAVES[:1]


def test_a_record_of_a_coalition_is_checked_against_a_checkpoint_alone(tmp_path: Path) -> None:
    forge = Forge()
    blocks = forge.blocks()
    run = forge.write(tmp_path, blocks)
    genesis = blocks[0].core.body
    assert isinstance(genesis, Genesis)
    origin = log_origin(blocks[1].core.chain, "h1")
    checkpoint = head(run / "ledger" / "h1", origin)
    note = Note(
        checkpoint,
        tuple(
            cosign(forge.witness_keys[node], cosigner_name(node), checkpoint, 60)
            for node in forge.nodes[:3]
        ),
    )
    payload = (run / "ledger" / "h1" / "00000000.seg").read_bytes()[12:]
    payload = payload[: payload.index(b"TCL1")]
    data = format_proof(proof_file(inclusion(run / "ledger" / "h1", 0), note))
    verify_proof(parse_proof(data), payload, origin, default_policy(genesis))
    with pytest.raises(ProofError, match="expected the record with leaf hash"):
        verify_proof(parse_proof(data), payload + b"\0", origin, default_policy(genesis))


def test_a_proof_file_has_the_bytes_that_the_specification_says() -> None:
    file = sound()
    hashes = "".join(f"{b64encode(each).decode()}\n" for each in file.proof)
    line = file.note.cosignatures[0]
    signature = b64encode(line.key_id + line.body).decode()
    assert format_proof(file).decode() == (
        f"c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 4\n{hashes}\n"
        f"{ORIGIN}\n11\n{b64encode(file.note.checkpoint.root).decode()}\n\n"
        f"\u2014 w.example {signature}\n"
    )


def test_the_extra_line_and_the_hashes_may_be_missing() -> None:
    file = replace(sound(0, 1), extra=b"")
    assert file.proof == ()
    assert format_proof(file).startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + ORIGIN.encode())
    assert parse_proof(format_proof(file)) == file
    verify_proof(file, PAYLOADS[0], ORIGIN, POLICY)


def test_every_record_is_proven_to_whoever_trusts_the_witness() -> None:
    for height in range(11):
        file = parse_proof(format_proof(sound(height)))
        verify_proof(file, PAYLOADS[height], ORIGIN, POLICY)


def resigned(file: ProofFile, **changes: object) -> ProofFile:
    """The proof with another checkpoint that the witness signed too."""
    checkpoint = replace(file.note.checkpoint, **changes)  # type: ignore[arg-type]  # case tables
    return replace(file, note=noted(checkpoint))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: replace(f, index=5), "the record with leaf hash"),
        (lambda f: replace(f, index=11), "the record with leaf hash"),
        (lambda f: replace(f, proof=f.proof[:-1]), "the record with leaf hash"),
        (lambda f: replace(f, proof=(*f.proof, f.proof[0])), "the record with leaf hash"),
        (lambda f: replace(f, proof=f.proof[::-1]), "the record with leaf hash"),
        (lambda f: replace(f, proof=()), "the record with leaf hash"),
        (lambda f: resigned(f, size=20), "the record with leaf hash"),
        (lambda f: resigned(f, size=0), "the record with leaf hash"),
        (lambda f: resigned(f, root=sha256(b"rewritten")), "the record with leaf hash"),
        (lambda f: resigned(f, origin=log_origin(sha256(b"chain"), "h2")), "a checkpoint of"),
        (
            lambda f: replace(f, note=replace(f.note, checkpoint=sound(4, 12).note.checkpoint)),
            "a cosignature by w.example",
        ),
        (
            lambda f: replace(f, note=Note(f.note.checkpoint, (stranger(f.note.checkpoint),))),
            "cosignatures that make the quorum w, found those of nobody; missing are w",
        ),
    ],
)
def test_a_proof_of_something_else_is_refused(
    change: Callable[[ProofFile], ProofFile], expected: str
) -> None:
    with pytest.raises(CheckpointError, match=f"^expected {expected}"):
        verify_proof(change(sound()), PAYLOADS[4], ORIGIN, POLICY)


def stranger(checkpoint: Checkpoint) -> Cosignature:
    key = private_key(Algorithm.ML_DSA_44, sha256(b"stranger"))
    return cosign(key, "w.example", checkpoint, 1)


def test_another_record_another_log_and_nobodys_word_are_refused() -> None:
    file = sound()
    with pytest.raises(ProofError, match="expected the record with leaf hash"):
        verify_proof(file, PAYLOADS[5], ORIGIN, POLICY)
    with pytest.raises(ProofError, match="expected a checkpoint of elsewhere, found one of"):
        verify_proof(file, PAYLOADS[4], "elsewhere", POLICY)
    with pytest.raises(CheckpointError, match="expected a signature by a key that the policy"):
        verify_proof(file, PAYLOADS[4], ORIGIN, Policy((), (), (), None))


def test_a_node_of_the_tree_is_not_shown_as_a_record() -> None:
    """The inner hash over two leaves has no payload: leaves are hashed with another first byte."""
    file = sound(0, 2)
    root = file.note.checkpoint.root
    shorter = replace(resigned(file, size=1, root=root), proof=())
    with pytest.raises(ProofError):
        verify_proof(shorter, LEAVES[0] + LEAVES[1], ORIGIN, POLICY)


def test_a_proof_and_a_checkpoint_that_do_not_belong_together_make_no_file() -> None:
    shown = InclusionProof(4, 11, LEAVES[4], inclusion_proof(LEAVES[:11], 4))
    note = sound().note
    assert proof_file(shown, note, b"extra") == replace(sound(), note=note)
    with pytest.raises(ProofError, match="expected a checkpoint of size 11, found 12"):
        proof_file(shown, sound(4, 12).note)
    with pytest.raises(ProofError, match="expected the record with leaf hash"):
        proof_file(replace(shown, leaf=LEAVES[5]), note)


HEAD = b"c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 4\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"@v1", b"@v2", "c2sp.org/tlog-proof@v1 as the first line"),
        (b"c2sp", b"\xc3\xbc", "ASCII before the note, found byte 0 that is not"),
        (b"ZXh0cmE=", b"", "extra data in base64"),
        (b"ZXh0cmE=", b"ZXh0cmF=", "extra data in base64"),
        (b"extra ZXh0cmE=\n", b"extra ZXh0cmE=\n" * 2, "the index of the record"),
        (b"extra ZXh0cmE=\nindex 4\n", b"index 4\nextra ZXh0cmE=\n", "a hash in base64"),
        (b"index 4\n", b"", "the index of the record, found another line"),
        (b"index 4", b"index 04", "an index in decimal"),
        (b"index 4", b"index -4", "an index in decimal"),
        (b"index 4", b"index 4 ", "an index in decimal"),
        (b"index 4\n", b"index 4\n\n", "a text, an empty line|a tree size|an origin"),
        (b"index 4\n", b"index 4\nAAAA\n", "a hash of 32 bytes, found 3"),
        (b"index 4\n", b"index 4\n" + b"A" * 43 + b"\n", "a hash in base64"),
        (
            b"index 4\n",
            b"index 4\n" + (b"A" * 43 + b"=\n") * (HASHES_MAX + 1),
            f"at most {HASHES_MAX} hashes",
        ),
    ],
)
def test_a_proof_file_in_another_form_is_refused(old: bytes, new: bytes, expected: str) -> None:
    data = format_proof(sound())
    assert data.startswith(HEAD)
    with pytest.raises(CheckpointError, match=f"^expected ({expected})"):
        parse_proof(data.replace(old, new, 1))


def test_bytes_that_are_no_proof_file_are_refused() -> None:
    with pytest.raises(ProofError, match="an empty line and a note, found no empty line"):
        parse_proof(HEAD)
    with pytest.raises(ProofError, match=f"a proof of at most {PROOF_SIZE_MAX} bytes"):
        parse_proof(bytes(PROOF_SIZE_MAX + 1))
    with pytest.raises(ProofError, match="the index of the record"):
        parse_proof(b"c2sp.org/tlog-proof@v1\n\nnote")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"index": -1}, "an index of 0 to"),
        ({"index": 2**64}, "an index of 0 to"),
        ({"proof": (LEAVES[0],) * (HASHES_MAX + 1)}, "at most 64 hashes, found 65"),
        ({"proof": (Digest(b"short"),)}, "hashes of 32 bytes"),
        ({"extra": bytes(EXTRA_SIZE_MAX + 1)}, "at most 65536 bytes of extra data"),
    ],
)
def test_what_cannot_stand_in_a_proof_file_is_not_made(
    change: dict[str, object], expected: str
) -> None:
    with pytest.raises(ProofError, match=f"^expected {expected}"):
        replace(sound(), **change)  # type: ignore[arg-type]  # a case table


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_proof_file_reads_back(size: int, data: st.DataObject) -> None:
    height = data.draw(st.integers(0, size - 1))
    file = replace(sound(height, size), extra=data.draw(st.binary(max_size=50)))
    assert parse_proof(format_proof(file)) == file


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_proof_file_shows_the_same_or_nothing(data: st.DataObject) -> None:
    """Only the extra data may change: nothing vouches for it."""
    file = sound()
    whole = format_proof(file)
    start = data.draw(st.integers(0, len(whole)) | st.integers(0, 400))
    end = data.draw(st.integers(start, start + 3))
    new = data.draw(st.binary(max_size=3) | st.sampled_from([b"\n", b"\n\n", b"0", b"=", b"A"]))
    changed = whole[:start] + new + whole[end:]
    try:
        found = parse_proof(changed)
        verify_proof(found, PAYLOADS[4], ORIGIN, POLICY)
    except CheckpointError:
        return
    assert format_proof(found) == changed
    assert replace(found, extra=b"extra") == file
