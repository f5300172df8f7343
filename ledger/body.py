"""The bodies of blocks: a genesis, or what was put to the vote, or nothing.

    genesis   the map of `ledger.genesis`
    others    {"candidate": map with "kind", or null where no candidate arrived}

A candidate's digest is what verdicts are signed over. Source: docs/ledger-format.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

from crypto.digest import Digest, digest
from crypto.encoding import Value

from . import schema
from .candidate import (
    EndCandidate,
    ModelCandidate,
    end_candidate_value,
    model_candidate_value,
    read_end_candidate,
    read_model_candidate,
)
from .errors import Violation
from .genesis import Genesis, genesis_value
from .notice import Notice, notice_value, read_evidence, read_membership, read_opinion, read_quality

Candidate = ModelCandidate | EndCandidate | Notice
"""What is put to the vote."""
Body = Genesis | Candidate | None
"""What a core says: a genesis, a candidate, or None where no candidate arrived."""

_READERS: Mapping[str, Callable[[Any], Candidate]] = {
    "model": read_model_candidate,
    "end": read_end_candidate,
    "evidence": read_evidence,
    "membership": read_membership,
    "opinion": read_opinion,
    "quality": read_quality,
}


def candidate_value(candidate: Candidate) -> Value:
    """The map that stands in a body."""
    if isinstance(candidate, ModelCandidate):
        return model_candidate_value(candidate)
    if isinstance(candidate, EndCandidate):
        return end_candidate_value(candidate)
    return notice_value(candidate)


def candidate_digest(candidate: Candidate) -> Digest:
    """What a verdict is signed over."""
    return digest("tclearn/candidate/v1", candidate_value(candidate))


def body_value(body: Body) -> Value:
    """The map that stands in a core."""
    if isinstance(body, Genesis):
        return genesis_value(body)
    return {"candidate": None if body is None else candidate_value(body)}


def read_candidate(body: Any) -> Candidate | None:
    """Read the body of a block after the genesis; None where no candidate arrived.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    (value,) = schema.fields(body, "the body", "candidate")
    if value is None:
        return None
    kind = value.get("kind") if type(value) is dict else None
    read = _READERS.get(kind) if type(kind) is str else None
    if read is None:
        known = ", ".join(sorted(_READERS))
        raise Violation("BAD_SCHEMA", f"a candidate of a kind of {known}", repr(kind)[:80])
    return read(value)
