"""Vectors to prove, and provers that cheat: they know the protocol and skip whatever hinders them.

A cheat goes through the steps of the honest prover with what it wishes were true. Nothing of it is
in the program: checks of the prover are taken out here, and a proof is assembled from what is left.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from crypto.norm_proof import (
    Context,
    Params,
    commit,
    layered_parameters,
    parameters,
    projection,
    prover,
    transcript,
)
from crypto.norm_proof.matrices import public_matrices, vectors
from crypto.norm_proof.parameters import Layer
from crypto.norm_proof.prover import Combined
from crypto.norm_proof.relations import squares
from crypto.norm_proof.residues import Ints, Q, fold
from crypto.norm_proof.ring import Hat, z_limbs
from crypto.norm_proof.sampling import Stream, four_squares
from crypto.norm_proof.wire import Proof
from crypto.norm_proof.witness import Witness, fill

CONTEXT = Context("hospital-1", 3, b"\1" * 32, b"\2" * 32, b"\3" * 32, 5, "truncate")

ONE = parameters(600, 4096)
THREE = parameters(3000, 4096, blocks=3)
LAYERED = layered_parameters([Layer(700, 3000), Layer(90, 50), Layer(5, 0)], blocks=2)
TOYS = {"one block": ONE, "three blocks": THREE, "layers": LAYERED}


def secret(seed: int = 0) -> bytes:
    """Randomness for a prover; a test wants the same every time."""
    return seed.to_bytes(32, "little")


def vector(params: Params, fraction: float = 0.97, seed: int = 0) -> Ints:
    """A Gaussian vector whose layers have about this fraction of their bounds as norms."""
    chance = np.random.default_rng(seed)
    found = []
    for layer in params.layers:
        part = chance.normal(size=layer.length)
        part *= fraction * layer.bound / np.linalg.norm(part)
        found.append(np.trunc(part).astype(np.int64))
    return np.concatenate(found)


def of_norm2(params: Params, norm2: int, layer: int = 0) -> Ints:
    """A vector of this squared norm in one layer, zero elsewhere."""
    found = np.zeros(params.length, np.int64)
    start = sum(each.length for each in params.layers[:layer])
    found[start : start + 4] = four_squares(Stream(b"norm"), norm2)
    return found


def four_large_squares(total: int) -> tuple[int, ...]:
    """Four integers of about 2^27 and less whose squares have this sum."""
    a = math.isqrt(total)
    for b in range(1, 400):
        rest = total - (a - b) ** 2
        c = math.isqrt(rest)
        for d in range(200):
            last = rest - (c - d) ** 2
            e = math.isqrt(last)
            for f in range(50):
                square = last - (e - f) ** 2
                if square >= 0 and math.isqrt(square) ** 2 == square:
                    return a - b, c - d, e - f, math.isqrt(square)
    raise AssertionError("no four squares found")


@contextmanager
def recklessness() -> Iterator[pytest.MonkeyPatch]:
    """The prover shows everything at the first attempt, however long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prover, "accepted", lambda *_: True)
        patch.setattr(prover, "squared_norm", lambda _: 0)
        patch.setattr(prover, "largest", lambda _: 0)
        yield patch


@dataclass(frozen=True)
class Cheat:
    """What a cheat does otherwise than an honest prover."""

    slack: Sequence[Sequence[int]] | None = None
    """In the place of four squares that fill up the norm; by default zeros."""
    projected: Callable[[Ints], Ints] | None = None
    """What becomes of z_3."""
    hide_constant: bool = False
    """Whether h is shown with constant coefficients of zero, whatever they are."""
    patch_garbage: bool = False
    """Whether D_1 is changed so that the linear relation holds again."""
    large: bool = False
    """Whether the witness is too large for single precision and has to be split."""
    randomness: bytes = field(default_factory=secret)
    """As of an honest prover."""


@dataclass(frozen=True)
class Forgery:
    """What a cheat comes up with."""

    commitment: Ints
    proof: Proof
    constants: list[int]
    """The constant coefficients of h, as they came out."""


def forge(
    params: Params, values: Ints, cheat: Cheat | None = None, context: Context = CONTEXT
) -> Forgery:
    """Make a proof for a vector that may have any norm."""
    cheat = cheat or Cheat()
    matrices = public_matrices(params)
    opening = commit(params, values, cheat.randomness)
    stream = Stream(b"forger" + cheat.randomness)
    slack = cheat.slack or [[0, 0, 0, 0] for _ in params.layers]
    witness = fill(matrices, opening.payload, None, slack, stream)
    h1 = transcript.h_1(transcript.h_0(matrices, None, context), opening.residues, witness.t_a)
    constants: list[int] = []
    with recklessness() as patch:
        watch_constants(patch, constants, cheat.hide_constant)
        if cheat.large:
            split_arithmetic(patch, witness)
        garbage = prover.hide(matrices, stream)
        projected = prover.project_masked(matrices, witness, garbage, h1, stream)
        if cheat.projected is not None:
            tau_1 = transcript.tau_1(h1, garbage.t_0, projected.t_b1)
            z_3 = cheat.projected(projected.z_3)
            projected = replace(projected, z_3=z_3, tau_2=transcript.tau_2(tau_1, z_3))
        combined = prover.combine(matrices, witness, projected)
        if cheat.patch_garbage:
            combined = with_patched_garbage(combined, constants)
        opened = prover.open_masked(matrices, witness, garbage, combined, stream, None)
        z_s, tau_5 = prover.relate(matrices, garbage, combined, opened, stream)
    proof = Proof(
        mask_digest=opened.mask_digest,
        tau_4=opened.tau_4,
        tau_5=tau_5,
        t_a=witness.t_a,
        t_0=garbage.t_0,
        t_b1=projected.t_b1,
        h=combined.h,
        t_b2=opened.t_b2,
        z_3=projected.z_3,
        z=opened.z,
        z_s=z_s,
    )
    return Forgery(opening.residues, proof, constants)


def watch_constants(patch: pytest.MonkeyPatch, seen: list[int], hide: bool) -> None:
    """Note the constant coefficients of h, and zero them before they are hashed."""
    honest = transcript.tau_3

    def tau_3(tau2: bytes, h: Ints) -> bytes:
        seen.extend(int(value) for value in h[:, 0])
        if hide:
            h[:, 0] = 0
        return honest(tau2, h)  # type: ignore[arg-type]  # a digest is bytes

    patch.setattr(transcript, "tau_3", tau_3)


def with_patched_garbage(combined: Combined, constants: Sequence[int]) -> Combined:
    """Add to D_1 what was taken from the constants of h."""
    terms = combined.terms.copy()
    for nu, constant in zip(combined.mixture.nu, constants, strict=True):
        change = np.array([int(value) * -constant % Q for value in nu], np.int64)
        terms[0] = (terms[0] + change) % Q
    return replace(combined, terms=terms)


def split_arithmetic(patch: pytest.MonkeyPatch, witness: Witness) -> None:
    """Let the prover handle a witness with entries up to 2^27 exactly."""
    low, high = (vectors(limb) for limb in z_limbs(witness.blocks))

    def split_squares(params: Params, left: Hat, right: Hat) -> Ints:
        if left is not witness.hats or right is not witness.hats:
            return squares(params, left, right)
        middle = squares(params, low, high) + squares(params, high, low)
        return fold((squares(params, low, low), middle, squares(params, high, high)), 13)

    def project(chunks: Sequence[projection.Chunk], blocks: Ints) -> Ints:
        flat = blocks.reshape(len(blocks), -1).astype(np.float64)
        rows = np.concatenate([projection.chunk_rows(chunk) for chunk in chunks])
        products: NDArray[np.float64] = flat @ rows
        return np.rint(products).astype(np.int64)

    patch.setattr(prover, "squares", split_squares)
    patch.setattr(prover, "project", project)
