"""The parts of a network that can agree: satisfiable nodes, and components that hold a quorum.

Every minimal quorum lies in one strongly connected component of the graph of who names whom, among
the nodes that some quorum contains (Lachowski 2019). Two components with a quorum each are two
disjoint quorums; so almost every analysis is about one component, the *core*.
"""

from collections.abc import Mapping

from .trust import Fbas, Trust, bits, closure, named, restrict, restricted


def satisfiable(fbas: Fbas) -> Fbas:
    """The network of those nodes that some quorum contains."""
    return restricted(fbas, closure(fbas.trust, fbas.trust.members))


def core(fbas: Fbas) -> Fbas:
    """The network of the components that hold a quorum (empty where there is no quorum)."""
    mask = 0
    for component in quorum_components(fbas.trust):
        mask |= component
    return restricted(fbas, mask)


def quorum_components(trust: Trust) -> tuple[int, ...]:
    """The strongly connected components that hold a quorum, by their lowest node."""
    able = closure(trust, trust.members)
    components = (closure(trust, each) for each in _components(restrict(trust, able)))
    return tuple(sorted((each for each in components if each), key=lambda each: each & -each))


def _components(trust: Trust) -> list[int]:
    """Strongly connected components, by Tarjan's algorithm without recursion.

    Nodes with the same quorum set name the same nodes, so that there is one list for all of them.
    """
    named_by: dict[int, int] = {}
    for level, owners in trust.demands:
        targets = named(level)
        for place in bits(owners):
            named_by[place] = targets
    return _tarjan(named_by)


def _tarjan(named_by: Mapping[int, int]) -> list[int]:
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack = 0
    seen = 0
    components: list[int] = []
    for root in named_by:
        if root in order:
            continue
        work = [root]
        while work:
            node = work[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                seen |= 1 << node
                stack.append(node)
                on_stack |= 1 << node
            fresh = named_by[node] & ~seen
            if fresh:
                work.append((fresh & -fresh).bit_length() - 1)
                continue
            work.pop()
            low[node] = min([low[node], *(low[each] for each in bits(named_by[node] & on_stack))])
            if low[node] == order[node]:
                component = 0
                while not component & (1 << node):
                    component |= 1 << stack.pop()
                on_stack &= ~component
                components.append(component)
    return components
