"""The witness of a proof: an opening, moved by the centre, with slack that makes the norm exact.

Four integers per layer fill its squared norm up to B^2 (Lagrange), so that what is proven is an
equation. They have a commitment t_a of their own under another matrix: sums of commitments to
values never open anything about slack.

Source: the specification, section 5 (Commit, the slack).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import ProofError
from .commitment import Centre, Opening, collect, layer_norms2
from .matrices import Matrices, vectors
from .opening import open_slack
from .parameters import RANDOM, Params
from .residues import Ints, squared_norm
from .ring import Hat, N
from .sampling import Stream, commitment_randomness, four_squares


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """What a prover knows. Secret but for t_a."""

    blocks: Ints = field(repr=False)
    """x_i = (g_i | r'_i | r''_i | a | its randomness), int64[R, columns, 256]."""
    hats: Hat = field(repr=False)
    """Their transforms, complex[128, columns, R]."""
    t_a: Ints = field(repr=False)
    """The commitment to the slack, residues int64[kappa, 256]."""


def make_witness(
    matrices: Matrices, opening: Opening, around: Centre | None, stream: Stream
) -> Witness:
    """Return the witness that the opening is within the bounds.

    Raises:
        ProofError: It is not; the message does not say by how much.
    """
    params = matrices.params
    values = collect(params, opening.payload)
    if around is not None:
        values = values - collect(params, around.blocks)
    slack = []
    norms2 = layer_norms2(params, values)
    for number, (layer, norm2) in enumerate(zip(params.layers, norms2, strict=True)):
        if norm2 > layer.bound**2:
            raise ProofError(f"layer {number}: expected a norm of {layer.bound} at most, not more")
        slack.append(four_squares(stream, layer.bound**2 - norm2))
    return fill(matrices, opening.payload, around, slack, stream)


def fill(
    matrices: Matrices,
    payload: Ints,
    around: Centre | None,
    slack: Sequence[Sequence[int]],
    stream: Stream,
) -> Witness:
    """Return the witness with this slack, whether or not the norms come out right.

    Args:
        matrices: The public ones.
        payload: int64[R, m + 16, 256].
        around: The centre.
        slack: Four integers for each layer.
        stream: Where the randomness of their commitment comes from.
    """
    params = matrices.params
    blocks = np.zeros((params.blocks, params.columns, N), np.int64)
    blocks[:, : params.payload] = payload
    if around is not None:
        blocks[:, : params.width] -= around.blocks
    end = params.payload + len(params.layers)
    blocks[-1, params.payload : end, :4] = slack
    blocks[-1, end:] = _slack_randomness(params, stream)
    hats = vectors(blocks)
    t_a = open_slack(matrices, hats[:, :, -1:], blocks[-1], split=False)
    return Witness(blocks, hats, t_a)


def _slack_randomness(params: Params, stream: Stream) -> Ints:
    limit = params.randomness2 / (params.blocks + 1)
    while True:
        found = commitment_randomness(stream, (RANDOM, N))
        if squared_norm(found) <= limit:
            return found
