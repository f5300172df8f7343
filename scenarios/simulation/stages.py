"""The stages of a hospital's work: what its computing time goes to, and what its bytes are."""

from collections.abc import Mapping
from enum import StrEnum, unique


@unique
class Work(StrEnum):
    """What computing time goes to, in the order in which a round needs it."""

    TRAIN = "train"
    PROVE = "prove"
    CHECK = "check-proof"
    VALIDATE = "validate"
    SIGN = "sign"
    VERIFY = "verify"


@unique
class Freight(StrEnum):
    """What a message, or a part of one, is for."""

    UPDATE = "update"
    PROPOSAL = "proposal"
    MODEL = "model"
    PROOF = "proof"
    VERDICT = "verdict"
    VOTE = "vote"
    CATCH_UP = "catch-up"
    CHECKPOINT = "checkpoint"
    QUORUM_SET = "quorum-set"


Effort = Mapping[Work, int]
"""Simulated microseconds by what they go to."""
