"""A zero-knowledge proof that a committed vector of integers has a norm of at most B, exactly.

`commit` to the values, encrypt the payload, `prove` with a context that names author, round, parent
block, model and ciphertext; everybody can `verify`. The honest bound and the proven bound are the
same integer. Bounds can be given layer by layer, or around a public `centre`. `check_sum` ties a
decrypted sum to the commitments, `check_response` names the hospital whose ciphertext differs.

The proof is that of Lyubashevsky, Nguyen and Plancon (CRYPTO 2022) with four-square slack, opening
amortised over blocks, and projections that exclude wrapping modulo q. docs/norm-proof.md states
relation, parameters, security and what is not claimed. This is a research prototype: nobody outside
has reviewed it.
"""

from ..errors import ProofError
from .aggregate import check_sum, decode_payload, encode_payload
from .batch import Claim, verify_all
from .commitment import RANDOMNESS_SIZE, Centre, Opening, centre, commit
from .context import Context
from .estimate import Hardness, Security, security
from .parameters import Layer, Params, layered_parameters, parameters, size_estimate
from .prover import EncryptMask, prove
from .response import check_response, response_challenges
from .verifier import verify
from .wire import commitment_size, proof_size_max

__all__ = [
    "RANDOMNESS_SIZE",
    "Centre",
    "Claim",
    "Context",
    "EncryptMask",
    "Hardness",
    "Layer",
    "Opening",
    "Params",
    "ProofError",
    "Security",
    "centre",
    "check_response",
    "check_sum",
    "commit",
    "commitment_size",
    "decode_payload",
    "encode_payload",
    "layered_parameters",
    "parameters",
    "proof_size_max",
    "prove",
    "response_challenges",
    "security",
    "size_estimate",
    "verify",
    "verify_all",
]
