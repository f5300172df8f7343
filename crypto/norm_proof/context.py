"""What a proof is bound to: whose it is, of which round, on which block, model and ciphertext.

Two different contexts have different encodings, because the encoding is that of ``crypto.encoding``
with a fixed set of keys; so a proof of one is none of another.

Source: the specification, section 5 (ctx).
"""

from dataclasses import dataclass
from typing import Final

from ..digest import DIGEST_SIZE
from ..encoding import encode
from ..errors import EncodingError, ProofError

TEXT_MAX: Final = 256
"""Characters of a name."""
COUNT_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the hash of a proof starts with, besides its parameters.

    Raises:
        ProofError: A field has the wrong type or size.
    """

    author: str
    """The node id of the hospital whose update it is."""
    round: int
    """The round, that is the height, of the update."""
    parent: bytes
    """Digest of the block that the round builds on."""
    model: bytes
    """Digest of the model that was trained further."""
    ciphertext: bytes
    """Digest of the encrypted payload."""
    members: int
    """Hospitals in the round: the sums of ciphertexts and commitments have so many terms."""
    quantiser: str
    """Name of the map from an update to integers, with its scale."""

    def __post_init__(self) -> None:
        for name in ("author", "quantiser"):
            text = getattr(self, name)
            if not (isinstance(text, str) and 1 <= len(text) <= TEXT_MAX):
                raise ProofError(f"{name}: expected 1 to {TEXT_MAX} characters")
        for name in ("parent", "model", "ciphertext"):
            value = getattr(self, name)
            if not (isinstance(value, bytes) and len(value) == DIGEST_SIZE):
                raise ProofError(f"{name}: expected {DIGEST_SIZE} bytes")
        for name in ("round", "members"):
            number = getattr(self, name)
            if not (type(number) is int and 0 <= number <= COUNT_MAX):
                raise ProofError(f"{name}: expected an integer of 0 to {COUNT_MAX}")


def context_bytes(context: Context) -> bytes:
    """Return the one encoding of a context.

    Raises:
        ProofError: A name cannot be encoded.
    """
    try:
        return encode(
            {
                "author": context.author,
                "ciphertext": context.ciphertext,
                "members": context.members,
                "model": context.model,
                "parent": context.parent,
                "quantiser": context.quantiser,
                "round": context.round,
            }
        )
    except EncodingError as error:
        raise ProofError(f"context: {error}") from None
