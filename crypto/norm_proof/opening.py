"""The linear maps that openings are checked with: A and S for the blocks, A_0 and B' for garbage.

Prover and verifier apply the same maps, one to masks and the other to responses.

Source: the specification, section 5 (V1 and V3).
"""

import numpy as np

from .matrices import Matrices, apply
from .parameters import KAPPA, KAPPA_0, LAMBDA
from .residues import Ints, Q
from .ring import Hat


def open_blocks(matrices: Matrices, hats: Hat, vector: Ints) -> Ints:
    """Return (A v | S v_a): residues int64[2 * kappa, 256], for a vector int64[columns, 256].

    Args:
        matrices: The public ones.
        hats: complex[128, columns, 2], the vector by limbs.
        vector: The vector itself.
    """
    params = matrices.params
    inner = params.width + LAMBDA
    main = apply(matrices.a, hats[:, :inner], split=True)[:, 0]
    return np.concatenate(
        [(main + vector[inner : inner + KAPPA]) % Q, open_slack(matrices, hats, vector, split=True)]
    )


def open_slack(matrices: Matrices, hats: Hat, vector: Ints, *, split: bool) -> Ints:
    """Return S v_a: residues int64[kappa, 256]."""
    start = matrices.params.payload
    stop = start + matrices.s.shape[2]
    product = apply(matrices.s, np.ascontiguousarray(hats[:, start:stop]), split=split)[:, 0]
    return (product + vector[stop : stop + KAPPA]) % Q


def open_garbage(matrices: Matrices, hats: Hat, s: Ints, *, split: bool) -> tuple[Ints, Ints]:
    """Return s_0 + A_0 (s_e | s') and s_e + B' s': residues int64[kappa_0 and rows, 256].

    Args:
        matrices: The public ones.
        hats: complex[128, m_s, 1 or 2], the vector, by limbs if ``split``.
        s: The vector itself, int64[m_s, 256].
        split: Whether it is split into limbs.
    """
    end = KAPPA_0 + matrices.params.rows
    top = apply(matrices.a_0, hats[:, KAPPA_0:], split=split)[:, 0]
    rows = apply(matrices.b, hats[:, end:], split=split)[:, 0]
    return (s[:KAPPA_0] + top) % Q, (s[KAPPA_0:end] + rows) % Q
