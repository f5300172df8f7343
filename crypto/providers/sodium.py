"""Ed25519 by libsodium, through PyNaCl.

Importing this module loads the library. Source: RFC 8032, section 5.1. Signatures are
deterministic. libsodium refuses public keys of small order and scalars that are not reduced.

Ed25519 has no context, so a context is bound here as FIPS 204 (algorithm 2, line 10) binds it:
what is signed is 0x00 || length of the context || context || message. Without a context (None) it
is the message as it is, which the signed notes of C2SP need. A key signs either with contexts or
without, or its raw messages never begin with 0x00: otherwise one could be taken for the other.
"""

from typing import Final

import nacl
import nacl.bindings
from nacl.exceptions import CryptoError

from ..algorithm import Algorithm
from .interface import Sign, Verify


class Sodium:
    """The provider ``sodium``."""

    name: Final = "sodium"
    algorithms: Final = frozenset({Algorithm.ED25519})

    def __init__(self) -> None:
        self.version = f"libsodium by PyNaCl {nacl.__version__}"

    def signer(self, algorithm: Algorithm, seed: bytes) -> tuple[bytes, Sign]:
        """Make the key pair of a seed; return the public key and a way to sign."""
        public_key, secret_key = nacl.bindings.crypto_sign_seed_keypair(seed)

        def sign(message: bytes, context: bytes | None) -> bytes:
            signed = nacl.bindings.crypto_sign(_bind(message, context), secret_key)
            return signed[: algorithm.signature_size]

        return public_key, sign

    def verifier(self, algorithm: Algorithm, public_key: bytes) -> Verify:
        """Load a public key; return a way to verify."""

        def verify(signature: bytes, message: bytes, context: bytes | None) -> bool:
            try:
                nacl.bindings.crypto_sign_open(signature + _bind(message, context), public_key)
            except CryptoError:  # BadSignatureError is one
                return False
            return True

        return verify


def _bind(message: bytes, context: bytes | None) -> bytes:
    if context is None:
        return message
    return b"\0" + len(context).to_bytes(1) + context + message
