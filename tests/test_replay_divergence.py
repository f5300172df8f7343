"""The first field in which two cores differ is named by its path, with both values."""

from dataclasses import replace

import pytest

from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from ledger.block import Core, RecordType
from ledger.candidate import ModelCandidate
from scenarios.replay.divergence import Divergence, first_divergence
from tests.forge import Forge, model_bytes, start

FORGE = Forge()
STATE = start(FORGE.genesis())
CANDIDATE = FORGE.model(STATE, model_bytes(1))
CORE = FORGE.core(STATE, RecordType.ACCEPTED, CANDIDATE)
ENTRY = CANDIDATE.updates[0]
OTHER = sha256(b"other")
GENESIS = FORGE.genesis().core


def with_candidate(candidate: ModelCandidate | None) -> Core:
    return replace(CORE, body=candidate)


def with_model(
    file: Digest = CANDIDATE.model.file, tensors: Digest = CANDIDATE.model.tensors
) -> Core:
    return with_candidate(
        replace(CANDIDATE, model=replace(CANDIDATE.model, file=file, tensors=tensors))
    )


CASES: list[tuple[Core, Divergence]] = [
    (replace(CORE, type=RecordType.REJECTED), Divergence("type", "accepted", "rejected")),
    (replace(CORE, height=2), Divergence("height", "1", "2")),
    (replace(CORE, prev=OTHER), Divergence("prev", CORE.prev.hex(), OTHER.hex())),
    (
        replace(CORE, prev_voters=(NodeId("h1"),)),
        Divergence("prev_voters", "a list of 0", "a list of 1"),
    ),
    (replace(CORE, time_us=7), Divergence("time_us", "1000000", "7")),
    (replace(CORE, proposer=None), Divergence("proposer", "h1", "nothing")),
    (
        with_candidate(None),
        Divergence(
            "body.candidate",
            "a map of kind, model, base, scheme, global_score, updates",
            "nothing",
        ),
    ),
    (
        with_model(tensors=OTHER),
        Divergence("body.candidate.model.tensors", CANDIDATE.model.tensors.hex(), OTHER.hex()),
    ),
    (
        with_model(OTHER, OTHER),
        Divergence("body.candidate.model.file", CANDIDATE.model.file.hex(), OTHER.hex()),
    ),
    (
        with_candidate(replace(CANDIDATE, global_score=1)),
        Divergence("body.candidate.global_score", "900000", "1"),
    ),
    (
        with_candidate(replace(CANDIDATE, updates=(replace(ENTRY, sample_count=91),))),
        Divergence("body.candidate.updates.0.2", "90", "91"),
    ),
]


@pytest.mark.parametrize(("other", "expected"), CASES, ids=[each.field for _, each in CASES])
def test_a_changed_field_is_named_with_both_values(other: Core, expected: Divergence) -> None:
    assert first_divergence(CORE, other) == expected


def test_equal_cores_do_not_differ() -> None:
    assert first_divergence(CORE, replace(CORE)) is None


def test_a_weakened_quorum_set_of_the_genesis_is_named_with_its_hospital() -> None:
    weak = Forge(quorum_set=lambda nodes: replace(FORGE.quorum_sets[nodes[0]], threshold=1))
    body = weak.genesis().core.body
    found = first_divergence(GENESIS, replace(GENESIS, body=body))
    assert found == Divergence("body.quorum_sets.h1.0", "3", "1")


def test_another_kind_of_body_differs_as_a_whole() -> None:
    found = first_divergence(CORE, replace(CORE, body=GENESIS.body))
    assert found is not None
    assert found.field == "body"
