"""Parameters: what the guards refuse, how blocks are chosen, what the estimates say."""

import subprocess
import sys
from pathlib import Path

import pytest

from crypto.errors import ProofError
from crypto.norm_proof import (
    Layer,
    Params,
    layered_parameters,
    parameters,
    proof_size_max,
    security,
    size_estimate,
)
from crypto.norm_proof.parameters import BOUND_MAX, LAYERS_MAX, LENGTH_MAX
from crypto.norm_proof.residues import Q
from crypto.norm_proof.ring import N
from tests.program import environment

ROOT = Path(__file__).parent.parent

REFUSED = {
    "no values": (0, 10),
    "negative length": (-5, 10),
    "too many values": (LENGTH_MAX + 1, 10),
    "negative bound": (10, -1),
    "bound out of range": (10, BOUND_MAX + 1),
    "a float": (10.0, 10),
    "a truth value": (True, 10),
    "a text": ("10", 10),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parameters_out_of_range_are_refused(name: str) -> None:
    length, bound = REFUSED[name]
    with pytest.raises(ProofError):
        parameters(length, bound)  # type: ignore[arg-type]  # that is what is tested


@pytest.mark.parametrize("blocks", [0, -1, 11, 13, 100, True, None, "1"])
def test_blocks_are_those_with_a_known_norm(blocks: int) -> None:
    with pytest.raises(ProofError, match="expected blocks"):
        Params((Layer(1000, 100),), blocks)


def test_layers_are_limited() -> None:
    with pytest.raises(ProofError, match="expected 1 to 64 layers, found 0"):
        layered_parameters([])
    with pytest.raises(ProofError, match="layers, found 65"):
        layered_parameters([Layer(1, 1)] * (LAYERS_MAX + 1))
    assert layered_parameters([Layer(1, 1)] * LAYERS_MAX).length == LAYERS_MAX
    with pytest.raises(ProofError, match="at most"):
        layered_parameters([Layer(LENGTH_MAX, 1), Layer(1, 1)])


@pytest.mark.parametrize(
    ("bound", "blocks"), [(BOUND_MAX, 9), (21_900, 9), (19_100, 12), (BOUND_MAX, 12)]
)
def test_a_bound_that_could_wrap_modulo_q_is_refused(bound: int, blocks: int) -> None:
    with pytest.raises(ProofError, match=r"barp\^2 < q"):
        parameters(10**6, bound, blocks=blocks)


@pytest.mark.parametrize(("bound", "blocks"), [(BOUND_MAX, 1), (21_600, 9), (18_800, 12)])
def test_a_bound_just_below_is_not(bound: int, blocks: int) -> None:
    found = parameters(10**6, bound, blocks=blocks)
    assert found.shortness2 < Q
    assert (41 * N * found.columns) ** 2 * found.shortness2 < Q**2


def test_layers_share_the_room_below_q() -> None:
    assert layered_parameters([Layer(5000, 11_000)] * 2, blocks=9).blocks == 9
    with pytest.raises(ProofError, match=r"barp\^2 < q"):
        layered_parameters([Layer(5000, 16_000)] * 2, blocks=9)


def test_the_guards_hold_without_assertions() -> None:
    code = (
        "from crypto.errors import ProofError\n"
        "from crypto.norm_proof import parameters\n"
        "for arguments in ((10, 40000), (0, 5), (10**6, 21900, 9)):\n"
        "    try:\n"
        "        parameters(*arguments[:2], blocks=(arguments + (None,))[2])\n"
        "    except ProofError:\n"
        "        continue\n"
        "    raise SystemExit('accepted')\n"
        "print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", code],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_no_check_is_an_assertion() -> None:
    for path in (ROOT / "crypto" / "norm_proof").glob("*.py"):
        assert "assert " not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize(
    ("length", "blocks"), [(1, 1), (256, 1), (10**4, 1), (10**5, 4), (108_996, 4), (10**6, 9)]
)
def test_blocks_are_chosen_by_size(length: int, blocks: int) -> None:
    found = parameters(length)
    assert found.blocks == blocks
    for other in (1, 2, 3, 4, 6, 9):
        if other * N <= length:
            assert size_estimate(found) <= size_estimate(parameters(length, blocks=other))


def test_every_size_up_to_three_million_has_parameters() -> None:
    for length in (1, 2, 255, 257, 1000, 50_000, 500_000, 2_000_000, 3_000_000, LENGTH_MAX):
        found = parameters(length)
        assert found.length == length
        assert size_estimate(found) < proof_size_max(found) + 10**6


def test_values_are_laid_out_in_whole_elements() -> None:
    found = layered_parameters([Layer(700, 10), Layer(1, 5)], blocks=2)
    assert found.widths == (2, 1)
    assert found.columns == 3 + 16 + 2 + 16
    assert found.rows == (2 + 3) + (2 + 1 + 2 + 1)


# Section 6 of the specification; the last digits of bits may differ by rounding.
SECURITY = {
    10_000: (128.0, 36.9, 187, 170),
    108_996: (126.0, 37.8, 175, 158),
    1_000_000: (124.8, 39.0, 160, 145),
}


@pytest.mark.parametrize("length", SECURITY)
def test_the_estimates_are_those_of_the_specification(length: int) -> None:
    soundness, norm, classical, quantum = SECURITY[length]
    found = security(parameters(length))
    assert round(found.soundness_bits, 1) == soundness
    blocks = found.assumptions[0]
    assert (blocks.dimension, round(blocks.norm_log2, 1)) == (1536, norm)
    assert (blocks.classical_bits, blocks.quantum_bits) == (classical, quantum)
    assert min(each.classical_bits for each in found.assumptions) == 130
    assert min(each.quantum_bits for each in found.assumptions) == 118


def test_the_estimator_gives_known_values_for_kyber() -> None:
    from crypto.norm_proof.estimate import root_hermite

    assert abs(root_hermite(405) - 1.0039) < 0.0002
    assert root_hermite(100) > root_hermite(400) > root_hermite(1000)
