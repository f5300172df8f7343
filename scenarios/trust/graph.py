"""A trust graph: nodes with what is known of them, and the quorum set of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from consensus.quorum import QuorumSet
from consensus.resilience import Fbas
from crypto.identity import NodeId

from ..errors import shown
from .errors import TrustError

ORGANISATION = "organisation"
"""The attribute that says who runs a node."""


@dataclass(frozen=True, slots=True)
class Member:
    """One node."""

    node: NodeId
    """Its identity in quorum sets."""
    name: str
    """What people call it; its identity where it has no name."""
    attributes: Mapping[str, str]
    """What else the file says of it in words: its country, its organisation and so on."""


@dataclass(frozen=True, slots=True)
class TrustGraph:
    """Everybody, and whom each of them trusts."""

    source: str
    """Where it was read, for messages."""
    members: tuple[Member, ...]
    """The nodes, in the order of the file."""
    quorum_sets: Mapping[NodeId, QuorumSet | None]
    """Whom each trusts; None where that is not known."""

    def fbas(self) -> Fbas:
        """The network, for the analysis."""
        return Fbas({each.node: self.quorum_sets[each.node] for each in self.members})

    def names(self) -> dict[NodeId, str]:
        """What people call each node; names that several have carry the identity as well."""
        count: dict[str, int] = {}
        for each in self.members:
            count[each.name] = count.get(each.name, 0) + 1
        return {
            each.node: each.name if count[each.name] == 1 else f"{each.name} ({each.node})"
            for each in self.members
        }

    def find(self, names: Collection[str]) -> frozenset[NodeId]:
        """The nodes of these identities, names or organisations.

        Raises:
            TrustError: When one of them is nobody here.
        """
        return frozenset(node for name in names for node in self._find(name))

    def _find(self, name: str) -> frozenset[NodeId]:
        if name in self.quorum_sets:
            return frozenset({NodeId(name)})
        found = frozenset(
            each.node
            for each in self.members
            if name in (each.name, each.attributes.get(ORGANISATION))
        )
        if found:
            return found
        known = {str(each.node) for each in self.members} | {each.name for each in self.members}
        known |= {each.attributes.get(ORGANISATION, each.name) for each in self.members}
        near = get_close_matches(name, sorted(known), n=3)
        advice = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise TrustError(f"{self.source}: expected a node of it, found '{shown(name)}'{advice}")

    def groups(self, attribute: str) -> dict[NodeId, str]:
        """What each node is merged into; a node without the attribute stays alone.

        Raises:
            TrustError: When no node has the attribute.
        """
        if not any(attribute in each.attributes for each in self.members):
            known = sorted({key for each in self.members for key in each.attributes})
            has = f"it has {', '.join(known)}" if known else "its nodes have none"
            raise TrustError(
                f"{self.source}: expected an attribute to merge by, found "
                f"'{shown(attribute)}'; {has}"
            )
        names = self.names()
        return {
            each.node: each.attributes.get(attribute, names[each.node]) for each in self.members
        }

    def with_organisations(self, owners: Mapping[NodeId, str]) -> "TrustGraph":
        """The same graph, with the organisations of another file."""
        members = tuple(
            replace(each, attributes={**each.attributes, ORGANISATION: owners[each.node]})
            if each.node in owners
            else each
            for each in self.members
        )
        return replace(self, members=members)
