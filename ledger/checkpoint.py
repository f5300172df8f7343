r"""Checkpoints of a Merkle log: notes with ML-DSA-44 cosignatures, byte for byte those of C2SP.

    note    = origin "\n" size "\n" base64(root) "\n" (extension "\n")* "\n" line+
    line    = "— " name " " base64(key_id || u64be timestamp || signature[2420]) "\n"
    key_id  = SHA-256(name || 0x0a || 0x06 || public key[1312])[:4]
    vkey    = name "+" hex(key_id) "+" base64(0x06 || public key)
    message = "subtree/v1\n\0" || u8 len || name || u64be timestamp
              || u8 len || origin || u64be 0 || u64be size || root[32]

The message is signed under the empty context of FIPS 204; extension lines are not signed. A line of
another type is kept as it is: whoever does not know its key ignores it. Plain Ed25519 signatures
(type 0x01, over the text of the note) are verified and never made. Which signatures are enough is
for `ledger.policy` to say. A note has one form: what `parse_note` takes, `format_note` gives back.
Source: C2SP signed-note, tlog-checkpoint and tlog-cosignature.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from crypto.algorithm import Algorithm
from crypto.digest import DIGEST_SIZE, Digest, sha256
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.keys import PrivateKey, PublicKey
from crypto.merkle import LEAVES_MAX
from crypto.signature import sign, verify

from .errors import LedgerError

NOTE_SIZE_MAX: Final = 4 * 1024 * 1024
"""Bytes of a note."""
SIGNATURES_MAX: Final = 1000
"""Signature lines of a note: as many as a quorum set may name nodes."""
EXTENSIONS_MAX: Final = 16
"""Extension lines of a note."""
EXTENSION_SIZE_MAX: Final = 1024
"""Bytes of an extension line."""
NAME_SIZE_MAX: Final = 255
"""Bytes of an origin or of a signer's name: their length is one byte of the message."""
BODY_SIZE_MAX: Final = 8192
"""Bytes of a signature of another type."""
TIMESTAMP_MAX: Final = 2**63 - 1
"""The latest time of a cosignature, in seconds since 1970."""
KEY_ID_SIZE: Final = 4
"""Bytes of a key id."""

_UINT64_MAX: Final = 2**64 - 1
_COSIGNATURE_SIZE: Final = 8 + Algorithm.ML_DSA_44.signature_size
_TYPES: Final[Mapping[Algorithm, int]] = {Algorithm.ED25519: 0x01, Algorithm.ML_DSA_44: 0x06}
_MESSAGE_LABEL: Final = b"subtree/v1\n\0"
_DASH: Final = "\u2014 "
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_SHOWN_MAX: Final = 255


class CheckpointError(LedgerError):
    """A note is malformed or a signature does not hold: ``CheckpointError(expected, found)``."""

    @property
    def expected(self) -> str:
        """What the rule asks for."""
        return str(self.args[0])

    @property
    def found(self) -> str:
        """What stood there instead."""
        return str(self.args[1])

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a Merkle log.

    Raises:
        CheckpointError: A field cannot stand in a note.
    """

    origin: str
    """Which log: its name, the first line of the note."""
    size: int
    """How many leaves it has."""
    root: Digest
    """The root over them."""

    def __post_init__(self) -> None:
        _check_line(self.origin, "an origin", NAME_SIZE_MAX)
        if not 0 <= self.size <= LEAVES_MAX:
            raise CheckpointError(f"a tree size of 0 to {LEAVES_MAX}", str(self.size))
        if len(self.root) != DIGEST_SIZE:
            raise CheckpointError(f"a root of {DIGEST_SIZE} bytes", str(len(self.root)))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A signature line of the size of an ML-DSA-44 cosignature; nothing is verified by making one.

    Raises:
        CheckpointError: A field cannot stand in a note.
    """

    name: str
    """Who signed."""
    key_id: bytes
    """Which key and which type of signature, in 4 bytes."""
    timestamp: int
    """When, in seconds since 1970."""
    signature: bytes = field(repr=False)
    """The ML-DSA-44 signature."""

    def __post_init__(self) -> None:
        _check_signer(self.name, self.key_id)
        if not 0 <= self.timestamp <= _UINT64_MAX:
            raise CheckpointError(f"a timestamp of 0 to {_UINT64_MAX}", str(self.timestamp))
        size = Algorithm.ML_DSA_44.signature_size
        if len(self.signature) != size:
            raise CheckpointError(f"a signature of {size} bytes", str(len(self.signature)))

    @property
    def body(self) -> bytes:
        """What follows the key id in its line."""
        return self.timestamp.to_bytes(8) + self.signature


@dataclass(frozen=True, slots=True)
class OtherSignature:
    """A signature line of another type, as it is.

    Raises:
        CheckpointError: A field cannot stand in a note, or the size is that of a cosignature.
    """

    name: str
    """Who signed, as the line says."""
    key_id: bytes
    """Which key and which type of signature, in 4 bytes."""
    body: bytes = field(repr=False)
    """What follows the key id."""

    def __post_init__(self) -> None:
        _check_signer(self.name, self.key_id)
        size = len(self.body)
        if not 1 <= size <= BODY_SIZE_MAX or size == _COSIGNATURE_SIZE:
            raise CheckpointError(
                f"a signature of 1 to {BODY_SIZE_MAX} bytes, not {_COSIGNATURE_SIZE}", str(size)
            )


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with signature lines; nothing is verified by making one.

    Raises:
        CheckpointError: There are too many lines or none that signs, or a line cannot stand there.
    """

    checkpoint: Checkpoint
    """What is signed."""
    signatures: tuple[Cosignature | OtherSignature, ...]
    """The signature lines in their order."""
    extensions: tuple[str, ...] = ()
    """The lines between the root and the signatures; cosignatures do not cover them."""

    def __post_init__(self) -> None:
        _check_count("signature lines", len(self.signatures), 1, SIGNATURES_MAX)
        _check_count("extension lines", len(self.extensions), 0, EXTENSIONS_MAX)
        for extension in self.extensions:
            _check_line(extension, "an extension line", EXTENSION_SIZE_MAX)

    @property
    def cosignatures(self) -> tuple[Cosignature, ...]:
        """The lines of the size of a cosignature, in their order."""
        return tuple(each for each in self.signatures if isinstance(each, Cosignature))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name that its signatures bear.

    Raises:
        CheckpointError: The name cannot stand in a note, or the algorithm signs no notes here.
    """

    name: str
    """Whose key it is."""
    public_key: PublicKey
    """Ed25519 for plain signatures of notes, ML-DSA-44 for cosignatures."""

    def __post_init__(self) -> None:
        key_id(self.name, self.public_key)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that stand in its signatures."""
        return key_id(self.name, self.public_key)


def log_origin(chain_id: Digest, replica: str) -> str:
    """The origin of the Merkle log over a replica of a chain."""
    return f"tclearn.invalid/{chain_id.hex()}/{replica}"


def cosigner_name(node: NodeId) -> str:
    """The name under which a node signs checkpoints."""
    return f"tclearn.invalid/{node}"


def key_id(name: str, public_key: PublicKey) -> bytes:
    """The 4 bytes that name a key in a signature line.

    Raises:
        CheckpointError: The name cannot stand in a note, or the algorithm signs no notes here.
    """
    _check_name(name)
    return sha256(name.encode() + b"\n" + _typed_key(public_key))[:KEY_ID_SIZE]


def format_vkey(key: VerifierKey) -> str:
    """The text of a verifier key."""
    return f"{key.name}+{key.key_id.hex()}+{_base64(_typed_key(key.public_key))}"


def parse_vkey(text: str) -> VerifierKey:
    """Read the text of a verifier key.

    Raises:
        CheckpointError: It is none, its key id is not that of the key, or its type is not known.
    """
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise CheckpointError("a verifier key: name+key id+key", shown(text))
    name, stated, encoded = parts
    typed = parse_base64(encoded, "a verifier key")
    algorithm = next(
        (each for each, number in _TYPES.items() if typed[:1] == bytes([number])), None
    )
    if algorithm is None:
        known = " or ".join(f"0x{number:02x} ({each})" for each, number in _TYPES.items())
        raise CheckpointError(f"a verifier key of type {known}", f"0x{typed[:1].hex()}")
    try:
        key = VerifierKey(name, PublicKey(algorithm, typed[1:]))
    except SignatureError as error:
        raise CheckpointError(f"a public key of {algorithm}", str(error)) from None
    if stated != key.key_id.hex():
        raise CheckpointError(f"the key id {key.key_id.hex()} of {shown(name)}", shown(stated))
    return key


def cosign(key: PrivateKey, name: str, checkpoint: Checkpoint, timestamp: int) -> Cosignature:
    """Sign a checkpoint.

    Args:
        key: An ML-DSA-44 key that signs nothing else.
        name: Whose key it is.
        checkpoint: What is signed.
        timestamp: When, in seconds since 1970; 0 makes no statement about time.

    Raises:
        CheckpointError: The key is of another algorithm, or the name or the time cannot be signed.
    """
    _check_cosigning(key.public_key)
    message = _message(name, checkpoint, timestamp)
    return Cosignature(name, key_id(name, key.public_key), timestamp, sign(key, message))


def verify_cosignature(
    public_key: PublicKey, name: str, checkpoint: Checkpoint, cosignature: Cosignature
) -> None:
    """Check that a cosignature is of this checkpoint, by this key under this name.

    Raises:
        CheckpointError: It is not.
    """
    _check_cosigning(public_key)
    _check_known(VerifierKey(name, public_key), cosignature)
    message = _message(name, checkpoint, cosignature.timestamp)
    try:
        verify(public_key, cosignature.signature, message)
    except SignatureError as error:
        raise CheckpointError(
            f"a cosignature by {shown(name)} of {_described(checkpoint)}", str(error)
        ) from None


def verify_ed25519(key: VerifierKey, note: Note) -> None:
    """Check that a note bears a plain Ed25519 signature of its text by a key, and no false one.

    Raises:
        CheckpointError: It does not.
    """
    if key.public_key.algorithm is not Algorithm.ED25519:
        raise CheckpointError(f"an {Algorithm.ED25519} key", str(key.public_key))
    lines = [each for each in note.signatures if _signer(each) == (key.name, key.key_id)]
    if not lines:
        raise CheckpointError(
            f"a signature by {shown(key.name)} with key id {key.key_id.hex()}", "none"
        )
    for line in lines:
        try:
            verify(key.public_key, line.body, note_text(note), context=None)
        except SignatureError as error:
            raise CheckpointError(
                f"a signature by {shown(key.name)} of {_described(note.checkpoint)}", str(error)
            ) from None


def note_text(note: Note) -> bytes:
    """The text of a note, which plain signatures cover: everything before the empty line."""
    checkpoint = note.checkpoint
    lines = (
        checkpoint.origin,
        str(checkpoint.size),
        _base64(checkpoint.root),
        *note.extensions,
    )
    return "".join(f"{line}\n" for line in lines).encode()


def format_note(note: Note) -> bytes:
    """The bytes of a note.

    Raises:
        CheckpointError: There are more than `NOTE_SIZE_MAX`.
    """
    lines = (f"{_DASH}{each.name} {_base64(each.key_id + each.body)}\n" for each in note.signatures)
    data = note_text(note) + b"\n" + "".join(lines).encode()
    _check_count("bytes of a note", len(data), 0, NOTE_SIZE_MAX)
    return data


def parse_note(data: bytes) -> Note:
    """Read a note; no signature is verified.

    Raises:
        CheckpointError: It is no signed checkpoint in its one form, or exceeds a limit.
    """
    _check_count("bytes of a note", len(data), 0, NOTE_SIZE_MAX)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise CheckpointError("a note in UTF-8", f"byte {error.start} that is not") from None
    # C2SP signed-note: the text ends at the last empty line.
    head, separator, tail = text.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise CheckpointError("a text, an empty line and signature lines", "another form")
    _check_count("signature lines", tail.count("\n"), 1, SIGNATURES_MAX)
    _check_count("lines before the signatures", head.count("\n") + 1, 3, 3 + EXTENSIONS_MAX)
    origin, size, root, *extensions = head.split("\n")
    checkpoint = Checkpoint(
        origin, parse_decimal(size, "a tree size"), parse_digest(root, "a root")
    )
    lines = tail[:-1].split("\n")
    return Note(checkpoint, tuple(map(_parse_signature, lines)), tuple(extensions))


def parse_decimal(text: str, what: str) -> int:
    """Read an unsigned 64-bit number in decimal without leading zeros.

    Raises:
        CheckpointError: It is none.
    """
    if _DECIMAL.fullmatch(text) is None or int(text) > _UINT64_MAX:
        raise CheckpointError(f"{what} in decimal, at most {_UINT64_MAX}", shown(text))
    return int(text)


def parse_digest(text: str, what: str) -> Digest:
    """Read a digest in base64.

    Raises:
        CheckpointError: It is none.
    """
    value = parse_base64(text, what)
    if len(value) != DIGEST_SIZE:
        raise CheckpointError(f"{what} of {DIGEST_SIZE} bytes", str(len(value)))
    return Digest(value)


def parse_base64(text: str, what: str) -> bytes:
    """Read bytes in base64: RFC 4648, section 4, padded, no spare bits set, not empty.

    Raises:
        CheckpointError: It is another text.
    """
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or _base64(data) != text:
        raise CheckpointError(f"{what} in base64", shown(text))
    return data


def shown(text: str) -> str:
    """A text of somebody else as a message may show it: nothing that moves a cursor."""
    cut = text[:_SHOWN_MAX]
    return cut if cut and cut.isprintable() else repr(cut)


def _parse_signature(line: str) -> Cosignature | OtherSignature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise CheckpointError("a signature line: em dash, name, base64", shown(line))
    value = parse_base64(encoded, f"a signature of {shown(name)}")
    signer, body = value[:KEY_ID_SIZE], value[KEY_ID_SIZE:]
    if len(body) != _COSIGNATURE_SIZE:
        return OtherSignature(name, signer, body)
    return Cosignature(name, signer, int.from_bytes(body[:8]), body[8:])


def _message(name: str, checkpoint: Checkpoint, timestamp: int) -> bytes:
    """The cosigned_message of C2SP tlog-cosignature for a whole tree: its start is 0."""
    _check_name(name)
    if not 0 <= timestamp <= TIMESTAMP_MAX:
        raise CheckpointError(f"a timestamp of 0 to {TIMESTAMP_MAX}", str(timestamp))
    return b"".join(
        (
            _MESSAGE_LABEL,
            _prefixed(name),
            timestamp.to_bytes(8),
            _prefixed(checkpoint.origin),
            (0).to_bytes(8),
            checkpoint.size.to_bytes(8),
            checkpoint.root,
        )
    )


def _prefixed(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(1) + data


def _typed_key(public_key: PublicKey) -> bytes:
    number = _TYPES.get(public_key.algorithm)
    if number is None:
        raise CheckpointError(f"a key of {' or '.join(_TYPES)}", str(public_key))
    return bytes([number]) + public_key.raw


def _signer(line: Cosignature | OtherSignature) -> tuple[str, bytes]:
    return line.name, line.key_id


def _check_cosigning(public_key: PublicKey) -> None:
    if public_key.algorithm is not Algorithm.ML_DSA_44:
        raise CheckpointError(
            f"an {Algorithm.ML_DSA_44} key, which signs nothing but checkpoints", str(public_key)
        )


def _check_known(key: VerifierKey, cosignature: Cosignature) -> None:
    if cosignature.name != key.name:
        raise CheckpointError(f"a cosignature by {shown(key.name)}", shown(cosignature.name))
    if cosignature.key_id != key.key_id:
        raise CheckpointError(
            f"the key id {key.key_id.hex()} of {shown(key.name)}", cosignature.key_id.hex()
        )


def _check_signer(name: str, signer: bytes) -> None:
    _check_name(name)
    if len(signer) != KEY_ID_SIZE:
        raise CheckpointError(f"a key id of {KEY_ID_SIZE} bytes", str(len(signer)))


def _check_name(name: str) -> None:
    _check_line(name, "a signer's name", NAME_SIZE_MAX)
    if "+" in name or any(map(str.isspace, name)):
        raise CheckpointError("a signer's name without spaces and plus signs", shown(name))


def _check_line(text: str, what: str, size_max: int) -> None:
    """A line of a note: not empty, UTF-8, no control character of ASCII."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise CheckpointError(f"{what} that UTF-8 can write", shown(text)) from None
    if not 1 <= size <= size_max:
        raise CheckpointError(f"{what} of 1 to {size_max} bytes", str(size))
    if min(text) < " ":
        raise CheckpointError(f"{what} without control characters", shown(text))


def _check_count(what: str, count: int, least: int, most: int) -> None:
    if not least <= count <= most:
        raise CheckpointError(f"{least} to {most} {what}", str(count))


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _described(checkpoint: Checkpoint) -> str:
    return f"{shown(checkpoint.origin)} at size {checkpoint.size} with root {checkpoint.root.hex()}"
