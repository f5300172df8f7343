"""ML-DSA by OpenSSL, through ``cryptography``: always installed, and safe from any thread.

Importing this module loads the library. Source: FIPS 204; signing is hedged (randomised).
"""

from collections.abc import Callable
from typing import Final, Protocol

import cryptography
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric import mldsa

from ..algorithm import SEED_SIZE, Algorithm
from ..errors import ProviderError, SignatureError
from .interface import Sign, Verify


class _PublicKey(Protocol):
    def public_bytes_raw(self) -> bytes: ...

    def verify(self, signature: bytes, data: bytes, context: bytes | None = None) -> None: ...


class _PrivateKey(Protocol):
    def public_key(self) -> _PublicKey: ...

    def sign(self, data: bytes, context: bytes | None = None) -> bytes: ...


_PRIVATE: Final[dict[Algorithm, Callable[[bytes], _PrivateKey]]] = {
    Algorithm.ML_DSA_44: mldsa.MLDSA44PrivateKey.from_seed_bytes,
    Algorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.from_seed_bytes,
    Algorithm.ML_DSA_87: mldsa.MLDSA87PrivateKey.from_seed_bytes,
}
_PUBLIC: Final[dict[Algorithm, Callable[[bytes], _PublicKey]]] = {
    Algorithm.ML_DSA_44: mldsa.MLDSA44PublicKey.from_public_bytes,
    Algorithm.ML_DSA_65: mldsa.MLDSA65PublicKey.from_public_bytes,
    Algorithm.ML_DSA_87: mldsa.MLDSA87PublicKey.from_public_bytes,
}


class OpenSSL:
    """The provider ``openssl``."""

    name: Final = "openssl"

    def __init__(self) -> None:
        self.version = f"{backend.openssl_version_text()}, cryptography {cryptography.__version__}"
        self.algorithms = frozenset(algorithm for algorithm in _PRIVATE if _works(algorithm))
        if not self.algorithms:
            raise ProviderError(
                f"{self.version} has no ML-DSA: install a wheel of cryptography from PyPI, "
                "which carries an OpenSSL that has it"
            )

    def signer(self, algorithm: Algorithm, seed: bytes) -> tuple[bytes, Sign]:
        """Make the key pair of a seed; return the public key and a way to sign."""
        key = _PRIVATE[algorithm](seed)
        return key.public_key().public_bytes_raw(), key.sign

    def verifier(self, algorithm: Algorithm, public_key: bytes) -> Verify:
        """Load a public key; return a way to verify."""
        try:
            key = _PUBLIC[algorithm](public_key)
        except ValueError as error:
            raise SignatureError(f"expected an {algorithm} public key: {error}") from None

        def verify(signature: bytes, message: bytes, context: bytes | None) -> bool:
            try:
                key.verify(signature, message, context)
            except InvalidSignature:
                return False
            return True

        return verify


def _works(algorithm: Algorithm) -> bool:
    """Return whether this build of OpenSSL has an algorithm."""
    try:
        _PRIVATE[algorithm](bytes(SEED_SIZE))
    except UnsupportedAlgorithm:
        return False
    return True
