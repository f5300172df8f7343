"""What must hold between the fields of a scenario: names that exist, sets that can be satisfied.

Each function returns what is broken: the YAML path of the culprit and one sentence.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, TypeAlias

from consensus.quorum import NESTING_MAX

from .errors import shown
from .schema_faults import Crash, Fault, Partition, Poison, Silence, Twin, twin_of
from .schema_fields import NAME_PATTERN
from .schema_network import (
    Constant,
    Edge,
    Gamma,
    Latency,
    Lognormal,
    NetworkSection,
    Normal,
    Uniform,
)
from .schema_sections import (
    CSV_SUFFIX,
    DATA_SETS,
    DataSection,
    ProtocolSection,
    QuorumSetSection,
    ValidationSection,
)

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value of a scenario file."""

Break: TypeAlias = tuple[Path, str]
"""A broken relation: where, and a sentence."""

DEFAULT: Final = "default"
"""The quorum set of every hospital that has none of its own."""

DEPTH_MAX: Final = NESTING_MAX + 1
"""The deepest nesting of quorum sets; a set without inner sets has depth 1."""

PROFILE_SUFFIX: Final = ".yaml"
"""How the path of a cost profile ends."""


def known_as(name: str, known: Collection[str]) -> str:
    """Suggest a known name in place of an unknown one, or list a few that are known."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = sorted(known)[:8]
    return f"known are {', '.join(shown)}{', …' if len(known) > len(shown) else ''}"


def breaks_in_names(
    hospitals: Sequence[str], validation: ValidationSection, costs: str
) -> Iterator[Break]:
    """Check what must be unique or reserved."""
    for index in _repeated(hospitals):
        yield ("hospitals", index), f"'{hospitals[index]}' is the name of two hospitals"
    if DEFAULT in hospitals:
        index = hospitals.index(DEFAULT)
        yield ("hospitals", index), f"'{DEFAULT}' is not a hospital's name; choose another"
    for index in _repeated(validation.checks):
        yield ("validation", "checks", index), f"'{validation.checks[index]}' stands here twice"
    if not costs.endswith(PROFILE_SUFFIX) and not re.match(NAME_PATTERN, costs):
        yield (
            ("costs",),
            f"expected a name or a path that ends in {PROFILE_SUFFIX}, found '{shown(costs)}'",
        )


def breaks_in_data(data: DataSection) -> Iterator[Break]:
    """Check that a source is known, and that each option belongs to the choice it is for."""
    is_file = data.source.endswith(CSV_SUFFIX)
    if not is_file and data.source not in DATA_SETS:
        advice = known_as(data.source, DATA_SETS)
        found = f"unknown data set '{shown(data.source)}'"
        yield ("data", "source"), f"{found}; {advice} (the path of a file ends in {CSV_SUFFIX})"
    if is_file and data.label is None:
        yield ("data", "label"), "missing; name the column of the CSV file that is learned"
    if not is_file and data.label is not None:
        yield ("data", "label"), "belongs to a CSV file only; remove it"
    if data.partition == "dirichlet" and data.alpha is None:
        yield ("data", "alpha"), "missing; partition 'dirichlet' needs one, such as 0.5"
    if data.partition != "dirichlet" and data.alpha is not None:
        yield ("data", "alpha"), f"belongs to partition 'dirichlet', found '{data.partition}'"


def breaks_in_protocol(protocol: ProtocolSection, hospitals: Sequence[str]) -> Iterator[Break]:
    """Check that quorum sets stand exactly with their rule, are sane and cover every hospital."""
    path: Path = ("protocol", "quorum_sets")
    sets = protocol.quorum_sets
    if protocol.rule != "quorum-sets":
        if sets:
            yield path, f"belongs to rule 'quorum-sets', found '{protocol.rule}'"
        return
    if DEFAULT not in sets:
        bare = [hospital for hospital in hospitals if hospital not in sets]
        if bare:
            others = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
            yield path, f"no quorum set for '{bare[0]}'{others}; add them or a '{DEFAULT}'"
    known = frozenset(hospitals)
    for owner, quorum_set in sets.items():
        if owner != DEFAULT:
            yield from _unknown((*path, owner), owner, known)
        yield from _breaks_in_quorum_set((*path, owner), quorum_set, known, set(), 1)


def _breaks_in_quorum_set(
    path: Path, quorum_set: QuorumSetSection, known: frozenset[str], seen: set[str], depth: int
) -> Iterator[Break]:
    """Check one level and those inside; ``seen`` gathers the validators of the whole tree."""
    if depth > DEPTH_MAX:
        yield path, f"expected quorum sets nested at most {DEPTH_MAX} deep"
        return
    entries = len(quorum_set.validators) + len(quorum_set.inner_sets)
    if entries == 0:
        yield path, "expected at least one entry in validators or inner_sets"
    elif quorum_set.threshold > entries:
        yield (
            (*path, "threshold"),
            f"expected a threshold from 1 to {entries}, its entries, found {quorum_set.threshold}",
        )
    for index, validator in enumerate(quorum_set.validators):
        here = (*path, "validators", index)
        yield from _unknown(here, validator, known)
        if validator in seen:
            yield here, f"'{validator}' stands in this quorum set twice"
        seen.add(validator)
    for index, inner in enumerate(quorum_set.inner_sets):
        here = (*path, "inner_sets", index)
        yield from _breaks_in_quorum_set(here, inner, known, seen, depth + 1)


def breaks_in_network(network: NetworkSection, hospitals: Sequence[str]) -> Iterator[Break]:
    """Check the latencies, the degree of a regular graph and that edges connect the hospitals."""
    yield from _breaks_in_latency(("network", "latency"), network.latency)
    path: Path = ("network", "degree")
    degree, count = network.degree, len(hospitals)
    if network.graph != "random-regular":
        if degree is not None:
            yield path, "belongs to graph 'random-regular' only; remove it"
    elif degree is None:
        yield path, "missing; graph 'random-regular' needs one, such as 4"
    elif degree >= count:
        yield path, f"expected less than the {count} hospitals, found {degree}"
    elif degree * count % 2:
        yield path, f"expected an even number with {count} hospitals, found {degree}"
    if not isinstance(network.graph, str):
        yield from _breaks_in_edges(network.graph, hospitals)


def _breaks_in_edges(edges: Sequence[Edge], hospitals: Sequence[str]) -> Iterator[Break]:
    path: Path = ("network", "graph")
    known = frozenset(hospitals)
    neighbours: dict[str, set[str]] = {hospital: set() for hospital in hospitals}
    for index, edge in enumerate(edges):
        here = (*path, index)
        unknown = [
            broken
            for end, name in enumerate((edge.first, edge.second))
            for broken in _unknown((*here, end), name, known)
        ]
        yield from unknown
        if edge.latency is not None:
            yield from _breaks_in_latency((*here, 2), edge.latency)
        if unknown:
            continue
        if edge.first == edge.second:
            yield here, f"links '{edge.first}' with itself; remove it"
        elif edge.second in neighbours[edge.first]:
            yield here, f"links '{edge.first}' and '{edge.second}' again; remove it"
        neighbours[edge.first].add(edge.second)
        neighbours[edge.second].add(edge.first)
    reached = _reached(neighbours, hospitals[0])
    apart = [hospital for hospital in hospitals if hospital not in reached]
    if apart:
        yield path, f"no edges lead from '{hospitals[0]}' to '{apart[0]}'; add one"


def _reached(neighbours: Mapping[str, set[str]], start: str) -> set[str]:
    reached, frontier = {start}, [start]
    while frontier:
        new = neighbours[frontier.pop()] - reached
        reached |= new
        frontier.extend(new)
    return reached


def _breaks_in_latency(path: Path, latency: Latency) -> Iterator[Break]:
    match latency:
        case Uniform():
            if latency.low_us > latency.high_us:
                yield (*path, "high"), "expected at least as much as 'low'"
        case Lognormal() | Gamma():
            if latency.mean_us == 0:
                yield (*path, "mean"), f"expected more than zero for a {latency.distribution}"
        case Constant() | Normal():
            pass


def breaks_in_faults(
    faults: Sequence[Fault], hospitals: Sequence[str], rounds: int
) -> Iterator[Break]:
    """Check that faults name hospitals that exist, rounds of the run, and no thing twice."""
    known = frozenset(hospitals)
    twins = [twin_of(fault.hospital) for fault in faults if isinstance(fault, Twin)]
    instances = known.union(twins)
    once: set[tuple[str, str]] = set()
    for index, fault in enumerate(faults):
        path: Path = ("faults", index)
        if isinstance(fault, Partition):
            yield from _breaks_in_partition(path, fault, instances)
            continue
        yield from _unknown((*path, "hospital"), fault.hospital, known)
        if isinstance(fault, (Twin, Crash, Silence)):
            if (fault.kind, fault.hospital) in once:
                yield (*path, "hospital"), f"'{fault.hospital}' has a {fault.kind} already"
            once.add((fault.kind, fault.hospital))
        if isinstance(fault, (Poison, Silence)) and fault.from_round > rounds:
            yield (
                (*path, "from_round"),
                f"expected a round of the run, at most {rounds}, found {fault.from_round}",
            )
        if isinstance(fault, Poison):
            yield from _breaks_in_poison(path, fault, faults[:index], rounds)


def _breaks_in_poison(
    path: Path, poison: Poison, earlier: Sequence[Fault], rounds: int
) -> Iterator[Break]:
    until = rounds if poison.until_round is None else poison.until_round
    if until > rounds:
        yield (
            (*path, "until_round"),
            f"expected a round of the run, at most {rounds}, found {until}",
        )
    elif poison.until_round is not None and until < poison.from_round:
        yield (
            (*path, "until_round"),
            f"expected at least from_round, {poison.from_round}, found {until}",
        )
    for index, other in enumerate(earlier):
        if not isinstance(other, Poison) or other.hospital != poison.hospital:
            continue
        last = rounds if other.until_round is None else other.until_round
        if max(poison.from_round, other.from_round) <= min(until, last):
            yield (
                (*path, "hospital"),
                f"'{poison.hospital}' is poisoned by faults.{index} in the same rounds",
            )


def _breaks_in_partition(
    path: Path, partition: Partition, instances: Collection[str]
) -> Iterator[Break]:
    if partition.heal_us is not None and partition.heal_us <= partition.start_us:
        yield (*path, "heal"), "expected a time after 'start', or never"
    seen: set[str] = set()
    for number, group in enumerate(partition.groups):
        for index, instance in enumerate(group):
            here = (*path, "groups", number, index)
            yield from _unknown(here, instance, instances)
            if instance in seen:
                yield here, f"'{instance}' stands in this partition twice"
            seen.add(instance)


def _unknown(path: Path, name: str, known: Collection[str]) -> Iterator[Break]:
    if name not in known:
        yield path, f"unknown hospital '{shown(name)}'; {known_as(name, known)}"


def _repeated(names: Sequence[str]) -> list[int]:
    """Return the indices of the names that stand further up already."""
    return [index for index, name in enumerate(names) if name in names[:index]]
