"""Statements that a hospital may count: what cannot be recorded is refused before it counts."""

from dataclasses import replace

import pytest

from consensus.messages import Proposal, Statement, Verdict, Vote
from crypto.digest import Digest, sha256
from ledger.errors import Violation
from ledger.statement import check_recordable

VERDICT = Verdict(3, sha256(b"c"), True, "ok", (("global", 1), ("local", 2)))


@pytest.mark.parametrize(
    "statement",
    [
        VERDICT,
        replace(VERDICT, scores=()),
        Vote(1, sha256(b"v")),
        Proposal(1, sha256(b"c"), sha256(b"a"), sha256(b"r")),
    ],
)
def test_what_a_correct_node_says_can_be_recorded(statement: Statement) -> None:
    check_recordable(statement)


@pytest.mark.parametrize(
    "statement",
    [
        replace(VERDICT, scores=(("global", -1),)),
        replace(VERDICT, scores=(("global", 2**63),)),
        replace(VERDICT, scores=tuple((f"s{number:02d}", 1) for number in range(17))),
        replace(VERDICT, scores=(("local", 2), ("global", 1))),
        replace(VERDICT, scores=(("global", 1), ("global", 2))),
        replace(VERDICT, reason="x" * 257),
        replace(VERDICT, reason="\ud800"),
        replace(VERDICT, candidate=Digest(bytes(31))),
        replace(VERDICT, slot=-1),
        Vote(1, Digest(bytes(33))),
    ],
)
def test_what_would_make_a_replica_unreadable_is_refused(statement: Statement) -> None:
    with pytest.raises(Violation, match="BAD_SCHEMA"):
        check_recordable(statement)
