"""What a seal's votes say: from the few numbers that stand in it back to the statements signed.

The core already says slot and value, the genesis says who trusts whom; so a vote in a seal holds
its kind and the numbers that are left.

    vote          -                       majority, authority
    confirm       n, nP, nC, nH           SCP, phase CONFIRM
    externalize   n of c, nH              SCP, phase EXTERNALIZE
    view-commit   view                    PBFT

Source: docs/ledger-format.md, seals.
"""

from collections.abc import Mapping

from consensus.certificate import DECIDING
from consensus.statements import (
    KINDS,
    Ballot,
    Confirm,
    Externalized,
    Statement,
    ViewCommit,
    Vote,
)
from crypto.digest import Digest
from crypto.envelope import Signed

from .block import VoteKind, VoteSeal
from .errors import Violation


def vote_seal(signed: Signed[Statement]) -> VoteSeal | None:
    """A deciding statement as it stands in a seal; None for statements that decide nothing."""
    numbers: tuple[int, ...] = ()
    match signed.statement:
        case Vote():
            kind = VoteKind.VOTE
        case Confirm() as said:
            counters = (said.prepared_counter, said.commit_counter, said.high_counter)
            kind, numbers = VoteKind.CONFIRM, (said.ballot.counter, *counters)
        case Externalized() as said:
            kind, numbers = VoteKind.EXTERNALIZE, (said.commit.counter, said.high_counter)
        case ViewCommit() as said:
            kind, numbers = VoteKind.VIEW_COMMIT, (said.view,)
        case _:
            return None
    return VoteSeal(signed.node, signed.signature, kind, numbers)


def sealed_statement(seal: VoteSeal, slot: int, value: Digest, quorum_set: Digest) -> Statement:
    """The statement that a vote in a seal stands for.

    Args:
        seal: The vote.
        slot: The slot of the core.
        value: The core hash.
        quorum_set: Digest of the voter's quorum set in the genesis: a vote cast under another one
            is no vote on this ledger.
    """
    match seal.kind:
        case VoteKind.VOTE:
            return Vote(slot, value)
        case VoteKind.CONFIRM:
            counter, prepared, commit, high = seal.numbers
            return Confirm(slot, quorum_set, Ballot(counter, value), prepared, commit, high)
        case VoteKind.EXTERNALIZE:
            counter, high = seal.numbers
            return Externalized(slot, quorum_set, Ballot(counter, value), high)
        case VoteKind.VIEW_COMMIT:
            return ViewCommit(slot, seal.numbers[0], value)


def decides(seal: VoteSeal, protocol: str) -> bool:
    """Whether a vote is of a kind that decides in a protocol."""
    return seal.kind in _KINDS[protocol]


def check_vote_kind(seal: VoteSeal, protocol: str) -> None:
    """Check that a vote is of a kind that decides in the chain's protocol.

    Raises:
        Violation: ``BAD_VOTE``.
    """
    if not decides(seal, protocol):
        known = " or ".join(_KINDS[protocol])
        raise Violation("BAD_VOTE", f"a statement of kind {known} ({protocol})", seal.kind.value)


_KINDS: Mapping[str, tuple[VoteKind, ...]] = {
    protocol: tuple(VoteKind(KINDS[kind]) for kind in kinds) for protocol, kinds in DECIDING.items()
}
