"""The signature algorithms and their sizes.

Sources: FIPS 204, table 2 (ML-DSA); RFC 8032, section 5.1 (Ed25519).
"""

from enum import StrEnum
from typing import Final

SEED_SIZE: Final = 32
"""Bytes of the seed that a key pair is made from, for every algorithm here."""

CONTEXT_SIZE_MAX: Final = 255
"""The longest context, in bytes: FIPS 204, algorithm 2, line 1."""


class Algorithm(StrEnum):
    """A signature algorithm, by the name that is signed and stored."""

    ML_DSA_44 = "ML-DSA-44"
    ML_DSA_65 = "ML-DSA-65"
    ML_DSA_87 = "ML-DSA-87"
    ED25519 = "Ed25519"

    @property
    def public_key_size(self) -> int:
        """Bytes in a public key."""
        return _SIZES[self][0]

    @property
    def signature_size(self) -> int:
        """Bytes in a signature."""
        return _SIZES[self][1]


ML_DSA: Final = (Algorithm.ML_DSA_44, Algorithm.ML_DSA_65, Algorithm.ML_DSA_87)
"""The parameter sets of FIPS 204."""

# {algorithm: (bytes in a public key, bytes in a signature)}
_SIZES: Final = {
    Algorithm.ML_DSA_44: (1312, 2420),
    Algorithm.ML_DSA_65: (1952, 3309),
    Algorithm.ML_DSA_87: (2592, 4627),
    Algorithm.ED25519: (32, 64),
}
