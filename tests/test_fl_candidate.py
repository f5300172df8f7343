"""The candidate and what its author claims of it."""

import subprocess
import sys

import pytest

from crypto.digest import sha256
from crypto.errors import TensorFileError
from crypto.tensors import tensor_digest
from fl.candidate import Candidate, ModelClaim, claim_for
from fl.model import ModelSpec, initial_weights, to_bytes

FILE = to_bytes(initial_weights(ModelSpec("logistic", 3, 2), 1))


def test_the_file_is_not_shown() -> None:
    assert "file=" not in repr(Candidate(FILE, claim_for(FILE, 7)))


def test_a_claim_cannot_be_made_for_what_is_no_weights_file() -> None:
    with pytest.raises(TensorFileError):
        claim_for(b"not a model", 0)


def test_a_claim_holds_both_digests_and_the_score() -> None:
    assert claim_for(FILE, 7) == ModelClaim(sha256(FILE), tensor_digest(FILE), 7)


def test_candidates_errors_and_cohorts_are_imported_without_torch_and_sklearn() -> None:
    program = (
        "import sys, fl.candidate, fl.cohort, fl.errors\n"
        "assert not {'torch', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
