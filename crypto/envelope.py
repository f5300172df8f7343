"""Signed values: a statement, who states it, and the signature that shows it.

What is signed is the encoding of ``[label, *fields]``. The label stands inside the message and is
the FIPS 204 context, so that a signature of one kind of statement never passes for another; the
fields name the chain, the slot and the node, so that it never passes for another place either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from .digest import label_bytes
from .encoding import Value, encode
from .identity import NodeId
from .signature import PrivateKey, PublicKey, sign, verify

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Signed(Generic[T]):
    """A statement with the signature of its node; nothing is checked by making one."""

    statement: T
    """What is stated."""
    node: NodeId
    """Who states it."""
    signature: bytes
    """The signature of the statement's fields under its label, by the key of the node."""


def sign_value(key: PrivateKey, label: str, fields: Sequence[Value]) -> bytes:
    """Sign the fields of a statement under a label such as ``tclearn/verdict/v1``.

    Raises:
        EncodingError: The label is malformed, or a field has no encoding.
    """
    return sign(key, _preimage(label, fields), label_bytes(label))


def verify_value(
    public_key: PublicKey, label: str, fields: Sequence[Value], signature: bytes
) -> None:
    """Check that a signature of these fields under this label verifies under a public key.

    Raises:
        SignatureError: It does not.
        EncodingError: The label is malformed, or a field has no encoding.
    """
    verify(public_key, signature, _preimage(label, fields), label_bytes(label))


def _preimage(label: str, fields: Sequence[Value]) -> bytes:
    return encode([label, *fields])
