"""Reads trust graphs from files, and organisations.

Files of nodes are recognised by their form: stellarbeat's and MobileCoin's list of nodes (alone, or
under ``nodes``), stellar-core's ``nodes``, python-fbas' ``validators`` and ``qsets``. They hold
much besides; of that, words are kept as attributes and the rest is left alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from consensus.quorum import QuorumSet
from crypto.identity import NodeId

from ..errors import shown
from .errors import TrustError
from .graph import ORGANISATION, Member, TrustGraph
from .quorum_sets import Named, Nested, expect_list, expect_name, expect_object
from .read_json import read_json

NODES_MAX: Final = 10_000
"""The most nodes of a file."""

_VALUE_MAX: Final = 200
"""The most characters of an attribute that is kept."""

_ReadNode: TypeAlias = Callable[[dict[str, Any], str], tuple[NodeId, QuorumSet | None]]
"""From an entry and its place in words to a node and its quorum set."""


def read_trust_file(path: Path) -> TrustGraph:
    """The trust graph in a file.

    Raises:
        TrustError: When it is not one.
    """
    tree = read_json(path)
    if isinstance(tree, dict) and "qsets" in tree:
        return _named(tree, path)
    entries = tree.get("nodes") if isinstance(tree, dict) else tree
    if not isinstance(entries, list):
        raise TrustError(
            f"{path}: expected a list of nodes, 'nodes', or 'validators' and 'qsets', found "
            "something else"
        )
    return _listed(entries, path)


def read_organisations(path: Path) -> dict[NodeId, str]:
    """Which organisation runs each node, from stellarbeat's list of organisations.

    Raises:
        TrustError: When it is not one, or two organisations run one node.
    """
    owners: dict[NodeId, str] = {}
    for number, entry in enumerate(expect_list(read_json(path), str(path))):
        place = f"{path}: organisation {number}"
        fields = expect_object(entry, place)
        name = expect_name(fields.get("name") or fields.get("id"), f"{place}: name")
        for each in expect_list(fields.get("validators"), f"{place}: validators"):
            node = expect_name(each, f"{place}: a validator")
            if owners.setdefault(node, name) != name:
                raise TrustError(
                    f"{place}: expected each node in one organisation, found {shown(node)} in "
                    f"'{shown(owners[node])}' and '{shown(name)}'"
                )
    return owners


def _listed(entries: list[Any], path: Path) -> TrustGraph:
    sets = Nested()

    def one(entry: dict[str, Any], place: str) -> tuple[NodeId, QuorumSet | None]:
        core = "publicKey" not in entry and "node" in entry
        node = expect_name(entry.get("node" if core else "publicKey"), f"{place}: its key")
        value = entry.get("qset" if core else "quorumSet")
        where = f"{place} ({shown(node)}): quorumSet"
        return node, None if value is None else sets.get(value, where)

    return _graph(path, entries, one)


def _named(tree: Mapping[str, Any], path: Path) -> TrustGraph:
    sets = Named(expect_object(tree["qsets"], f"{path}: qsets"), f"{path}: qsets")

    def one(entry: dict[str, Any], place: str) -> tuple[NodeId, QuorumSet | None]:
        name = entry.get("qset")
        node = expect_name(entry.get("id"), f"{place}: id")
        return node, None if name is None else sets.get(expect_name(name, f"{place}: qset"))

    return _graph(path, expect_list(tree.get("validators"), f"{path}: validators"), one)


def _graph(path: Path, entries: list[Any], read: _ReadNode) -> TrustGraph:
    if len(entries) > NODES_MAX:
        raise TrustError(f"{path}: expected at most {NODES_MAX} nodes, found {len(entries)}")
    members: list[Member] = []
    quorum_sets: dict[NodeId, QuorumSet | None] = {}
    for number, entry in enumerate(entries):
        place = f"{path}: node {number}"
        fields = expect_object(entry, place)
        node, quorum_set = read(fields, place)
        if node in quorum_sets:
            raise TrustError(f"{place}: expected each node once, found {shown(node)} twice")
        quorum_sets[node] = quorum_set
        members.append(_member(node, fields))
    return TrustGraph(str(path), tuple(members), quorum_sets)


def _member(node: NodeId, fields: dict[str, Any]) -> Member:
    more = fields.get("attrs")
    if isinstance(more, dict):
        fields = {**more, **fields}
    kept = {
        key: value
        for key, value in fields.items()
        if isinstance(value, str) and 0 < len(value) <= _VALUE_MAX
    }
    geography = fields.get("geoData")
    if isinstance(geography, dict) and isinstance(geography.get("countryName"), str):
        kept["country"] = geography["countryName"]
    owner = kept.get("organizationId") or kept.get("homeDomain")
    if owner:
        kept.setdefault(ORGANISATION, owner)
    name = kept.get("name") or kept.get("alias") or str(node)
    return Member(node, name, kept)
