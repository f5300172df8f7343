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
    """Training samples behind it: its weight in the mean, unless norms are proven."""
    proof: Digest | None = None
    """SHA-256 of the file that proves that it is small; None where the genesis asks for none."""


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
    total: Digest | None = None
    """SHA-256 of the file that opens the sum of the commitments; None without proofs."""


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
    proven: dict[str, Value] = {}
    if candidate.total is not None:
        proven["total"] = candidate.total
    return proven | {
        "kind": "model",
        "model": model_value(candidate.model),
        "base": candidate.base,
        "scheme": candidate.scheme,
        "global_score": candidate.global_score,
        "updates": [update_value(each) for each in candidate.updates],
    }


def update_value(entry: UpdateEntry) -> Value:
    """The row that stands in a core."""
    said: list[Value] = [entry.author, entry.update, entry.sample_count]
    return said if entry.proof is None else [*said, entry.proof]


def read_model_candidate(value: Any) -> ModelCandidate:
    """Read a map of kind ``model``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    names = ["kind", "model", "base", "scheme", "global_score", "updates"]
    if type(value) is dict and "total" in value:
        names.append("total")
    _, model, base, scheme, global_score, updates, *total = schema.fields(
        value, "the candidate", *names
    )
    entries = schema.items(updates, "updates", read_update)
    schema.check_sorted((each.author for each in entries), "updates")
    return ModelCandidate(
        read_model(model),
        schema.digest32(base, "base"),
        schema.text(scheme, "scheme"),
        schema.integer(global_score, "global_score"),
        entries,
        schema.digest32(total[0], "the total") if total else None,
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


def read_update(value: Any, where: str) -> UpdateEntry:
    """Read a row.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    proven = type(value) is list and len(value) == 4
    author, update, sample_count, *proof = schema.row(value, where, 4 if proven else 3)
    return UpdateEntry(
        schema.node(author, "an update's author"),
        schema.digest32(update, "an update's digest"),
        schema.integer(sample_count, "an update's sample count", least=1),
        schema.digest32(proof[0], "an update's proof") if proof else None,
    )
