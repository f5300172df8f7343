"""Signatures: ML-DSA (FIPS 204) by two providers, and Ed25519 (RFC 8032).

A context binds a signature to its purpose. For ML-DSA it is the context of FIPS 204, and None is
the same as an empty one. Ed25519 has none, so ``crypto.providers.sodium`` binds it as FIPS 204
does; there None is the message as it is.

ML-DSA signatures are randomised: two signatures of one message differ, so a digest that a replay
compares never covers one. No library is loaded before a key is used.
"""

from functools import lru_cache
from typing import Final

from .algorithm import CONTEXT_SIZE_MAX, ML_DSA, SEED_SIZE, Algorithm
from .errors import SignatureError
from .keys import PrivateKey, PublicKey, parse_public_key
from .providers.choice import ProviderStatus, choose, providers
from .providers.interface import Provider, Verify

__all__ = [
    "CONTEXT_SIZE_MAX",
    "ML_DSA",
    "SEED_SIZE",
    "Algorithm",
    "PrivateKey",
    "ProviderStatus",
    "PublicKey",
    "parse_public_key",
    "private_key",
    "providers",
    "sign",
    "verify",
]

LOADED_KEYS_MAX: Final = 1024
"""How many public keys are kept in the form that their provider loaded."""


def private_key(algorithm: Algorithm, seed: bytes, provider: str | None = None) -> PrivateKey:
    """Make the key pair of a seed: the same one with every provider.

    Args:
        algorithm: What the key signs with.
        seed: 32 secret bytes (xi of FIPS 204, the private key of RFC 8032).
        provider: A provider by name; None for the choice of the environment.

    Raises:
        SignatureError: The seed does not have 32 bytes.
        ProviderError: No provider can do this.
    """
    if len(seed) != SEED_SIZE:
        raise SignatureError(f"{algorithm} seed: expected {SEED_SIZE} bytes, found {len(seed)}")
    chosen = choose(algorithm, provider)
    raw, signer = chosen.signer(algorithm, seed)
    return PrivateKey(PublicKey(algorithm, raw), chosen.name, seed, signer)


def sign(key: PrivateKey, message: bytes, context: bytes | None = b"") -> bytes:
    """Sign a message under a context.

    Raises:
        SignatureError: The context has more than 255 bytes.
    """
    _check_context(context)
    return key.signer(message, context)


def verify(
    public_key: PublicKey,
    signature: bytes,
    message: bytes,
    context: bytes | None = b"",
    provider: str | None = None,
) -> None:
    """Check that a signature of a message under a context verifies under a public key.

    Raises:
        SignatureError: It does not, or it or the context has the wrong length.
        ProviderError: No provider can check it.
    """
    _check_context(context)
    size = public_key.algorithm.signature_size
    if len(signature) != size:
        raise SignatureError(
            f"{public_key.algorithm} signature: expected {size} bytes, found {len(signature)}"
        )
    chosen = choose(public_key.algorithm, provider)
    if not _verifier(chosen, public_key)(signature, message, context):
        raise SignatureError(
            f"expected a signature of this message by the {public_key} in the context {context!r}, "
            "found one that does not verify"
        )


@lru_cache(LOADED_KEYS_MAX)
def _verifier(provider: Provider, public_key: PublicKey) -> Verify:
    return provider.verifier(public_key.algorithm, public_key.raw)


def _check_context(context: bytes | None) -> None:
    if context is not None and len(context) > CONTEXT_SIZE_MAX:
        raise SignatureError(
            f"expected a context of at most {CONTEXT_SIZE_MAX} bytes, found {len(context)}"
        )
