"""What proves that a value was decided: statements that contain a quorum, never a count of them.

| protocol | a statement counts for a value | together they must be |
|---|---|---|
| majority, authority | a vote for it | - |
| pbft | a commit of it | of one view |
| scp | CONFIRM or EXTERNALIZE of it | accepting commit at one common counter |

Quorums are those of the quorum sets given here (on a ledger: of its genesis), whatever a statement
claims: a lie about slices cannot make a certificate. The quorum is the greatest fixpoint of "drop
who is not satisfied by the rest", and must satisfy the node that is to be convinced. Signatures are
checked by the caller; this module knows only who signed what.
"""

from collections.abc import Mapping, Sequence

from crypto.digest import Digest
from crypto.identity import NodeId

from .errors import CertificateError
from .quorum import QuorumSets, greatest_quorum, is_quorum_slice, is_v_blocking
from .statements import COUNTER_MAX, Confirm, Externalized, Statement, ViewCommit, Vote

DECIDING: Mapping[str, tuple[type[Statement], ...]] = {
    "majority": (Vote,),
    "authority": (Vote,),
    "scp": (Confirm, Externalized),
    "pbft": (ViewCommit,),
}
"""By protocol, the kinds of statement that certificates are made of."""


def decided_value(statement: Statement) -> Digest | None:
    """The value for whose decision a statement counts, if its kind decides anything."""
    match statement:
        case Vote(value=value) | ViewCommit(value=value):
            return value
        case Confirm(ballot=ballot) | Externalized(commit=ballot):
            return ballot.value
        case _:
            return None


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


def deciding_sets(statements: Mapping[NodeId, Statement]) -> Sequence[frozenset[NodeId]]:
    """The sets of nodes whose statements for one value count together.

    Args:
        statements: What each node says, all for one value and of one protocol's deciding kinds.
    """
    views: dict[int, set[NodeId]] = {}
    intervals: dict[NodeId, tuple[int, int]] = {}
    for node, statement in statements.items():
        match statement:
            case Vote():
                views.setdefault(0, set()).add(node)
            case ViewCommit(view=view):
                views.setdefault(view, set()).add(node)
            case Confirm(commit_counter=low, high_counter=high) if 1 <= low <= high:
                intervals[node] = (low, high)
            case Externalized(commit=commit) if commit.counter >= 1:
                # EXTERNALIZE accepts commit for every counter from c on.
                intervals[node] = (commit.counter, COUNTER_MAX)
            case _:
                pass
    # A set of intervals has a common counter iff one of their lower ends is common to them.
    at_counters = (
        frozenset(node for node, (low, high) in intervals.items() if low <= counter <= high)
        for counter in sorted({low for low, _ in intervals.values()})
    )
    return [*(frozenset(nodes) for _, nodes in sorted(views.items())), *dict.fromkeys(at_counters)]


def check_decision(
    statements: Mapping[NodeId, Statement], node: NodeId, quorum_sets: QuorumSets
) -> frozenset[NodeId]:
    """Check that statements for one value decide it for ``node``; the quorum that does.

    Args:
        statements: What each node says, all for one value and of one protocol's deciding kinds.
        node: Who is to be convinced.
        quorum_sets: Whom each node trusts.

    Raises:
        CertificateError: Saying who spoke and which quorum, if any, they contain.
    """
    found: CertificateError | None = None
    for voters in deciding_sets(statements):
        try:
            return check_quorum(sorted(voters), node, quorum_sets)
        except CertificateError as error:
            found = found or error
    raise found or CertificateError("expected a quorum, found none among nobody")


def decided_quorum(
    statements: Mapping[NodeId, Statement], quorum_sets: QuorumSets
) -> frozenset[NodeId]:
    """The largest quorum that statements for one value contain, whomever it convinces.

    Raises:
        CertificateError: When there is none.
    """
    quorums = [greatest_quorum(each, quorum_sets) for each in deciding_sets(statements)]
    largest = max(quorums, key=len, default=frozenset[NodeId]())
    if not largest:
        found = _names(sorted(statements))
        raise CertificateError(f"expected a quorum, found none among {found}")
    return largest


def check_quorum(
    voters: Sequence[NodeId], node: NodeId, quorum_sets: QuorumSets
) -> frozenset[NodeId]:
    """Check that ``voters`` contain a quorum that convinces ``node``; the quorum.

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
    return quorum


def check_blocking(voters: Sequence[NodeId], node: NodeId, quorum_sets: QuorumSets) -> None:
    """Check that ``voters`` hit every slice of ``node``.

    Raises:
        CertificateError: Naming the voters that do not.
    """
    if not is_v_blocking(quorum_sets[node], frozenset(voters)):
        raise CertificateError(f"expected a set that blocks {node}, found {_names(voters)}")


def _names(nodes: Sequence[NodeId]) -> str:
    return ", ".join(nodes) if nodes else "nobody"
