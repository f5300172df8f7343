"""Candidates for the coalition's model, and the proposal to end the run."""

from dataclasses import dataclass
from typing import Any

from crypto.digest import Digest
from crypto.encoding import Value
from crypto.identity import NodeId

from . import schema
from .model import ModelFile, model_value, read_model


@dataclass(frozen=True, slots=True)
class UpdateEntry:
    """One hospital's contribution to a candidate."""

    author: NodeId
    """Who trained it."""
    update: Digest
    """Digest of the update."""
    sample_count: int
    """Training samples behind it: its weight in the mean."""


@dataclass(frozen=True, slots=True)
class ModelCandidate:
    """A model put to the vote."""

    model: ModelFile
    """The candidate's weights."""
    base: Digest
    """Tensor digest of the model it was trained from."""
    scheme: str
    """``sequential`` or ``fedavg``."""
    global_score: int
    """The proposer's score on G, in millionths; every validator recomputes it."""
    updates: tuple[UpdateEntry, ...]
    """What was combined, sorted by author."""


@dataclass(frozen=True, slots=True)
class EndCandidate:
    """The proposal to end the run."""

    final_height: int
    """Height of the end block."""
    accepted_count: int
    """Models accepted."""
    model: Digest
    """Tensor digest of the final model."""


def model_candidate_value(candidate: ModelCandidate) -> Value:
    """The map that stands in a core."""
    return {
        "kind": "model",
        "model": model_value(candidate.model),
        "base": candidate.base,
        "scheme": candidate.scheme,
        "global_score": candidate.global_score,
        "updates": [[each.author, each.update, each.sample_count] for each in candidate.updates],
    }


def read_model_candidate(value: Any) -> ModelCandidate:
    """Read a map of kind ``model``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, model, base, scheme, global_score, updates = schema.fields(
        value, "the candidate", "kind", "model", "base", "scheme", "global_score", "updates"
    )
    entries = schema.items(updates, "updates", _read_update)
    schema.check_sorted((each.author for each in entries), "updates")
    return ModelCandidate(
        read_model(model),
        schema.digest32(base, "base"),
        schema.text(scheme, "scheme"),
        schema.integer(global_score, "global_score"),
        entries,
    )


def end_candidate_value(candidate: EndCandidate) -> Value:
    """The map that stands in a core."""
    return {
        "kind": "end",
        "final_height": candidate.final_height,
        "accepted_count": candidate.accepted_count,
        "model": candidate.model,
    }


def read_end_candidate(value: Any) -> EndCandidate:
    """Read a map of kind ``end``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, final_height, accepted_count, model = schema.fields(
        value, "the candidate", "kind", "final_height", "accepted_count", "model"
    )
    return EndCandidate(
        schema.integer(final_height, "final_height", least=1),
        schema.integer(accepted_count, "accepted_count"),
        schema.digest32(model, "model"),
    )


def _read_update(value: Any, where: str) -> UpdateEntry:
    author, update, sample_count = schema.row(value, where, 3)
    return UpdateEntry(
        schema.node(author, "an update's author"),
        schema.digest32(update, "an update's digest"),
        schema.integer(sample_count, "an update's sample count", least=1),
    )
