"""What proves that a value was decided: votes that contain a quorum, not votes that were counted.

The voters are unique and known, and the greatest fixpoint of "drop who is not satisfied by the
rest" is not empty and satisfies the node that claims the decision. Signatures are checked by the
caller; this module knows only who signed.
"""

from collections.abc import Sequence

from crypto.identity import NodeId

from .errors import CertificateError
from .quorum import QuorumSets, greatest_quorum, is_quorum_slice, is_v_blocking


def check_voters(voters: Sequence[NodeId], quorum_sets: QuorumSets) -> None:
    """Check that voters are sorted, unique and known.

    Raises:
        CertificateError: Naming the first voter that is not.
    """
    previous: NodeId | None = None
    for voter in voters:
        if previous is not None and voter <= previous:
            raise CertificateError(
                f"expected voters sorted and once each, found {voter} after {previous}"
            )
        if voter not in quorum_sets:
            raise CertificateError(f"expected nodes of the genesis, found {voter}")
        previous = voter


def check_quorum(voters: Sequence[NodeId], node: NodeId, quorum_sets: QuorumSets) -> None:
    """Check that ``voters`` contain a quorum that convinces ``node``.

    Raises:
        CertificateError: Saying who voted and which quorum, if any, they contain.
    """
    quorum = greatest_quorum(frozenset(voters), quorum_sets)
    if not quorum:
        raise CertificateError(f"expected a quorum, found none among {_names(voters)}")
    if not is_quorum_slice(quorum_sets[node], quorum):
        raise CertificateError(
            f"expected a quorum that satisfies {node}, found {_names(sorted(quorum))}"
        )


def check_blocking(voters: Sequence[NodeId], node: NodeId, quorum_sets: QuorumSets) -> None:
    """Check that ``voters`` hit every slice of ``node``.

    Raises:
        CertificateError: Naming the voters that do not.
    """
    if not is_v_blocking(quorum_sets[node], frozenset(voters)):
        raise CertificateError(f"expected a set that blocks {node}, found {_names(voters)}")


def _names(nodes: Sequence[NodeId]) -> str:
    return ", ".join(nodes) if nodes else "nobody"
