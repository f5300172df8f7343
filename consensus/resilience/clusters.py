"""Symmetric clusters and closed forms: answers that need no search.

A symmetric cluster is a set of nodes that all have one quorum set, which names exactly them. Many
coalitions are one. There the smallest quorum, blocking set and splitting set follow from thresholds
and counts. Flat, T of n: quorum T, blocking n - T + 1, splitting 2T - n. Two levels, T of N
organisations with t of k each: T·t, (N - T + 1)(k - t + 1), (2T - N)(2t - k).
"""

from dataclasses import dataclass

from crypto.identity import NodeId

from ..quorum import QuorumSet
from .bounds import each_once
from .trust import Fbas, Level, bits, closure, named, simple


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """How many nodes the smallest sets of a symmetric network have."""

    quorum: int
    """Nodes in the smallest quorum."""
    blocking: int
    """Nodes in the smallest blocking set."""
    splitting: int | None
    """Nodes in the smallest splitting set; None where nobody can split it (all must agree)."""


def flat(threshold: int, count: int) -> ClosedForm:
    """``threshold`` of ``count`` nodes, the same for everybody."""
    overlap = max(0, 2 * threshold - count)
    splitting = overlap if threshold < count else None
    return ClosedForm(threshold, count - threshold + 1, splitting)


def two_level(threshold: int, count: int, inner_threshold: int, inner_count: int) -> ClosedForm:
    """``threshold`` of ``count`` organisations with ``inner_threshold`` of ``inner_count`` each."""
    outer, inner = flat(threshold, count), flat(inner_threshold, inner_count)
    overlap = max(0, 2 * threshold - count) * max(0, 2 * inner_threshold - inner_count)
    unanimous = outer.splitting is None and inner.splitting is None
    return ClosedForm(
        outer.quorum * inner.quorum,
        outer.blocking * inner.blocking,
        None if unanimous else overlap,
    )


def closed_form(fbas: Fbas) -> ClosedForm | None:
    """The closed form of a network that is one symmetric cluster, else None.

    Nodes that nobody in the cluster names are not looked at.
    """
    clusters = _clusters(fbas)
    if len(clusters) != 1 or not each_once(clusters[0]):
        return None
    (level,) = clusters
    return ClosedForm(_quorum(level), _blocking(level), _splitting(level))


def symmetric_clusters(fbas: Fbas) -> tuple[QuorumSet, ...]:
    """The quorum set of each symmetric cluster."""
    return tuple(_quorum_set(fbas, level) for level in _clusters(fbas))


def _clusters(fbas: Fbas) -> list[Level]:
    trust = fbas.trust
    claims: dict[Level, int] = {}
    for level, owners in trust.demands:
        for place in bits(owners):
            own = _with_itself(level, 1 << place)
            claims[own] = claims.get(own, 0) | 1 << place
    return [
        level
        for level, owners in claims.items()
        if (everybody := named(level)) and not everybody & ~owners
        if closure(trust, everybody) == everybody
    ]


def _with_itself(level: Level, bit: int) -> Level:
    """The same demand of a node, itself named: it is in each of its quorums anyway."""
    if named(level) & bit or not level.threshold:
        return level
    first, *rest = level.layers or (0,)
    return simple(level.threshold + 1, (first | bit, *rest), level.inner)


def _quorum_set(fbas: Fbas, level: Level) -> QuorumSet:
    validators: tuple[NodeId, ...] = tuple(
        fbas.nodes[place] for layer in level.layers for place in bits(layer)
    )
    inner = tuple(_quorum_set(fbas, each) for each in level.inner)
    return QuorumSet(level.threshold, validators, inner)


def _quorum(level: Level) -> int:
    return sum(_prices(level, list(map(_quorum, level.inner)))[: level.threshold])


def _blocking(level: Level) -> int:
    prices = _prices(level, list(map(_blocking, level.inner)))
    return sum(prices[: len(prices) - level.threshold + 1])


def _splitting(level: Level) -> int | None:
    """Both quorums need T of the n entries, so that 2T - n entries must be had twice."""
    if _all_needed(level):
        return None
    return _overlap(level)


def _overlap(level: Level) -> int:
    prices = _prices(level, list(map(_overlap, level.inner)))
    return sum(prices[: max(0, 2 * level.threshold - len(prices))])


def _all_needed(level: Level) -> bool:
    """Whether everybody is in every quorum."""
    entries = sum(map(int.bit_count, level.layers)) + len(level.inner)
    return level.threshold == entries and all(map(_all_needed, level.inner))


def _prices(level: Level, inner: list[int]) -> list[int]:
    """What each entry costs, the cheapest first."""
    return sorted([1] * sum(map(int.bit_count, level.layers)) + inner)
