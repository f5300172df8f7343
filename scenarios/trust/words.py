"""A report in words and as JSON values."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from consensus.resilience import Family, Minimum
from crypto.identity import NodeId

from .report import Report

SETS_MAX: Final = 5
"""Sets of a family that are listed in words; ``--json`` has all, in orbits."""

Names = Mapping[NodeId, str]
"""What people call each node."""


def sentences(report: Report) -> list[str]:
    """The report as a person reads it, one paragraph an entry."""
    names = report.graph.names()
    lines = [_size(report)]
    if report.failed:
        lines.append(f"Taken as failed: {_list(report.failed, names)}.")
    if not report.has_quorum:
        lines.append("There is no quorum: nobody can agree on anything.")
        return lines
    lines.append(_intersection(report, names))
    core = len(report.core)
    lines.append(_minimum("The smallest quorum has", report.quorum, core, names))
    lines.append(_smallest(report.blocking, core, names, "halt the rest by failing together"))
    lines.append(_smallest(report.splitting, core, names, "split the rest by lying together"))
    if report.splitting_whole.upper != report.splitting.upper:
        count = len(report.satisfiable)
        deed = "split somebody off by lying together, of all who are in some quorum"
        lines.append(_smallest(report.splitting_whole, count, names, deed))
    lines.append(_top_tier(report, names))
    lines.append(_family("Minimal quorums", report.quorums, names))
    lines.append(_family("Minimal blocking sets", report.blocking_sets, names))
    lines.append(_family("Minimal splitting sets of the core", report.splitting_sets, names))
    if report.merged is not None:
        lines.extend(_merged(report))
    if not report.complete:
        lines.append("The time limit came first; what stands here is proved, but not all there is.")
    return lines


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values; sets of nodes are lists of identities."""
    found: dict[str, Any] = {
        "source": report.graph.source,
        "nodes": len(report.graph.members),
        "failed": sorted(report.failed),
        "satisfiable": sorted(report.satisfiable),
        "core": sorted(report.core),
        "has_quorum": report.has_quorum,
        "intersection": report.intersection,
        "disjoint_quorums": None
        if report.disjoint is None
        else [sorted(each) for each in report.disjoint],
        "top_tier": sorted(report.top_tier),
        "smallest": {
            "quorum": _minimum_json(report.quorum),
            "blocking": _minimum_json(report.blocking),
            "splitting": _minimum_json(report.splitting),
            "splitting_whole": _minimum_json(report.splitting_whole),
        },
        "minimal": {
            "quorums": _family_json(report.quorums),
            "blocking": _family_json(report.blocking_sets),
            "splitting": _family_json(report.splitting_sets),
        },
        "complete": report.complete,
    }
    if report.merged is not None:
        found["merged"] = {
            "quorums": _family_json(report.merged.quorums),
            "blocking": _family_json(report.merged.blocking),
            "splitting": _family_json(report.merged.splitting),
        }
    return found


def _size(report: Report) -> str:
    return (
        f"{report.graph.source}: {_nodes(len(report.graph.members))},"
        f" {len(report.satisfiable)} of them in some quorum, {len(report.core)} in the core."
    )


def _intersection(report: Report, names: Names) -> str:
    if report.disjoint is not None:
        first, second = report.disjoint
        return (
            "Two quorums share nobody, so that the network can disagree without a single liar:\n"
            f"  {_list(first, names)}\n  {_list(second, names)}"
        )
    if report.intersection is None:
        return "Whether every two quorums share a node was not settled in time."
    return "Every two quorums share a node."


def _smallest(found: Minimum, count: int, names: Names, deed: str) -> str:
    """Who can do something: ``Any 6 of these 21 (29 %) ...``, with an example."""
    if found.lower is None:
        return f"Nobody can {deed}, however many try."
    if found.members is None:
        return f"Fewer than {found.lower} cannot {deed}; more was not settled."
    if not found.members:
        return f"Nobody has to act to {deed}: it has happened already."
    share = f"{100 * len(found.members) / count:.0f} %"
    who = f"{len(found.members)} of these {count} ({share}) can {deed}"
    example = _list(found.members, names)
    if found.proved:
        return f"{who}, no fewer: {example}."
    fewer = f" Fewer than {found.lower} cannot." if found.lower else ""
    return f"{who}: {example}.{fewer} Whether a smaller set can was not settled."


def _minimum(begin: str, found: Minimum, count: int, names: Names) -> str:
    if found.members is None:
        return f"{begin} at least {found.lower} nodes; more was not settled."
    exact = "" if found.proved else f" at most (at least {found.lower})"
    share = f"{100 * len(found.members) / count:.0f} %"
    return (
        f"{begin} {_nodes(len(found.members))}{exact}, {share} of the core:"
        f" {_list(found.members, names)}."
    )


def _top_tier(report: Report, names: Names) -> str:
    least = "" if report.quorums.complete else "at least "
    tier = report.top_tier
    return f"The top tier has {least}{_nodes(len(tier))}: {_list(tier, names)}."


def _family(title: str, family: Family, names: Names) -> str:
    if not family.orbits:
        return f"{title}: none." if family.complete else f"{title}: none found in time."
    sizes = (
        f"{family.size_min}"
        if family.size_min == family.size_max
        else f"{family.size_min} to {family.size_max}"
    )
    count = f"{family.count:,}" if family.complete else f"at least {family.count:,}"
    lines = [f"{title}: {count}, of {sizes} each"]
    lines.extend(f"  {_list(each, names)}" for each in islice(family, SETS_MAX))
    if family.count > SETS_MAX:
        lines.append(f"  … and {family.count - SETS_MAX:,} more")
    return "\n".join(lines)


def _merged(report: Report) -> list[str]:
    found = report.merged
    if found is None:
        return []
    itself: dict[NodeId, str] = {}
    for family in (found.quorums, found.blocking, found.splitting):
        itself |= {each: each for each in family.nodes}
    return [
        _family("Groups that can agree alone", found.quorums, itself),
        _family("Groups that can halt the rest by failing", found.blocking, itself),
        _family("Groups that can split the rest by lying", found.splitting, itself),
    ]


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _list(nodes: Iterable[NodeId], names: Names) -> str:
    return ", ".join(sorted(names[each] for each in nodes)) or "nobody"


def _minimum_json(found: Minimum) -> dict[str, Any]:
    return {
        "nodes": None if found.members is None else sorted(found.members),
        "lower": found.lower,
        "upper": found.upper,
        "proved": found.proved,
    }


def _family_json(family: Family) -> dict[str, Any]:
    mean = family.size_mean
    return {
        "count": family.count,
        "size_min": family.size_min,
        "size_max": family.size_max,
        "size_mean": None if mean is None else float(mean),
        "complete": family.complete,
        "orbits": [
            [{"take": choice.count, "of": list(choice.nodes)} for choice in orbit.choices]
            for orbit in family.orbits
        ],
    }
