"""Proofs that a node holds the private key of its public key.

A proof of possession ties a public key to one name in one run. It stops a node from registering
somebody else's key as its own, and it exposes bytes that are no key at all. It cannot show that
*only* the node can sign: a node may publish its seed, or choose an ML-DSA key under which anybody
can sign (one with a small t1). Such a node can be impersonated, and nobody else.
"""

from typing import Final

from .algorithm import ML_DSA
from .digest import label_bytes
from .encoding import encode
from .errors import SignatureError
from .identity import NodeId
from .keys import PrivateKey, PublicKey
from .signature import sign, verify

POSSESSION_LABEL: Final = "tclearn/pop/v1"
"""The label of a proof of possession."""

_RHO_SIZE: Final = 32
"""Bytes of rho, which stands before t1 in an ML-DSA public key (FIPS 204, algorithm 22)."""


def prove_possession(key: PrivateKey, run_id: bytes, node: NodeId) -> bytes:
    """Return the proof that a node holds a private key, for one run."""
    return sign(key, _preimage(key.public_key, run_id, node), label_bytes(POSSESSION_LABEL))


def verify_possession(public_key: PublicKey, run_id: bytes, node: NodeId, proof: bytes) -> None:
    """Check that the private key of a public key was used in the name of a node, for one run.

    A public key whose t1 is one byte repeated was never generated and is refused whatever the
    proof: under t1 = 0, which published vectors verify as valid, anybody can write the proof.

    Raises:
        SignatureError: The proof does not show it, or the key is degenerate.
    """
    if public_key.algorithm in ML_DSA and len(set(public_key.raw[_RHO_SIZE:])) == 1:
        raise SignatureError(f"expected a generated key, found a degenerate {public_key} of {node}")
    verify(public_key, proof, _preimage(public_key, run_id, node), label_bytes(POSSESSION_LABEL))


def _preimage(public_key: PublicKey, run_id: bytes, node: NodeId) -> bytes:
    return encode([POSSESSION_LABEL, run_id, node, public_key.algorithm, public_key.raw])
