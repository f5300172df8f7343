"""Key pairs as values: what ``crypto.signature`` makes, signs with and verifies with."""

from dataclasses import dataclass, field

from .algorithm import Algorithm
from .digest import sha256
from .errors import SignatureError
from .providers.interface import Sign


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """A public key of the right length; whether anybody holds its private key is another matter.

    Raises:
        SignatureError: The length is not that of the algorithm.
    """

    algorithm: Algorithm
    """What it verifies."""
    raw: bytes
    """The encoding of FIPS 204 or RFC 8032, without any wrapping."""

    def __post_init__(self) -> None:
        size = self.algorithm.public_key_size
        if len(self.raw) != size:
            raise SignatureError(
                f"{self.algorithm} public key: expected {size} bytes, found {len(self.raw)}"
            )

    @property
    def fingerprint(self) -> str:
        """The first half of the SHA-256 digest in hexadecimal, for messages and reports."""
        return sha256(self.raw).hex()[:32]

    def __str__(self) -> str:
        return f"{self.algorithm} key {self.fingerprint}"

    def __repr__(self) -> str:
        return f"<{self}>"


def parse_public_key(algorithm: str, raw: bytes) -> PublicKey:
    """Return a public key from what stands in a record.

    Raises:
        SignatureError: The algorithm is unknown, or the length is not the one it has.
    """
    known = {known.value: known for known in Algorithm}
    if algorithm not in known:
        raise SignatureError(f"expected one of {', '.join(known)}, found {algorithm[:64]!r}")
    return PublicKey(known[algorithm], raw)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key pair, made by ``crypto.signature.private_key``; no text form shows its secret."""

    public_key: PublicKey
    """Whom it signs for."""
    provider: str
    """The name of the provider that signs."""
    seed: bytes = field(repr=False)
    """The 32 bytes that the key pair is made from: the secret."""
    signer: Sign = field(repr=False, compare=False)
    """The loaded private key, in the hands of its provider."""

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return self.public_key.algorithm
