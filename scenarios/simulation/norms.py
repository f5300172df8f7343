"""Proving the norm of updates in a simulation: from a delta to integers, a commitment, a proof."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from crypto.digest import Digest, digest
from crypto.errors import ProofError
from crypto.norm_proof import commit, decode_payload, encode_payload, prove
from crypto.norm_proof.commitment import collect
from fl.quantize import QuantizedUpdate, Quantizer, dequantize, quantize
from ledger.candidate import UpdateEntry
from ledger.norm import (
    NormRule,
    ProofFile,
    encode_proof_file,
    params_of,
    proof_context,
)

_RANDOMNESS_LABEL = "tclearn/proof-randomness/v1"


@dataclass(frozen=True, slots=True)
class Proven:
    """What goes with an update."""

    file: bytes
    """The proof file."""
    payload: bytes
    """What opens the commitment, for the leader."""


@dataclass(frozen=True, slots=True)
class Norm:
    """How a coalition's updates become integers, and what is proven of them."""

    quantizer: Quantizer
    """The map."""
    rule: NormRule
    """The rule of the genesis."""

    def integers(
        self, delta: torch.Tensor, generator: np.random.Generator, *, clip: bool
    ) -> NDArray[np.int64]:
        """The integers of an update, int64[n_params].

        Args:
            delta: float32[n_params].
            generator: For unbiased rounding.
            clip: Whether to keep to the bound; a cheat does not.
        """
        # No integer stands for what is not finite: of an attack, or of a training that diverged.
        delta = torch.nan_to_num(delta, nan=0.0, posinf=0.0, neginf=0.0)
        if clip:
            return quantize(self.quantizer, delta, generator).values
        scaled = delta.to(torch.float64).numpy() * self.quantizer.scale
        return np.clip(np.trunc(scaled), -_ENTRY_MAX, _ENTRY_MAX).astype(np.int64)

    def update_of(self, values: NDArray[np.int64]) -> torch.Tensor:
        """The delta that integers stand for, float32[n_params]."""
        return dequantize(QuantizedUpdate(values, self.quantizer.scale))

    def mean_in(self, total: bytes, count: int) -> torch.Tensor:
        """The mean of some updates from what opens the sum of their commitments, float32[n_params].

        Every update weighs the same: no author's word makes it count for more. Whoever has the
        total computes the same mean.

        Args:
            total: The total file.
            count: How many updates it is the sum of.

        Raises:
            ProofError: The file has another size.
        """
        params = params_of(self.rule)
        values = collect(params, decode_payload(params, total))
        return torch.from_numpy((values / (self.quantizer.scale * count)).astype(np.float32))

    def prove(
        self,
        values: NDArray[np.int64],
        entry: UpdateEntry,
        slot: int,
        parent: Digest,
        base: Digest,
        seed: int,
        labels: tuple[str | int, ...],
    ) -> Proven:
        """Commit to integers and prove their norm; of a cheat's, hand in a proof of zeros.

        Args:
            values: int64[n_params].
            entry: What the ledger will say of the update, but for the proof.
            slot: Its slot.
            parent: Core hash of the block before.
            base: Tensor digest of the model that was trained further.
            seed: Of the run.
            labels: Of the randomness.
        """
        params = params_of(self.rule)
        context = proof_context(self.rule, entry, slot, parent, base)
        secrets = [digest(_RANDOMNESS_LABEL, [seed, *labels, number]) for number in range(2)]
        opening = commit(params, values, secrets[0])
        payload = encode_payload(opening.payload)
        try:
            proof = prove(opening, context, secrets[1])
        except ProofError:  # too long: only a cheat gets here, and proves something else
            zeros = commit(params, np.zeros_like(values), secrets[0])
            proof = prove(zeros, context, secrets[1])
        return Proven(encode_proof_file(ProofFile(opening.commitment, proof)), payload)


_ENTRY_MAX = 2**25
"""The largest entry that can be committed to, and a little less."""


def sum_of_payloads(rule: NormRule, payloads: Sequence[bytes]) -> bytes:
    """The total file of some contributions."""
    params = params_of(rule)
    total = sum(decode_payload(params, payload) for payload in payloads)
    return encode_payload(np.asarray(total, np.int64))
