"""``tclearn proof demo``: an update is proven to be small, and five cheats are refused."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from rich.table import Table

from crypto.norm_proof import (
    Context,
    Params,
    ProofError,
    commit,
    parameters,
    prove,
    security,
    verify,
)
from crypto.norm_proof.matrices import public_matrices
from crypto.norm_proof.prover import prove_witness
from crypto.norm_proof.residues import Ints
from crypto.norm_proof.sampling import Stream
from crypto.norm_proof.transcript import h_0, h_1
from crypto.norm_proof.wire import encode_proof
from crypto.norm_proof.witness import fill

from .output import console, quoted, write_json

Result = TypeVar("Result")

LENGTH_MIN = 2
"""Values that the cheat with too long an update needs."""

REASON_CHARACTERS = 60
"""Characters of a reason that the table shows; ``--json`` has all."""

_CONTEXT = Context(
    author="hospital-1",
    round=7,
    parent=b"\1" * 32,
    model=b"\2" * 32,
    ciphertext=b"\3" * 32,
    members=5,
    quantiser="truncate",
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a hospital sends, and what it says that it is."""

    commitment: bytes
    """Of the update."""
    proof: bytes
    """That it is small."""
    context: Context
    """As a verifier knows it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a submission."""

    name: str
    """What was tried."""
    reason: str | None
    """Why it was refused; None where it was accepted."""
    time_us: int
    """What the verdict took."""


def demo(length: int, bound: int, as_json: bool) -> int:
    """Prove and verify once, then cheat five times; status 0 if the verdicts are right."""
    params = parameters(max(length, LENGTH_MIN), bound)
    setup_us = _timed(lambda: public_matrices(params))[1]
    values = _values(params)
    opening, commit_us = _timed(lambda: commit(params, values, secrets.token_bytes(32)))
    proof, prove_us = _timed(lambda: prove(opening, _CONTEXT, secrets.token_bytes(32)))
    honest = Submission(opening.commitment, proof, _CONTEXT)
    accepted = _judge(params, "honest", honest)
    cheats = [_judge(params, name, sent) for name, sent in _cheats(params, honest).items()]
    right = accepted.reason is None and all(each.reason is not None for each in cheats)
    soundness_bits = security(params).soundness_bits
    if as_json:
        write_json(
            {
                "verdict": "as expected" if right else "not as expected",
                "length": params.length,
                "bound": bound,
                "blocks": params.blocks,
                "soundness_bits": round(soundness_bits, 1),
                "setup_us": setup_us,
                "commit_us": commit_us,
                "prove_us": prove_us,
                "verify_us": accepted.time_us,
                "commitment_size_bytes": len(honest.commitment),
                "proof_size_bytes": len(honest.proof),
                "honest": {"accepted": accepted.reason is None, "reason": accepted.reason},
                "cheats": [
                    {
                        "name": each.name,
                        "refused": each.reason is not None,
                        "reason": each.reason,
                        "verify_us": each.time_us,
                    }
                    for each in cheats
                ],
            }
        )
        return 0 if right else 1
    out = console()
    out.print(
        f"{params.length:,} integers of norm {bound:,} at most, in blocks of {params.blocks};"
        f" error 2^-{soundness_bits:.0f} for each hash\n"
    )
    size = len(honest.commitment) + len(honest.proof)
    out.print(f"set up   {_milliseconds(setup_us)}  once for these parameters")
    out.print(f"commit   {_milliseconds(commit_us)}  {len(honest.commitment):,} bytes")
    out.print(f"prove    {_milliseconds(prove_us)}  {len(honest.proof):,} bytes, {size:,} in all")
    word = "[green]accepted[/]" if accepted.reason is None else "[bold red]refused[/]"
    out.print(f"verify   {_milliseconds(accepted.time_us)}  {word}\n")
    table = Table("cheat", "verdict", "time", "because", box=None, pad_edge=False)
    for each in cheats:
        word = "[bold red]accepted[/]" if each.reason is None else "[green]refused[/]"
        reason = quoted((each.reason or "")[:REASON_CHARACTERS])
        table.add_row(each.name, word, _milliseconds(each.time_us), reason)
    out.print(table)
    return 0 if right else 1


def _cheats(params: Params, honest: Submission) -> dict[str, Submission]:
    """What is to be refused, by what it tries."""
    other = commit(params, _values(params), secrets.token_bytes(32))
    later = replace(_CONTEXT, round=_CONTEXT.round + 1, parent=b"\4" * 32)
    return {
        "an update too long by one": _too_long(params),
        "replayed in the next round": replace(honest, context=later),
        "under another name": replace(honest, context=replace(_CONTEXT, author="hospital-2")),
        "with another ciphertext": replace(
            honest, context=replace(_CONTEXT, ciphertext=b"\5" * 32)
        ),
        "for another update": replace(honest, commitment=other.commitment),
    }


def _too_long(params: Params) -> Submission:
    """A proof for a squared norm of B^2 + 1, by a prover that skips its own checks."""
    values = np.zeros(params.length, np.int64)
    values[:2] = params.layers[0].bound, 1
    opening = commit(params, values, secrets.token_bytes(32))
    matrices = public_matrices(params)
    stream = Stream(secrets.token_bytes(32))
    witness = fill(matrices, opening.payload, None, [(0, 0, 0, 0)], stream)
    h1 = h_1(h_0(matrices, None, _CONTEXT), opening.residues, witness.t_a)
    proof = encode_proof(params, prove_witness(matrices, witness, h1, stream))
    return Submission(opening.commitment, proof, _CONTEXT)


def _judge(params: Params, name: str, sent: Submission) -> Verdict:
    def reason() -> str | None:
        try:
            verify(params, sent.commitment, sent.proof, sent.context)
        except ProofError as error:
            return str(error)
        return None

    found, time_us = _timed(reason)
    return Verdict(name, found, time_us)


def _values(params: Params) -> Ints:
    """A random vector just within the bound."""
    chance = np.random.default_rng()
    values = chance.normal(size=params.length)
    values *= params.layers[0].bound / np.linalg.norm(values) * (1 - 1e-12)
    return np.trunc(values).astype(np.int64)


def _timed(work: Callable[[], Result]) -> tuple[Result, int]:
    start = time.perf_counter_ns()
    result = work()
    return result, (time.perf_counter_ns() - start) // 1000


def _milliseconds(time_us: int) -> str:
    return f"{time_us / 1000:7.1f} ms"
