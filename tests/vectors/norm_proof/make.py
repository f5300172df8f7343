"""Write the golden norm proofs anew: for second readers, and against drift of the verifier.

    python -m tests.vectors.norm_proof.make

Verifying them must never change; making them may. The prover draws Gaussians with the logarithms
and cosines of numpy, whose last bits differ between machines, so the same call elsewhere may give
other proofs that are as good. index.json says what each proof is of.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crypto.norm_proof import (
    Centre,
    Context,
    Layer,
    Params,
    centre,
    commit,
    layered_parameters,
    parameters,
    prove,
    verify,
)
from crypto.norm_proof.residues import Ints

HERE = Path(__file__).parent
INDEX = HERE / "index.json"

CONTEXT = Context(
    author="hospital-1",
    round=7,
    parent=bytes(range(32)),
    model=bytes(range(32, 64)),
    ciphertext=bytes(range(64, 96)),
    members=5,
    quantiser="truncate/n=300/clip=0x1.4p+2/bound=4096",
)


@dataclass(frozen=True)
class Golden:
    """A proof that is kept."""

    name: str
    params: Params
    has_centre: bool = False


GOLDEN = (
    Golden("plain", parameters(300, 4096)),
    Golden("layers", layered_parameters([Layer(300, 1000), Layer(20, 7)], blocks=2)),
    Golden("centre", parameters(200, 100), has_centre=True),
)


def values_of(golden: Golden) -> Ints:
    """Values by a rule that a second reader can follow: 7 k mod 9 - 4 on the first places."""
    found = np.zeros(golden.params.length, np.int64)
    start = 0
    for layer in golden.params.layers:
        count = min(layer.length, layer.bound**2 // 16)
        found[start : start + count] = np.arange(count) * 7 % 9 - 4
        start += layer.length
    return found + (centre_of(golden) if golden.has_centre else 0)


def centre_of(golden: Golden) -> Ints:
    """1009 k mod 20011 - 10005."""
    return np.arange(golden.params.length, dtype=np.int64) * 1009 % 20011 - 10005


def make(golden: Golden) -> tuple[bytes, bytes]:
    """Return a commitment and a proof."""
    around: Centre | None = None
    if golden.has_centre:
        around = centre(golden.params, centre_of(golden))
    opening = commit(golden.params, values_of(golden), bytes(range(32)))
    proof = prove(opening, CONTEXT, bytes(range(32)), around=around)
    verify(golden.params, opening.commitment, proof, CONTEXT, around=around)
    return opening.commitment, proof


def described(golden: Golden) -> dict[str, Any]:
    """What the index says of a proof."""
    return {
        "name": golden.name,
        "layers": [[layer.length, layer.bound] for layer in golden.params.layers],
        "blocks": golden.params.blocks,
        "centre": "1009 k mod 20011 - 10005" if golden.has_centre else None,
    }


def main() -> None:
    """Write all files."""
    for golden in GOLDEN:
        commitment, proof = make(golden)
        (HERE / f"{golden.name}.commitment").write_bytes(commitment)
        (HERE / f"{golden.name}.proof").write_bytes(proof)
    context = {
        key: value.hex() if isinstance(value, bytes) else value
        for key, value in asdict(CONTEXT).items()
    }
    index = {"context": context, "proofs": [described(golden) for golden in GOLDEN]}
    INDEX.write_text(json.dumps(index, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
