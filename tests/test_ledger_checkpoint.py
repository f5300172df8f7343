"""Checkpoints: the published notes verify, and no signature passes for anything but itself."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from crypto.merkle import EMPTY_ROOT, LEAVES_MAX, leaf_hash, merkle_root
from crypto.signature import Algorithm, PrivateKey, private_key, sign
from ledger.checkpoint import (
    EXTENSIONS_MAX,
    NAME_SIZE_MAX,
    NOTE_SIZE_MAX,
    SIGNATURES_MAX,
    TIMESTAMP_MAX,
    Checkpoint,
    CheckpointError,
    Cosignature,
    Note,
    OtherSignature,
    VerifierKey,
    cosign,
    cosigner_name,
    format_note,
    format_vkey,
    key_id,
    log_origin,
    note_text,
    parse_note,
    parse_vkey,
    verify_cosignature,
    verify_ed25519,
)

VECTORS = Path(__file__).parents[2] / "shared" / "vectors"
TESSERA = VECTORS / "tessera-log" / "log"
GO = VECTORS / "c2sp-mldsa44-cosignature"
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
# C2SP signed-note, "Verifier keys": the example key.
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

needs_tessera = pytest.mark.skipif(
    not TESSERA.is_dir(), reason=f"the published Tessera log is not in {TESSERA}"
)
needs_go = pytest.mark.skipif(not GO.is_dir(), reason=f"the note made by Go is not in {GO}")


def witness(label: str, algorithm: Algorithm = Algorithm.ML_DSA_44) -> PrivateKey:
    return private_key(algorithm, sha256(label.encode()))


KEY = witness("h1")
NAME = cosigner_name(NodeId("h1"))
CHECKPOINT = Checkpoint(log_origin(sha256(b"chain"), "h1"), 13, sha256(b"root"))
SIGNED = cosign(KEY, NAME, CHECKPOINT, 1_700_000_000)
ZEROS = bytes(Algorithm.ML_DSA_44.signature_size)


def line_of(name: str, body: bytes) -> str:
    return f"\u2014 {name} {b64encode(body).decode()}\n"


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="+").filter(
        lambda c: c >= " " and not c.isspace()
    ),
    min_size=1,
    max_size=NAME_SIZE_MAX // 4,
)
LINES = st.text(
    st.characters(codec="utf-8").filter(lambda c: c >= " "), min_size=1, max_size=NAME_SIZE_MAX // 4
)
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
CHECKPOINTS = st.builds(Checkpoint, LINES, st.integers(0, LEAVES_MAX), DIGESTS)
KEY_IDS = st.binary(min_size=4, max_size=4)
SIGNATURES = st.builds(
    Cosignature, NAMES, KEY_IDS, st.integers(0, 2**64 - 1), st.just(ZEROS)
) | st.builds(OtherSignature, NAMES, KEY_IDS, st.binary(min_size=1, max_size=70))
NOTES = st.builds(
    Note,
    CHECKPOINTS,
    st.lists(SIGNATURES, min_size=1, max_size=4).map(tuple),
    st.lists(LINES, max_size=2).map(tuple),
)


@needs_tessera
def test_the_checkpoints_of_the_published_log_follow_from_its_entries() -> None:
    key = parse_vkey(TESSERA_VKEY)
    leaves = tessera_leaves()
    assert len(leaves) == 15
    for size in range(16):
        data = (TESSERA / f"checkpoint.{size}").read_bytes()
        note = parse_note(data)
        assert note.checkpoint == Checkpoint(key.name, size, merkle_root(leaves[:size]))
        assert format_note(note) == data
        verify_ed25519(key, note)
    assert parse_note((TESSERA / "checkpoint.0").read_bytes()).checkpoint.root == EMPTY_ROOT


def tessera_leaves() -> list[Digest]:
    """Entry bundles of C2SP tlog-tiles: each entry after its length in two bytes."""
    bundle, leaves = (TESSERA / "tile" / "entries" / "000.p" / "15").read_bytes(), []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2])
        leaves.append(leaf_hash(bundle[2:end]))
        bundle = bundle[end:]
    return leaves


@needs_tessera
@pytest.mark.parametrize(
    "change",
    [
        lambda n: replace(n, checkpoint=replace(n.checkpoint, size=8)),
        lambda n: replace(n, checkpoint=replace(n.checkpoint, root=sha256(b"other"))),
        lambda n: replace(n, checkpoint=replace(n.checkpoint, origin="example.com/log/other")),
        lambda n: replace(n, extensions=("more",)),
        lambda n: replace(n, signatures=(replace(n.signatures[0], key_id=b"none"),)),
        lambda n: replace(n, signatures=(replace(n.signatures[0], name="example.com/other"),)),
        lambda n: replace(n, signatures=(replace(n.signatures[0], body=bytes(64)),)),
        lambda n: replace(n, signatures=(replace(n.signatures[0], body=b"short"),)),
        lambda n: replace(n, signatures=(*n.signatures, replace(n.signatures[0], body=bytes(64)))),
    ],
)
def test_a_published_checkpoint_that_was_tampered_with_is_refused(
    change: Callable[[Note], Note],
) -> None:
    note = parse_note((TESSERA / "checkpoint.7").read_bytes())
    with pytest.raises(CheckpointError, match=r"^expected a signature by example.com/log/testdata"):
        verify_ed25519(parse_vkey(TESSERA_VKEY), change(note))


def go_note() -> tuple[VerifierKey, Note]:
    key = parse_vkey((GO / "go.vkey").read_text().rstrip("\n"))
    return key, parse_note((GO / "go.note").read_bytes())


@needs_go
def test_the_cosignature_made_by_go_verifies() -> None:
    key, note = go_note()
    (cosignature,) = note.cosignatures
    verify_cosignature(key.public_key, key.name, note.checkpoint, cosignature)
    assert note.checkpoint.origin == "fbl.example/run/7"
    assert note.checkpoint.size == 13
    assert format_note(note) == (GO / "go.note").read_bytes()
    assert format_vkey(key) == (GO / "go.vkey").read_text().rstrip("\n")


@needs_go
@pytest.mark.parametrize(
    ("of_checkpoint", "of_cosignature"),
    [
        ({"size": 14}, {}),
        ({"origin": "fbl.example/run/8"}, {}),
        ({"root": sha256(b"other")}, {}),
        ({}, {"timestamp": 0}),
        ({}, {"name": "hosp2.example/witness"}),
        ({}, {"key_id": b"\0\0\0\0"}),
        ({}, {"signature": ZEROS}),
    ],
)
def test_a_cosignature_made_by_go_that_was_tampered_with_is_refused(
    of_checkpoint: dict[str, object], of_cosignature: dict[str, object]
) -> None:
    key, note = go_note()
    checkpoint = replace(note.checkpoint, **of_checkpoint)  # type: ignore[arg-type]  # a case table
    cosignature = replace(note.cosignatures[0], **of_cosignature)  # type: ignore[arg-type]  # the same
    with pytest.raises(CheckpointError, match=r"^expected .*, found "):
        verify_cosignature(key.public_key, key.name, checkpoint, cosignature)


def test_a_checkpoint_of_ours_is_signed_written_read_and_verified() -> None:
    note = parse_note(format_note(Note(CHECKPOINT, (SIGNED,))))
    assert note == Note(CHECKPOINT, (SIGNED,))
    verify_cosignature(KEY.public_key, NAME, note.checkpoint, note.cosignatures[0])


def test_a_note_has_the_bytes_that_the_specification_says() -> None:
    key = f"{NAME}\n".encode() + b"\x06" + KEY.public_key.raw
    body = sha256(key)[:4] + (1_700_000_000).to_bytes(8) + SIGNED.signature
    assert format_note(Note(CHECKPOINT, (SIGNED,), ("extension",))).decode() == (
        f"tclearn.invalid/{sha256(b'chain').hex()}/h1\n13\n"
        f"{b64encode(CHECKPOINT.root).decode()}\nextension\n\n{line_of('tclearn.invalid/h1', body)}"
    )


@pytest.mark.parametrize(
    "checkpoint",
    [
        replace(CHECKPOINT, origin=log_origin(sha256(b"chain"), "h2")),
        replace(CHECKPOINT, origin=log_origin(sha256(b"other chain"), "h1")),
        replace(CHECKPOINT, size=12),
        replace(CHECKPOINT, root=sha256(b"rewritten")),
    ],
)
def test_a_cosignature_is_of_one_checkpoint_of_one_log(checkpoint: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match="found one that does not verify"):
        verify_cosignature(KEY.public_key, NAME, checkpoint, SIGNED)


def test_a_cosignature_has_one_time() -> None:
    for timestamp in (0, SIGNED.timestamp + 1, TIMESTAMP_MAX):
        with pytest.raises(CheckpointError, match="found one that does not verify"):
            verify_cosignature(
                KEY.public_key, NAME, CHECKPOINT, replace(SIGNED, timestamp=timestamp)
            )
    late = replace(SIGNED, timestamp=TIMESTAMP_MAX + 1)
    with pytest.raises(CheckpointError, match=f"timestamp of 0 to {TIMESTAMP_MAX}"):
        verify_cosignature(KEY.public_key, NAME, CHECKPOINT, late)


def test_a_cosignature_bears_the_name_of_its_key() -> None:
    other = cosigner_name(NodeId("h2"))
    with pytest.raises(CheckpointError, match=f"a cosignature by {other}, found {NAME}"):
        verify_cosignature(KEY.public_key, other, CHECKPOINT, SIGNED)
    renamed = Cosignature(other, key_id(other, KEY.public_key), SIGNED.timestamp, SIGNED.signature)
    with pytest.raises(CheckpointError, match="found one that does not verify"):
        verify_cosignature(KEY.public_key, other, CHECKPOINT, renamed)


def test_a_key_id_is_that_of_the_key() -> None:
    with pytest.raises(CheckpointError, match=f"key id {SIGNED.key_id.hex()} of {NAME}, found 00"):
        verify_cosignature(KEY.public_key, NAME, CHECKPOINT, replace(SIGNED, key_id=bytes(4)))
    with pytest.raises(CheckpointError, match="expected the key id"):
        verify_cosignature(witness("h2").public_key, NAME, CHECKPOINT, SIGNED)


@pytest.mark.parametrize("algorithm", [Algorithm.ML_DSA_65, Algorithm.ML_DSA_87, Algorithm.ED25519])
def test_a_voting_key_signs_no_checkpoint(algorithm: Algorithm) -> None:
    key = witness("h1", algorithm)
    with pytest.raises(CheckpointError, match=f"expected an ML-DSA-44 key.*found {algorithm} key"):
        cosign(key, NAME, CHECKPOINT, 0)
    with pytest.raises(CheckpointError, match=f"expected an ML-DSA-44 key.*found {algorithm} key"):
        verify_cosignature(key.public_key, NAME, CHECKPOINT, SIGNED)


def test_a_voting_key_has_no_key_id() -> None:
    with pytest.raises(CheckpointError, match="expected a key of Ed25519 or ML-DSA-44"):
        key_id(NAME, witness("h1", Algorithm.ML_DSA_65).public_key)


def test_a_signature_under_a_context_is_no_cosignature() -> None:
    messages: list[bytes] = []

    def sign_and_keep(message: bytes, context: bytes | None) -> bytes:
        messages.append(message)
        return KEY.signer(message, context)

    spy = replace(KEY, signer=sign_and_keep)
    cosignature = cosign(spy, NAME, CHECKPOINT, SIGNED.timestamp)
    verify_cosignature(KEY.public_key, NAME, CHECKPOINT, cosignature)
    labelled = sign(KEY, messages[0], b"tclearn/checkpoint/v1")
    with pytest.raises(CheckpointError, match="found one that does not verify"):
        verify_cosignature(KEY.public_key, NAME, CHECKPOINT, replace(SIGNED, signature=labelled))


@pytest.mark.parametrize("timestamp", [-1, TIMESTAMP_MAX + 1])
def test_a_time_that_no_cosignature_may_have_is_not_signed(timestamp: int) -> None:
    with pytest.raises(CheckpointError, match="timestamp of 0 to"):
        cosign(KEY, NAME, CHECKPOINT, timestamp)


def test_the_log_key_and_the_witness_key_are_told_apart_by_their_type() -> None:
    ed25519 = witness("h1", Algorithm.ED25519).public_key
    with pytest.raises(CheckpointError, match="expected an Ed25519 key, found ML-DSA-44 key"):
        verify_ed25519(VerifierKey(NAME, KEY.public_key), Note(CHECKPOINT, (SIGNED,)))
    with pytest.raises(CheckpointError, match=f"signature by {NAME} with key id .*, found none"):
        verify_ed25519(VerifierKey(NAME, ed25519), Note(CHECKPOINT, (SIGNED,)))


def test_a_plain_signature_of_a_note_covers_its_extension_lines() -> None:
    key = witness("log", Algorithm.ED25519)
    log = VerifierKey("log.example", key.public_key)
    unsigned = Note(CHECKPOINT, (SIGNED,), ("extension",))
    line = OtherSignature(log.name, log.key_id, sign(key, note_text(unsigned), None))
    note = replace(unsigned, signatures=(SIGNED, line))
    verify_ed25519(log, parse_note(format_note(note)))
    assert note.cosignatures == (SIGNED,)
    with pytest.raises(CheckpointError, match="found one that does not verify"):
        verify_ed25519(log, replace(note, extensions=("Extension",)))


def test_signatures_of_strangers_stay_in_the_note_as_they_are() -> None:
    other = b"\x01\x02\x03\x04" + bytes(72)
    data = (
        note_text(Note(CHECKPOINT, (SIGNED,)))
        + (
            "\n" + line_of("stranger.example", other) + line_of(NAME, SIGNED.key_id + SIGNED.body)
        ).encode()
    )
    note = parse_note(data)
    assert note.signatures == (OtherSignature("stranger.example", other[:4], other[4:]), SIGNED)
    assert note.cosignatures == (SIGNED,)
    assert format_note(note) == data


def test_a_verifier_key_reads_back() -> None:
    for vkey in (TESSERA_VKEY, EXAMPLE_VKEY, format_vkey(VerifierKey(NAME, KEY.public_key))):
        assert format_vkey(parse_vkey(vkey)) == vkey


@pytest.mark.parametrize(
    ("vkey", "expected"),
    [
        ("", "a verifier key: name"),
        ("example.com/foo", "a verifier key: name"),
        ("example.com/foo+530d903a", "a verifier key: name"),
        (EXAMPLE_VKEY.replace("530d903a", "530d903b"), "the key id 530d903a of example.com/foo"),
        (EXAMPLE_VKEY.replace("530d903a", "530D903A"), "the key id 530d903a of example.com/foo"),
        (EXAMPLE_VKEY.replace("foo", "bar"), "the key id"),
        (EXAMPLE_VKEY.replace("foo", "f oo"), "a signer's name without spaces"),
        (EXAMPLE_VKEY[15:], "a signer's name of 1 to 255 bytes"),
        (EXAMPLE_VKEY[:-1], "a verifier key in base64"),
        (EXAMPLE_VKEY[:-4], "a public key of Ed25519"),
        (
            EXAMPLE_VKEY.replace("+Aek", "+Bek"),
            "a verifier key of type 0x01 .Ed25519. or 0x06 .ML-DSA-44.",
        ),
        ("example.com/foo+530d903a+", "a verifier key in base64"),
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str, expected: str) -> None:
    with pytest.raises(CheckpointError, match=f"^expected {expected}"):
        parse_vkey(vkey)


UNSIGNED = replace(SIGNED, signature=ZEROS)  # signatures are random, names of tests must not be
SOUND = format_note(Note(CHECKPOINT, (UNSIGNED,), ("extension",))).decode()
ROOT = b64encode(CHECKPOINT.root).decode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\n13\n", "\n013\n", "a tree size in decimal"),
        ("\n13\n", "\n+13\n", "a tree size in decimal"),
        ("\n13\n", "\n1_3\n", "a tree size in decimal"),
        ("\n13\n", "\n\u0661\u0663\n", "a tree size in decimal"),
        ("\n13\n", f"\n{2**64}\n", "a tree size in decimal"),
        ("\n13\n", f"\n{10**30}\n", "a tree size in decimal"),
        (ROOT, ROOT.rstrip("="), "a root in base64"),
        (ROOT, ROOT[:-2] + "1=", "a root in base64"),
        (ROOT, ROOT + "\v", "a root in base64"),
        (ROOT, b64encode(bytes(31)).decode(), "a root of 32 bytes, found 31"),
        ("\nextension\n", "\n\next\n", "an extension line of 1 to 1024 bytes, found 0"),
        ("\nextension\n\n", "\n\n\u2014 ext\n", "a signature line: em dash"),
        ("\nextension\n", "\nexten\rsion\n", "an extension line without control characters"),
        ("\nextension\n", "\nx" * (EXTENSIONS_MAX + 1) + "\n", "3 to 19 lines before"),
        ("\n\n\u2014", "\n\u2014", "a text, an empty line and signature lines"),
        ("\u2014 ", "- ", "a signature line: em dash"),
        ("\u2014 ", "\u2014", "a signature line: em dash"),
        ("\u2014 ", "\u2014  ", "a signature of '' in base64"),
        (NAME, "a+b", "a signer's name without spaces and plus signs"),
        (NAME, "a\u00a0b", "a signer's name without spaces and plus signs"),
        (NAME, "n" * 256, "a signer's name of 1 to 255 bytes, found 256"),
        ("tclearn.invalid/", "\x7f" * 255, "an origin of 1 to 255 bytes"),
    ],
)
def test_a_note_in_another_form_is_refused(old: str, new: str, expected: str) -> None:
    assert old in SOUND
    with pytest.raises(CheckpointError, match=f"^expected {expected}"):
        parse_note(SOUND.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "a text, an empty line and signature lines"),
        (b"\n\n", "a text, an empty line and signature lines"),
        (SOUND.encode()[:-1], "a text, an empty line and signature lines"),
        (SOUND.encode().partition(b"\n\n")[0] + b"\n\n", "a text, an empty line and signature"),
        (SOUND.encode() + b"\n", "a text, an empty line and signature lines"),
        (SOUND.encode() + b"\n\n", "a text, an empty line"),
        (b"\xff" + SOUND.encode(), "a note in UTF-8, found byte 0 that is not"),
        (b"\n" + SOUND.encode(), "a tree size in decimal"),
        (SOUND.encode() * 2, "an extension line of 1 to"),
        (b"a\n1" + SOUND.encode()[-40:], "a text, an empty line"),
        (bytes(NOTE_SIZE_MAX + 1), f"0 to {NOTE_SIZE_MAX} bytes of a note"),
        (b"o\n1\nr\n\n" + b"\n" * 2000, "a text, an empty line"),
        (b"o\n1\nr\n\n" + b"x\n" * (SIGNATURES_MAX + 1), f"1 to {SIGNATURES_MAX} signature lines"),
    ],
)
def test_bytes_that_are_no_note_are_refused(data: bytes, expected: str) -> None:
    with pytest.raises(CheckpointError, match=f"^expected {expected}"):
        parse_note(data)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Checkpoint("", 0, EMPTY_ROOT), "an origin of 1 to 255 bytes"),
        (lambda: Checkpoint("a\nb", 0, EMPTY_ROOT), "an origin without control characters"),
        (lambda: Checkpoint("\ud800", 0, EMPTY_ROOT), "an origin that UTF-8 can write"),
        (lambda: Checkpoint("a", -1, EMPTY_ROOT), "a tree size of 0 to"),
        (lambda: Checkpoint("a", LEAVES_MAX + 1, EMPTY_ROOT), "a tree size of 0 to"),
        (lambda: Checkpoint("a", 0, Digest(b"short")), "a root of 32 bytes, found 5"),
        (lambda: replace(SIGNED, key_id=b"abc"), "a key id of 4 bytes, found 3"),
        (lambda: replace(SIGNED, timestamp=2**64), "a timestamp of 0 to"),
        (lambda: replace(SIGNED, signature=b""), "a signature of 2420 bytes, found 0"),
        (lambda: OtherSignature("a", b"abcd", b""), "a signature of 1 to 8192 bytes"),
        (lambda: OtherSignature("a", b"abcd", bytes(2428)), "a signature .* not 2428"),
        (lambda: Note(CHECKPOINT, ()), "1 to 1000 signature lines, found 0"),
        (lambda: Note(CHECKPOINT, (SIGNED,) * 1001), "1 to 1000 signature lines, found 1001"),
        (lambda: Note(CHECKPOINT, (SIGNED,), ("",)), "an extension line of 1 to"),
        (
            lambda: format_note(
                Note(CHECKPOINT, (OtherSignature("a", b"abcd", bytes(8192)),) * 999)
            ),
            "0 to 4194304 bytes of a note",
        ),
    ],
)
def test_what_cannot_stand_in_a_note_is_not_made(make: Callable[[], object], expected: str) -> None:
    with pytest.raises(CheckpointError, match=f"^expected {expected}"):
        make()


@settings(deadline=None)
@given(NOTES)
def test_a_note_reads_back(note: Note) -> None:
    assert parse_note(format_note(note)) == note


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_random_bytes_raise_nothing_but_our_error(data: bytes) -> None:
    try:
        note = parse_note(data)
    except CheckpointError:
        return
    assert format_note(note) == data


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_note_is_refused_or_has_the_one_form_of_what_it_says(data: st.DataObject) -> None:
    short = Note(CHECKPOINT, (OtherSignature(NAME, b"abcd", bytes(9)),), ("extension",))
    changed = data.draw(changes(format_note(short)))
    try:
        note = parse_note(changed)
    except CheckpointError:
        return
    assert format_note(note) == changed


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_note_says_what_was_signed_or_does_not_verify(data: st.DataObject) -> None:
    try:
        note = parse_note(data.draw(changes(format_note(Note(CHECKPOINT, (SIGNED,))))))
    except CheckpointError:
        return
    for cosignature in note.cosignatures:
        if (note.checkpoint, cosignature) != (CHECKPOINT, SIGNED):
            with pytest.raises(CheckpointError):
                verify_cosignature(KEY.public_key, NAME, note.checkpoint, cosignature)


@st.composite
def changes(draw: st.DrawFn, sound: bytes) -> bytes:
    """The bytes with up to three of them replaced by others."""
    start = draw(st.integers(0, len(sound)) | st.integers(0, 200))
    end = draw(st.integers(start, start + 3))
    new = draw(st.binary(max_size=3) | st.sampled_from([b"\n", b"\n\n", b" ", b"=", b"0", b"A"]))
    return sound[:start] + new + sound[end:]


@given(st.text(max_size=60) | st.builds("{}+{}+{}".format, LINES, LINES, LINES))
def test_a_random_text_as_a_verifier_key_raises_nothing_but_our_error(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse_vkey(text)


@settings(deadline=None, max_examples=30)
@given(CHECKPOINTS, st.integers(0, TIMESTAMP_MAX), NAMES)
def test_a_cosignature_of_any_checkpoint_verifies(
    checkpoint: Checkpoint, timestamp: int, name: str
) -> None:
    cosignature = cosign(KEY, name, checkpoint, timestamp)
    verify_cosignature(KEY.public_key, name, checkpoint, cosignature)


def test_a_message_shows_no_control_sequence_of_somebody_else() -> None:
    name = "\x9b2J\u202e"
    with pytest.raises(CheckpointError) as caught:
        verify_cosignature(KEY.public_key, NAME, CHECKPOINT, replace(SIGNED, name=name))
    assert str(caught.value) == f"expected a cosignature by {NAME}, found '\\x9b2J\\u202e'"
