"""How those who have decided a slot convince those who have not."""

from collections.abc import Mapping, Sequence

from consensus.certificate import DECIDING, check_decision, decided_value
from consensus.errors import CertificateError
from consensus.quorum import QuorumSets
from consensus.statements import Confirm, Externalized, Statement, ViewCommit
from crypto.digest import Digest
from crypto.identity import NodeId

from .wire import Certificate, Signed

SLOTS_KEPT_MAX = 1000
"""Slots for which deciding statements are kept: whoever is further behind is not helped."""


class Evidence:
    """The deciding statements that an instance has heard, by slot."""

    __slots__ = ("_kinds", "_slots")

    def __init__(self, protocol: str) -> None:
        self._kinds = frozenset(DECIDING[protocol])
        self._slots: dict[int, dict[tuple[NodeId, int], Statement]] = {}

    def take(self, node: NodeId, statement: Statement) -> None:
        """Keep a statement if it can be part of a certificate: the last one of each node."""
        if type(statement) not in self._kinds:
            return
        held = self._slots.get(statement.slot)
        if held is None:
            held = self._slots[statement.slot] = {}
            if len(self._slots) > SLOTS_KEPT_MAX:
                del self._slots[min(self._slots)]
        # Commits count by view (PBFT), so that one of each view is kept.
        view = statement.view if isinstance(statement, ViewCommit) else 0
        before = held.get((node, view))
        if before is None or _rank(statement) > _rank(before):
            held[node, view] = statement

    def certificate(
        self, slot: int, value: Digest, node: NodeId, quorum_sets: QuorumSets
    ) -> tuple[Signed, ...] | None:
        """The statements that decide a value for a node; None if too few are held."""
        views: dict[int, dict[NodeId, Statement]] = {}
        for (voter, view), statement in self._slots.get(slot, {}).items():
            if decided_value(statement) == value:
                views.setdefault(view, {})[voter] = statement
        for _, statements in sorted(views.items()):
            try:
                quorum = check_decision(statements, node, quorum_sets)
            except CertificateError:
                continue
            return tuple((voter, statements[voter]) for voter in sorted(quorum))
        return None


def _rank(statement: Statement) -> tuple[int, ...]:
    """Order of the deciding statements that one node says of one value."""
    match statement:
        case Confirm():
            counters = (statement.prepared_counter, statement.commit_counter)
            return (0, statement.ballot.counter, *counters, statement.high_counter)
        case Externalized(high_counter=high):
            return (1, high)
        case _:
            return ()


def check(certificate: Certificate, protocol: str, node: NodeId, quorum_sets: QuorumSets) -> None:
    """Check that a certificate decides its value for a node.

    Raises:
        CertificateError: Saying what was expected and found.
    """
    statements: dict[NodeId, Statement] = {}
    for voter, statement in certificate.statements:
        if voter in statements:
            raise CertificateError(f"expected each voter once, found {voter} twice")
        if statement.slot != certificate.slot or not isinstance(statement, DECIDING[protocol]):
            raise CertificateError(f"expected what decides slot {certificate.slot} by {voter}")
        if decided_value(statement) != certificate.value:
            raise CertificateError(f"expected one value, found another one by {voter}")
        statements[voter] = statement
    check_decision(statements, node, quorum_sets)


def statements_for(
    value: Digest, protocol: str, said: Mapping[NodeId, Sequence[Statement]], slot: int
) -> Sequence[tuple[Signed, ...]]:
    """What all hospitals together said for a value, in sets of which one decided it.

    Args:
        value: The value.
        protocol: How they agreed.
        said: Everything that each hospital said.
        slot: The slot.
    """
    views: dict[int, dict[NodeId, Statement]] = {}
    for node, statements in said.items():
        for each in statements:
            kind = isinstance(each, DECIDING[protocol]) and each.slot == slot
            if not kind or decided_value(each) != value:
                continue
            view = each.view if isinstance(each, ViewCommit) else 0
            held = views.setdefault(view, {})
            if node not in held or _rank(each) > _rank(held[node]):
                held[node] = each
    return [tuple(sorted(views[view].items())) for view in sorted(views)]
