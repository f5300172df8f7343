"""What a coalition records beside models: evidence, membership, opinions, quality of data.

A notice is put to the vote like a model, and stands in a block of its own type. It states; it
changes neither keys nor quorum sets, which are the genesis' for the whole chain.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crypto.digest import Digest
from crypto.encoding import Value
from crypto.identity import NodeId

from . import schema
from .errors import Violation

MILLION = 1_000_000
"""Ratings and scores are millionths."""


class Misconduct(StrEnum):
    """What evidence proves."""

    EQUIVOCATION = "equivocation"
    """One node signed two statements that a correct node never both signs."""
    FORK = "fork"
    """Two certificates for one slot: whoever signed both is convicted."""
    NORM = "norm"
    """An update was signed together with a proof that proves nothing."""


class Action(StrEnum):
    """What happened to a member."""

    JOIN = "join"
    """It asks to be part of the next coalition."""
    LEAVE = "leave"
    """It will not be."""
    ROTATE = "rotate"
    """It will use another key."""
    QUARANTINE = "quarantine"
    """The others do not train on what it sends."""
    WITHDRAW = "withdraw"
    """It withdraws consent for the data it brought."""


@dataclass(frozen=True, slots=True)
class EvidenceNotice:
    """Proof of misconduct was found; the evidence itself lies beside the chain (`Seal.exhibit`)."""

    misconduct: Misconduct
    """What it proves."""
    culprits: tuple[NodeId, ...]
    """Whom it convicts, sorted."""
    subject: Digest
    """What it is about: `ledger.evidence.evidence_subject`."""


@dataclass(frozen=True, slots=True)
class MembershipNotice:
    """Something happened to a member."""

    action: Action
    """What."""
    node: NodeId
    """To whom."""
    subject: Digest
    """What it concerns: the digest of the new public key, of the withdrawn data, or zeros."""
    reason: str
    """Why, for people."""


@dataclass(frozen=True, slots=True)
class OpinionNotice:
    """An expert's opinion of a model (feature A19)."""

    expert: NodeId
    """Whose opinion."""
    model: Digest
    """Tensor digest of the model."""
    rating: int
    """From 0 to a million."""
    text: Digest
    """SHA-256 of the written opinion."""


@dataclass(frozen=True, slots=True)
class QualityNotice:
    """A peer review of a block of data (feature A18)."""

    owner: NodeId
    """Whose data."""
    data: Digest
    """Digest of the samples, as committed in the genesis."""
    reviews: tuple[tuple[NodeId, int], ...]
    """Reviewers with their scores from 0 to a million, sorted by reviewer."""


Notice = EvidenceNotice | MembershipNotice | OpinionNotice | QualityNotice


def notice_value(notice: Notice) -> Value:
    """The map that stands in a core."""
    match notice:
        case EvidenceNotice():
            return {
                "kind": "evidence",
                "misconduct": notice.misconduct.value,
                "culprits": list(notice.culprits),
                "subject": notice.subject,
            }
        case MembershipNotice():
            return {
                "kind": "membership",
                "action": notice.action.value,
                "node": notice.node,
                "subject": notice.subject,
                "reason": notice.reason,
            }
        case OpinionNotice():
            return {
                "kind": "opinion",
                "expert": notice.expert,
                "model": notice.model,
                "rating": notice.rating,
                "text": notice.text,
            }
        case QualityNotice():
            return {
                "kind": "quality",
                "owner": notice.owner,
                "data": notice.data,
                "reviews": [[reviewer, score] for reviewer, score in notice.reviews],
            }


def read_evidence(value: Any) -> EvidenceNotice:
    """Read a map of kind ``evidence``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, misconduct, culprits, subject = schema.fields(
        value, "the evidence", "kind", "misconduct", "culprits", "subject"
    )
    convicted = schema.items(culprits, "culprits", schema.node)
    schema.check_sorted(convicted, "culprits")
    return EvidenceNotice(
        schema.member(misconduct, "misconduct", Misconduct),
        convicted,
        schema.digest32(subject, "the subject"),
    )


def read_membership(value: Any) -> MembershipNotice:
    """Read a map of kind ``membership``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, action, node, subject, reason = schema.fields(
        value, "the notice", "kind", "action", "node", "subject", "reason"
    )
    return MembershipNotice(
        schema.member(action, "action", Action),
        schema.node(node, "node"),
        schema.digest32(subject, "subject"),
        schema.text(reason, "reason"),
    )


def read_opinion(value: Any) -> OpinionNotice:
    """Read a map of kind ``opinion``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, expert, model, rating, text = schema.fields(
        value, "the opinion", "kind", "expert", "model", "rating", "text"
    )
    return OpinionNotice(
        schema.node(expert, "expert"),
        schema.digest32(model, "model"),
        _share(rating, "rating"),
        schema.digest32(text, "text"),
    )


def read_quality(value: Any) -> QualityNotice:
    """Read a map of kind ``quality``.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    _, owner, data, reviews = schema.fields(value, "the review", "kind", "owner", "data", "reviews")
    read = schema.items(reviews, "reviews", _read_review)
    schema.check_sorted((reviewer for reviewer, _ in read), "reviews")
    return QualityNotice(schema.node(owner, "owner"), schema.digest32(data, "data"), read)


def _read_review(value: Any, where: str) -> tuple[NodeId, int]:
    reviewer, score = schema.row(value, where, 2)
    return schema.node(reviewer, "reviewer"), _share(score, "score")


def _share(value: Any, where: str) -> int:
    number = schema.integer(value, where)
    if number > MILLION:
        raise Violation("BAD_SCHEMA", f"at most {MILLION} as {where}", str(number))
    return number
