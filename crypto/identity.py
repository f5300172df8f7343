"""Who signs: the names of nodes and the ring of their keys."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NewType

from .errors import IdentityError
from .keys import PublicKey

NodeId = NewType("NodeId", str)

NODE_ID_SIZE_MAX: Final = 64
"""The longest name of a node, in characters."""

NODES_MAX: Final = 4096
"""The most nodes on a key ring."""

_NODE_ID: Final = re.compile(rf"[a-z][a-z0-9-]{{0,{NODE_ID_SIZE_MAX - 1}}}")


def node_id(text: str) -> NodeId:
    """Return a text as the name of a node.

    Raises:
        IdentityError: It is not a lower-case letter and up to 63 letters, digits and hyphens.
    """
    if _NODE_ID.fullmatch(text) is None:
        raise IdentityError(
            f"expected the name of a node: a lower-case letter, then up to {NODE_ID_SIZE_MAX - 1} "
            f"lower-case letters, digits and hyphens; found {text[: 2 * NODE_ID_SIZE_MAX]!r}"
        )
    return NodeId(text)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The public key of each node: iterates over the names in order, ``ring[node]`` is a key.

    Raises:
        IdentityError: A name is malformed, or two nodes have the same key.
    """

    by_node: Mapping[NodeId, PublicKey]
    """The keys by the names of their nodes, copied and sorted."""

    def __post_init__(self) -> None:
        if len(self.by_node) > NODES_MAX:
            raise IdentityError(f"expected at most {NODES_MAX} nodes, found {len(self.by_node)}")
        owners: dict[PublicKey, NodeId] = {}
        for node in sorted(self.by_node):
            owner = owners.setdefault(self.by_node[node_id(node)], node)
            if owner != node:
                raise IdentityError(f"expected a key of its own for {node}, found that of {owner}")
        by_node = MappingProxyType({node: key for key, node in owners.items()})
        object.__setattr__(self, "by_node", by_node)

    def __getitem__(self, node: NodeId) -> PublicKey:
        key = self.by_node.get(node)
        if key is None:
            raise IdentityError(f"expected a node of {', '.join(self.by_node)}; found {node!r}")
        return key

    def __contains__(self, node: object) -> bool:
        return node in self.by_node

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self.by_node)

    def __len__(self) -> int:
        return len(self.by_node)
