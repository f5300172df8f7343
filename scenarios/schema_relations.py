"""What must hold between the fields of a scenario: names that exist, sets that can be satisfied.

Each function returns what is broken: the YAML path of the culprit and one sentence.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Final, TypeAlias

from consensus.quorum import NESTING_MAX
from consensus.statements import KINDS

from .errors import shown
from .schema_adversaries import (
    ANY_FIELD,
    Bias,
    Collude,
    Equivocate,
    Mutate,
    Slices,
    Split,
)
from .schema_faults import Crash, Fault, Firewall, Partition, Poison, Silence, Twin, twin_of
from .schema_fields import NAME_PATTERN
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

MUTABLE_FIELDS: Final = frozenset(
    {
        ANY_FIELD,
        *(
            field.name
            for kind in KINDS
            for field in fields(kind)
            if field.name not in ("reason", "scores")
        ),
    }
)
"""The fields that a mutation may change: all but the words and measurements of a verdict."""


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
    yield from _breaks_in_authority(protocol, hospitals)
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


def _breaks_in_authority(protocol: ProtocolSection, hospitals: Sequence[str]) -> Iterator[Break]:
    path: Path = ("protocol", "authority")
    if protocol.name == "authority" and protocol.authority is None:
        yield path, f"missing; name the hospital that decides, such as '{hospitals[0]}'"
    elif protocol.authority is not None:
        if protocol.name != "authority":
            yield path, f"belongs to protocol 'authority', found '{protocol.name}'"
        yield from _unknown(path, protocol.authority, frozenset(hospitals))


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


def breaks_in_forgeries(faults: Sequence[Fault], *, proven: bool) -> Iterator[Break]:
    """Check that nobody forges a proof where nothing is proven."""
    for index, fault in enumerate(faults):
        if isinstance(fault, Poison) and fault.forges and not proven:
            yield ("faults", index, "forges"), "belongs to scenarios with a section 'proof'"


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
        if isinstance(fault, Firewall):
            continue  # schema_relations_network
        if isinstance(fault, (Collude, Split)):
            yield from _breaks_in_alliance(path, fault, faults, known)
            continue
        yield from _unknown((*path, "hospital"), fault.hospital, known)
        if isinstance(fault, (Equivocate, Slices, Mutate)):
            yield from _breaks_in_lie(path, fault, known, rounds)
        if isinstance(fault, Crash) and fault.recover_us is not None:
            yield from _breaks_in_recovery(path, fault, fault.recover_us)
        if isinstance(fault, (Twin, Crash, Silence, Equivocate, Slices, Bias)):
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


def _breaks_in_recovery(path: Path, crash: Crash, recover_us: int) -> Iterator[Break]:
    if recover_us <= crash.at_us:
        yield (*path, "recover"), "expected a time after 'at', or never"


def _breaks_in_alliance(
    path: Path, fault: Collude | Split, faults: Sequence[Fault], known: Collection[str]
) -> Iterator[Break]:
    """Check what binds several hospitals: that they exist; a split is alone with the network."""
    if isinstance(fault, Collude):
        for index, hospital in enumerate(fault.hospitals):
            yield from _unknown((*path, "hospitals", index), hospital, known)
        for index in _repeated(fault.hospitals):
            hospital = fault.hospitals[index]
            yield (*path, "hospitals", index), f"'{hospital}' stands in this fault twice"
    elif any(
        other is not fault and isinstance(other, Split | Twin | Partition) for other in faults
    ):
        yield path, "a split makes the twins and the partition itself; remove it or the others"


def _breaks_in_lie(
    path: Path, lie: Equivocate | Slices | Mutate, known: Collection[str], rounds: int
) -> Iterator[Break]:
    """Check a lie's rounds, whom it names, and that there is such a field."""
    if isinstance(lie, Slices):
        for key in ("validators", "to"):
            names: Sequence[str] = getattr(lie, key)
            for index, name in enumerate(names):
                yield from _unknown((*path, key, index), name, known)
            for index in _repeated(names):
                yield (*path, key, index), f"'{names[index]}' stands here twice"
        entries = max(1, len(lie.validators))
        if lie.threshold > entries:
            yield (
                (*path, "threshold"),
                f"expected a threshold from 1 to {entries}, its entries, found {lie.threshold}",
            )
        return
    until = rounds if lie.until_round is None else lie.until_round
    if lie.from_round > rounds:
        found = f"at most {rounds}, found {lie.from_round}"
        yield (*path, "from_round"), f"expected a round of the run, {found}"
    elif not lie.from_round <= until <= rounds:
        wanted = f"expected a round from {lie.from_round} to {rounds}"
        yield (*path, "until_round"), f"{wanted}, found {until}"
    if isinstance(lie, Mutate) and lie.field not in MUTABLE_FIELDS:
        advice = known_as(lie.field, MUTABLE_FIELDS)
        yield (*path, "field"), f"no message has a field '{shown(lie.field)}'; {advice}"


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
