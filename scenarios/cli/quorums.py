"""``tclearn quorums``: who can halt a network, who can split it, and what quorum sets to choose."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from rich.markup import escape
from ruamel.yaml import YAML

from consensus.quorum import QuorumSet
from consensus.resilience import Deadline, missing_solvers
from crypto.identity import NodeId

from ..errors import ScenarioError
from ..source import library, load
from ..trust.errors import TrustError
from ..trust.files import read_organisations, read_trust_file
from ..trust.graph import ORGANISATION, TrustGraph
from ..trust.picture import write_picture
from ..trust.report import Report, analyse
from ..trust.scenario import scenario_trust
from ..trust.suggest import Proposal, Suggestion, Wish, suggest
from ..trust.words import as_json as report_json
from ..trust.words import sentences
from ..units import parse_duration
from .output import console, quoted, write_json

INTERSECTS, SPLIT, UNDECIDED = 0, 1, 3
"""Exit statuses: every two quorums meet; two do not, or there is none; the limit came first."""

HOSPITALS_MAX: Final = 200
"""The most hospitals that quorum sets are proposed for."""

_NONE_FOUND: Final = (
    "None of the forms that were tried meets the wish (one threshold over all hospitals, or one"
    " over organisations and one inside each). That no other can is not proved."
)

_YAML_SUFFIXES: Final = (".yaml", ".yml")
"""How the path of a scenario ends."""

_MERGE_BY: Final = {"org": ORGANISATION, "organization": ORGANISATION}
"""Other words for an attribute."""


@dataclass(frozen=True, slots=True)
class QuorumsRequest:
    """What was asked on the command line."""

    source: str
    """A file, or a scenario."""
    merge_by: str | None
    """The attribute to merge nodes by."""
    organisations: Path | None
    """A file that says who runs each node."""
    without: Sequence[str]
    """Nodes, names or organisations that have failed, separated by commas or repeated."""
    limit: str
    """The time limit of one question, such as ``10s``."""
    as_json: bool
    """Print JSON instead of words."""
    html: Path | None
    """Where the picture goes."""


def quorums_command(request: QuorumsRequest) -> int:
    """Analyse a trust graph and say what was found.

    Raises:
        OSError: When the picture cannot be written.
        ScenarioError: When the file or an option is faulty.
    """
    limit_us = _duration_us(request.limit)
    graph = _graph(request.source)
    if request.organisations is not None:
        graph = graph.with_organisations(read_organisations(request.organisations))
    attribute = request.merge_by
    groups = None
    if attribute is not None:
        groups = graph.groups(_MERGE_BY.get(attribute.lower(), attribute))
    failed = graph.find([name for names in request.without for name in names.split(",") if name])
    report = analyse(graph, lambda: _deadline(limit_us), failed, groups)
    if request.html is not None:
        write_picture(report, request.html)
    if request.as_json:
        write_json(report_json(report))
    else:
        out = console()
        for sentence in sentences(report):
            for line in sentence.split("\n"):
                out.print(quoted(line))
        if not report.complete:
            for advice in missing_solvers():
                out.print(quoted(f"A solver would help: {advice}."))
        if request.html is not None:
            out.print(f"The picture is in {quoted(str(request.html))}.")
    return _status(report)


def suggest_command(
    source: str | None, organisations: str | None, wish: Wish, limit: str, as_json: bool
) -> int:
    """Propose quorum sets.

    Args:
        source: A file or a scenario with the hospitals; None if ``organisations`` says how many.
        organisations: How many hospitals each organisation has: ``3,3,2``.
        wish: What must be borne.
        limit: The time limit of the whole search.
        as_json: Print JSON instead of words.

    Raises:
        ScenarioError: When an option is faulty.
    """
    groups = _groups(source, organisations)
    found = suggest(groups, wish, _deadline(_duration_us(limit)))
    if as_json:
        write_json(_suggestion_json(found))
    else:
        out = console()
        for line in _suggestion_lines(found):
            out.print(escape(line))
    if found.proposal is not None:
        return INTERSECTS
    return UNDECIDED if found.impossible is None else SPLIT


def _status(report: Report) -> int:
    if not report.has_quorum or report.disjoint is not None:
        return SPLIT
    return INTERSECTS if report.complete else UNDECIDED


def _graph(source: str) -> TrustGraph:
    """From a scenario of the library, a scenario file, or a file of nodes."""
    path = Path(source)
    if path.suffix in _YAML_SUFFIXES or any(each.name == source for each in library()):
        return scenario_trust(load(source))
    if path.suffix == ".json" or path.exists():
        return read_trust_file(path)
    return scenario_trust(load(source))  # which says what there is


def _groups(source: str | None, organisations: str | None) -> Mapping[str, Sequence[NodeId]]:
    if (source is None) == (organisations is None):
        raise TrustError("expected either FILE or --organisations, found both or neither")
    groups: dict[str, list[NodeId]] = {}
    if source is not None:
        graph = _graph(source)
        names = graph.names()
        for each in graph.members:
            owner = each.attributes.get(ORGANISATION, names[each.node])
            groups.setdefault(owner, []).append(each.node)
    else:
        for number, size in enumerate(_sizes(organisations or ""), 1):
            owner = f"organisation-{number}"
            groups[owner] = [NodeId(f"{owner}-hospital-{one}") for one in range(1, size + 1)]
    count = sum(map(len, groups.values()))
    if not 1 <= count <= HOSPITALS_MAX:
        raise TrustError(f"expected 1 to {HOSPITALS_MAX} hospitals, found {count}")
    return groups


def _sizes(text: str) -> list[int]:
    if not re.fullmatch(r"[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*", text):
        raise TrustError(
            f"--organisations: expected how many hospitals each has, such as 3,3,2, found '{text}'"
        )
    return [int(each) for each in text.split(",")]


def _duration_us(text: str) -> int:
    try:
        return parse_duration(text)
    except ScenarioError as error:
        raise TrustError(f"--limit: {error}") from None


def _deadline(limit_us: int) -> Deadline:
    end_ns = time.monotonic_ns() + 1000 * limit_us
    return lambda: time.monotonic_ns() > end_ns


def _suggestion_lines(found: Suggestion) -> list[str]:
    if found.impossible is not None:
        return [found.impossible]
    if found.proposal is None:
        return [_NONE_FOUND]
    proposal = found.proposal
    return [
        f"{proposal.form}.",
        f"By the analysis, the smallest quorum has {proposal.quorum} hospitals;",
        _borne(proposal),
        "In a scenario:",
        "",
        _yaml(proposal.quorum_set),
    ]


def _borne(proposal: Proposal) -> str:
    halt = f"{_who(proposal.blocking, proposal.blocking_groups)} can halt the rest by failing"
    if proposal.splitting is None:
        return f"{halt}, and nobody can split it; fewer cannot."
    split = f"{_who(proposal.splitting, proposal.splitting_groups)} can split it by lying"
    return f"{halt}, {split}; fewer cannot."


def _who(hospitals: int, organisations: int | None) -> str:
    some = "1 hospital" if hospitals == 1 else f"{hospitals} hospitals"
    match organisations:
        case None:
            return some
        case 1:
            return f"{some} or 1 organisation"
        case _:
            return f"{some} or {organisations} organisations"


def _suggestion_json(found: Suggestion) -> dict[str, object]:
    proposal = found.proposal
    return {
        "possible": True if proposal else None if found.impossible is None else False,
        "proof": found.impossible,
        "proposal": None
        if proposal is None
        else {
            "form": proposal.form,
            "quorum_set": _section(proposal.quorum_set),
            "quorum": proposal.quorum,
            "blocking": proposal.blocking,
            "splitting": proposal.splitting,
            "blocking_organisations": proposal.blocking_groups,
            "splitting_organisations": proposal.splitting_groups,
        },
    }


def _section(quorum_set: QuorumSet) -> dict[str, object]:
    """A quorum set as it stands in a scenario."""
    section: dict[str, object] = {"threshold": quorum_set.threshold}
    if quorum_set.validators:
        section["validators"] = [str(each) for each in quorum_set.validators]
    if quorum_set.inner_sets:
        section["inner_sets"] = [_section(each) for each in quorum_set.inner_sets]
    return section


def _yaml(quorum_set: QuorumSet) -> str:
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    text = StringIO()
    sets = {"default": _section(quorum_set)}
    yaml.dump({"protocol": {"rule": "quorum-sets", "quorum_sets": sets}}, text)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
