"""Golden proofs, a second verifier, and the same verdict on every number of threads."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from crypto.errors import ProofError
from crypto.norm_proof import Context, Layer, Params, centre, verify
from crypto.norm_proof.residues import Ints
from crypto.norm_proof.wire import decode_proof, encode_commitment, encode_proof
from tests import norm_proof_reference as reference
from tests.norm_proof_forger import CONTEXT as FORGED_CONTEXT
from tests.norm_proof_forger import Cheat, forge, of_norm2
from tests.program import environment
from tests.vectors.norm_proof.make import CONTEXT, GOLDEN, HERE, INDEX, Golden, centre_of

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
ROOT = Path(__file__).parent.parent
NAMES = {golden.name: golden for golden in GOLDEN}
SIZE_MAX = 300_000


def files(golden: Golden) -> tuple[bytes, bytes]:
    paths = (HERE / f"{golden.name}.{kind}" for kind in ("commitment", "proof"))
    commitment, proof = (path.read_bytes() for path in paths)
    return commitment, proof


def check(golden: Golden, commitment: bytes, proof: bytes, context: Context = CONTEXT) -> None:
    around = centre(golden.params, centre_of(golden)) if golden.has_centre else None
    verify(golden.params, commitment, proof, context, around=around)


def statement(params: Params, context: Context, around: Ints | None = None) -> reference.Statement:
    return reference.Statement(
        [(layer.length, layer.bound) for layer in params.layers],
        params.blocks,
        asdict(context),
        None if around is None else [int(value) for value in around],
    )


def judged_twice(
    golden: Golden, commitment: bytes, proof: bytes, context: Context = CONTEXT
) -> bool:
    """The verdict that both verifiers give."""
    around = centre_of(golden) if golden.has_centre else None
    try:
        reference.verify(statement(golden.params, context, around), commitment, proof)
        accepted = True
    except reference.RejectedError:
        accepted = False
    if accepted:
        check(golden, commitment, proof, context)
    else:
        with pytest.raises(ProofError):
            check(golden, commitment, proof, context)
    return accepted


@pytest.mark.parametrize("name", NAMES)
def test_golden_proofs_verify_for_ever(name: str) -> None:
    golden = NAMES[name]
    commitment, proof = files(golden)
    check(golden, commitment, proof)
    with pytest.raises(ProofError):
        check(golden, commitment, proof, replace(CONTEXT, round=8))


def test_the_index_says_what_the_golden_proofs_are_of() -> None:
    index = json.loads(INDEX.read_text("utf-8"))
    assert bytes.fromhex(index["context"]["parent"]) == CONTEXT.parent
    for entry, golden in zip(index["proofs"], GOLDEN, strict=True):
        layers = tuple(Layer(*each) for each in entry["layers"])
        assert Params(layers, entry["blocks"]) == golden.params
        assert (entry["centre"] is not None) == golden.has_centre


def test_the_golden_proofs_are_small() -> None:
    assert sum(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < SIZE_MAX


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_verifier_accepts_what_is_accepted(name: str) -> None:
    assert judged_twice(NAMES[name], *files(NAMES[name]))


def bump(name: str) -> Callable[[Params, bytes], bytes]:
    def change(params: Params, data: bytes) -> bytes:
        proof = decode_proof(params, data)
        array = getattr(proof, name).copy()
        array.reshape(-1)[5] += 1
        return encode_proof(params, replace(proof, **{name: array}))

    return change


CHANGES: dict[str, Callable[[Params, bytes], bytes]] = {
    "z": bump("z"),
    "z_s": bump("z_s"),
    "z_3": bump("z_3"),
    "t_B2": bump("t_b2"),
    "h": bump("h"),
    "one byte less": lambda _, data: data[:-1],
    "one byte more": lambda _, data: data + b"\0",
    "last bit": lambda _, data: data[:-1] + bytes([data[-1] ^ 0x80]),
    "tau_5": lambda _, data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
}
QUICK = ("z_s", "t_B2", "one byte less", "last bit")


@pytest.mark.parametrize("change", CHANGES if CAMPAIGN else QUICK)
@pytest.mark.parametrize("name", NAMES if CAMPAIGN else ["plain"])
def test_the_reference_verifier_refuses_what_is_refused(name: str, change: str) -> None:
    golden = NAMES[name]
    commitment, proof = files(golden)
    assert not judged_twice(golden, commitment, CHANGES[change](golden.params, proof))


def test_both_verifiers_refuse_a_cheat_and_another_context() -> None:
    golden = NAMES["plain"]
    values = of_norm2(golden.params, golden.params.layers[0].bound ** 2 + 1)
    forgery = forge(golden.params, values, Cheat(hide_constant=True))
    commitment = encode_commitment(forgery.commitment)
    proof = encode_proof(golden.params, forgery.proof)
    assert not judged_twice(golden, commitment, proof, FORGED_CONTEXT)
    assert not judged_twice(golden, *files(golden), replace(CONTEXT, author="hospital-2"))


JUDGE = """
import sys
from dataclasses import replace
from crypto.errors import ProofError
from crypto.norm_proof import Claim, centre, verify_all
from tests.vectors.norm_proof.make import CONTEXT, GOLDEN, HERE, centre_of
claims = []
for golden in GOLDEN:
    commitment = (HERE / f"{golden.name}.commitment").read_bytes()
    proof = (HERE / f"{golden.name}.proof").read_bytes()
    around = centre(golden.params, centre_of(golden)) if golden.has_centre else None
    good = Claim(golden.params, commitment, proof, CONTEXT, around)
    middle = len(proof) // 2
    bad = proof[:middle] + bytes([proof[middle] ^ 1]) + proof[middle + 1 :]
    claims += [good, replace(good, proof=bad), replace(good, context=replace(CONTEXT, round=8))]
print([str(fault) for fault in verify_all(claims, workers=int(sys.argv[1]))])
"""


def test_verdicts_do_not_depend_on_threads_or_libraries() -> None:
    """The same words, challenges included, with other numbers of threads and other BLAS kernels."""
    settings = [
        (1, {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "1"}),
        (4, {"OPENBLAS_NUM_THREADS": "4", "PYTHONHASHSEED": "2"}),
        (2, {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Sandybridge"}),
        (1, {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}),
    ]
    found = set()
    for workers, variables in settings:
        done = subprocess.run(
            [sys.executable, "-c", JUDGE, str(workers)],
            cwd=ROOT,
            env=environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
    assert found.pop().count("'None'") == len(GOLDEN)


def test_the_reference_shares_nothing_with_the_program() -> None:
    text = Path(reference.__file__).read_text("utf-8")
    assert "import crypto" not in text
    assert "from crypto" not in text
    assert "numpy" not in text
    assert np.__name__ not in vars(reference)
