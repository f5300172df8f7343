"""What a signature library has to offer to be a provider.

A provider gets input whose sizes were checked: seeds of 32 bytes, public keys and signatures of the
length of their algorithm, contexts of at most 255 bytes. ``None`` is the absence of a context: for
ML-DSA the same as an empty one, for Ed25519 the message without any prefix.
"""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeAlias

from ..algorithm import Algorithm

Sign: TypeAlias = Callable[[bytes, bytes | None], bytes]
"""(message, context) to signature, under one private key."""

Verify: TypeAlias = Callable[[bytes, bytes, bytes | None], bool]
"""(signature, message, context) to whether it verifies, under one public key; never raises."""


class Provider(Hashable, Protocol):
    """A loaded signature library; every instance is equal to itself alone."""

    @property
    def name(self) -> str:
        """The name by which a user asks for it."""

    @property
    def version(self) -> str:
        """The versions of the library and of its Python binding."""

    @property
    def algorithms(self) -> frozenset[Algorithm]:
        """What this build of the library can do."""

    def signer(self, algorithm: Algorithm, seed: bytes) -> tuple[bytes, Sign]:
        """Make the key pair of a seed; return the public key and a way to sign."""

    def verifier(self, algorithm: Algorithm, public_key: bytes) -> Verify:
        """Load a public key; return a way to verify, safe to call from several threads.

        Raises:
            SignatureError: The bytes are not a public key.
        """
