"""What must hold between the fields of a network and of its faults.

Each function returns what is broken: the YAML path of the culprit and one sentence.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from .errors import shown
from .region_presets import region_preset
from .schema_faults import Delay, Fault, Firewall, Twin, twin_of
from .schema_network import (
    DELAYS_SUFFIXES,
    Constant,
    Edge,
    Empirical,
    Gamma,
    Latency,
    LinkSection,
    Lognormal,
    NetworkSection,
    Normal,
    RegionsSection,
    Uniform,
)
from .schema_relations import Break, Path, known_as


def breaks_in_network(network: NetworkSection, hospitals: Sequence[str]) -> Iterator[Break]:
    """Check the latencies, the degree of a regular graph and that edges connect the hospitals."""
    yield from _breaks_in_latency(("network", "latency"), network.latency)
    yield from _breaks_in_delivery(network)
    if network.regions is not None:
        yield from _breaks_in_regions(network.regions, hospitals)
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
        yield from breaks_in_edges(network.graph, hospitals)


def _breaks_in_delivery(network: NetworkSection) -> Iterator[Break]:
    """Check what is lost, when, and in which order the rest arrives."""
    if network.retransmit_us == 0:
        yield ("network", "retransmit"), "expected more than zero, or never"
    if network.order == "fifo" and network.reordering_ppm:
        yield ("network", "reordering"), "belongs to order 'free', found 'fifo'"
    before = network.before_gst
    if network.gst_us is None:
        if before is not None:
            yield ("network", "before_gst"), "belongs to a 'gst'; give one or remove it"
    elif before is None or (before.latency is None and before.loss_ppm is None):
        yield ("network", "before_gst"), "missing; say the latency or the loss before 'gst'"
    if before is not None and before.latency is not None:
        yield from _breaks_in_latency(("network", "before_gst", "latency"), before.latency)


def _breaks_in_regions(section: RegionsSection, hospitals: Sequence[str]) -> Iterator[Break]:
    known = frozenset(hospitals)
    regions = region_preset(section.preset).regions
    for hospital, region in section.places.items():
        path: Path = ("network", "regions", "places", hospital)
        yield from _unknown(path, hospital, known)
        if region not in regions:
            yield path, f"unknown region '{shown(region)}'; {known_as(region, regions)}"


def breaks_in_edges(edges: Sequence[Edge], hospitals: Sequence[str]) -> Iterator[Break]:
    """Check that edges join hospitals that exist, each pair once, and reach them all."""
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
        if isinstance(edge.own, LinkSection):
            if edge.own.latency is not None:
                yield from _breaks_in_latency((*here, 2, "latency"), edge.own.latency)
        elif edge.own is not None:
            yield from _breaks_in_latency((*here, 2), edge.own)
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
        case Empirical(delays_us=delays, file=file):
            if (delays is None) == (file is None):
                found = "neither" if delays is None else "both"
                yield path, f"expected 'delays' or 'file', found {found}"
            if file is not None and not file.endswith(DELAYS_SUFFIXES):
                ends = " or ".join(DELAYS_SUFFIXES)
                yield (*path, "file"), f"expected a path that ends in {ends}, found '{shown(file)}'"
        case Constant() | Normal():
            pass


def breaks_in_network_faults(
    faults: Sequence[Fault], hospitals: Sequence[str], rounds: int
) -> Iterator[Break]:
    """Check that firewalls and delays name instances that exist and rounds of the run."""
    twins = [twin_of(fault.hospital) for fault in faults if isinstance(fault, Twin)]
    instances = frozenset(hospitals).union(twins)
    for index, fault in enumerate(faults):
        if isinstance(fault, Firewall):
            yield from _breaks_in_firewall(("faults", index), fault, instances)
        if isinstance(fault, Firewall | Delay):
            yield from _breaks_in_rounds(("faults", index), fault, rounds)


def _breaks_in_firewall(
    path: Path, firewall: Firewall, instances: Collection[str]
) -> Iterator[Break]:
    for key, names in (("senders", firewall.senders), ("receivers", firewall.receivers)):
        for index, instance in enumerate(names):
            here = (*path, key, index)
            yield from _unknown(here, instance, instances)
            if instance in names[:index]:
                yield here, f"'{instance}' stands here twice"
    if len({*firewall.senders, *firewall.receivers}) == 1:
        yield (*path, "receivers"), "expected another instance than the only sender"


def _breaks_in_rounds(path: Path, fault: Firewall | Delay, rounds: int) -> Iterator[Break]:
    until = rounds if fault.until_round is None else fault.until_round
    wanted = f"expected a round of the run, at most {rounds}"
    if fault.from_round > rounds:
        yield (*path, "from_round"), f"{wanted}, found {fault.from_round}"
    elif until > rounds:
        yield (*path, "until_round"), f"{wanted}, found {until}"
    elif until < fault.from_round:
        wanted = f"expected at least from_round, {fault.from_round}"
        yield (*path, "until_round"), f"{wanted}, found {until}"


def _unknown(path: Path, name: str, known: Collection[str]) -> Iterator[Break]:
    if name not in known:
        yield path, f"unknown hospital '{shown(name)}'; {known_as(name, known)}"
