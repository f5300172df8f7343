"""Public networks: stated and published results, tools' defects among them.

The networks are not part of the repository; without them these tests are skipped.
"""

import csv
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from consensus.quorum import QuorumSet, is_quorum
from consensus.resilience import (
    Family,
    Fbas,
    all_quorums,
    core,
    disjoint_quorums,
    dispensable_sets,
    merged,
    minimal_blocking_sets,
    minimal_quorums,
    minimal_splitting_sets,
    minimum_blocking_set,
    minimum_quorum,
    minimum_splitting_set,
    restricted,
    satisfiable,
    symmetric_clusters,
    top_tier,
)
from consensus.resilience.splitting import splits
from crypto.identity import NodeId
from scenarios.trust.files import read_organisations, read_trust_file
from scenarios.trust.graph import ORGANISATION, TrustGraph

DATA = Path(__file__).parents[2] / "shared" / "data" / "fbas"
ABSENT = "the public networks (shared/data/fbas) are not here"
STELLAR_DAYS = {
    "2019-08-02": "stellar_2019-08-02.json",
    "2019-09-17": "stellar_2019-09-17.json",
    "2020-05-09": "stellar_2020-05-09.json",
    "2020-06-12": "stellar_2020-06-12.json",
}
"""The days of which both the published row and the input are here."""

Expected = Mapping[str, Any]
Nodes = frozenset[NodeId]


def expectations() -> list[Expected]:
    path = DATA / "expected.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


def named(*keys: str) -> list[Any]:
    """The expectations that say one of these, as parameters; one that skips where none is here."""
    found = [each for each in expectations() if any(key in each for key in keys)]
    if not found:
        return [pytest.param({}, marks=pytest.mark.skip(reason=ABSENT))]
    return [pytest.param(each, id=Path(each["file"]).stem) for each in found]


@cache
def graph(file: str) -> TrustGraph:
    if not DATA.is_dir():
        pytest.skip(ABSENT)
    return read_trust_file(DATA / file)


def fbas_of(expected: Expected) -> Fbas:
    return graph(expected["file"]).fbas()


def nodes_at(fbas: Fbas, places: list[Any]) -> Nodes:
    """Nodes by their places in the file, or by name."""
    return frozenset(
        fbas.nodes[place] if isinstance(place, int) else NodeId(place) for place in places
    )


def sets_at(fbas: Fbas, places: list[list[Any]]) -> set[Nodes]:
    return {nodes_at(fbas, each) for each in places}


def listed(family: Family) -> set[Nodes]:
    sets = list(family)
    assert family.complete
    assert len(sets) == len(set(sets)) == family.count
    return set(sets)


def sizes(family: Family) -> tuple[int | None, int | None]:
    assert family.complete
    return family.size_min, family.size_max


@pytest.mark.parametrize("expected", named("has_quorum_intersection"))
def test_quorum_intersection_is_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    disjoint = disjoint_quorums(fbas)
    if not core(fbas).members:
        # Tools differ on a network without a quorum: fbas_analyzer says no, stellar-core v1 yes.
        assert disjoint is None
        assert expected["has_quorum_intersection"] in (None, False)
        return
    assert (disjoint is None) == expected["has_quorum_intersection"]
    if disjoint is not None:
        assert_disjoint_quorums(graph(expected["file"]), disjoint)


def assert_disjoint_quorums(claimed: TrustGraph, pair: tuple[Nodes, Nodes]) -> None:
    """By the plain definition, with the quorum sets themselves."""
    known = {node: each for node, each in claimed.quorum_sets.items() if each is not None}
    assert not pair[0] & pair[1]
    assert is_quorum(pair[0], known)
    assert is_quorum(pair[1], known)


@pytest.mark.parametrize("expected", named("no_quorum"))
def test_a_network_without_a_quorum_is_recognised(expected: Expected) -> None:
    fbas = fbas_of(expected)
    assert not core(fbas).members
    assert minimal_quorums(fbas).count == 0
    assert minimum_quorum(fbas).lower is None
    assert minimum_blocking_set(fbas).members == frozenset()


@pytest.mark.parametrize(
    "file", ["python-fbas_missing_1", "python-fbas_missing_2", "python-fbas_missing_3"]
)
def test_a_node_without_a_quorum_set_helps_nobody(file: str) -> None:
    assert not core(graph(f"small/{file}.json").fbas()).members


@pytest.mark.parametrize("expected", named("minimal_quorums", "minimal_blocking_sets"))
def test_minimal_quorums_and_blocking_sets_are_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    if "minimal_quorums" in expected:
        assert listed(minimal_quorums(fbas)) == sets_at(fbas, expected["minimal_quorums"])
    if "minimal_blocking_sets" in expected:
        found = listed(minimal_blocking_sets(fbas))
        assert found == sets_at(fbas, expected["minimal_blocking_sets"])


@pytest.mark.parametrize("expected", named("minimal_splitting_sets", "minimal_splitting_sets_core"))
def test_minimal_splitting_sets_are_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    if "minimal_splitting_sets" in expected:
        found = listed(minimal_splitting_sets(fbas))
        assert found == sets_at(fbas, expected["minimal_splitting_sets"])
    if "minimal_splitting_sets_core" in expected:
        found = listed(minimal_splitting_sets(core(fbas)))
        assert found == sets_at(fbas, expected["minimal_splitting_sets_core"])


@pytest.mark.parametrize("expected", named("min_splitting_set"))
def test_the_smallest_splitting_set_is_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    found = minimum_splitting_set(satisfiable(fbas))
    assert found.proved
    stated = expected["min_splitting_set"]
    assert found.members == (None if stated is None else nodes_at(fbas, stated))


@pytest.mark.parametrize("expected", named("top_tier", "top_tier_size"))
def test_the_top_tier_is_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    found = top_tier(fbas)
    if "top_tier" in expected:
        assert found == nodes_at(fbas, expected["top_tier"])
    if "top_tier_size" in expected:
        assert len(found) == expected["top_tier_size"]


@pytest.mark.parametrize("expected", named("counts_measured"))
def test_counts_of_minimal_sets_are_as_measured(expected: Expected) -> None:
    fbas, counts = fbas_of(expected), expected["counts_measured"]
    quorums, blocking = minimal_quorums(fbas), minimal_blocking_sets(fbas)
    assert quorums.count == counts["mq"]
    assert blocking.count == counts["mbs"]
    for key, family in (("mq_sizes", quorums), ("mbs_sizes", blocking)):
        if key in counts:
            assert sizes(family) == tuple(counts[key])
    if "top_tier_size" in counts:
        assert len(quorums.nodes) == len(blocking.nodes) == counts["top_tier_size"]
    splitting = minimal_splitting_sets(core(fbas))
    assert splitting.complete
    if "mss_core" in counts or "mss" in counts:
        assert splitting.count == counts.get("mss_core", counts.get("mss"))
    if "mss_core_min" in counts:
        assert splitting.size_min == counts["mss_core_min"]
    if "min_splitting_whole_fbas" in counts:
        whole = minimum_splitting_set(satisfiable(fbas))
        assert whole.proved
        assert whole.upper == counts["min_splitting_whole_fbas"]


@pytest.mark.parametrize("expected", named("mbs", "mbs_min"))
def test_sizes_of_minimal_sets_are_as_published(expected: Expected) -> None:
    fbas = fbas_of(expected)
    families = {
        "mq": minimal_quorums(fbas),
        "mbs": minimal_blocking_sets(fbas),
        "mss_core": minimal_splitting_sets(core(fbas)),
        "mss": minimal_splitting_sets(core(fbas)),
    }
    for key, family in families.items():
        stated = expected.get(key, {})
        if not stated:
            continue
        assert sizes(family) == (stated["min"], stated["max"])
        if isinstance(stated.get("mean"), float):
            assert family.size_mean is not None
            assert float(family.size_mean) == pytest.approx(stated["mean"], rel=1e-12)
    for key, name in (("mbs_min", "mbs"), ("mss_min", "mss"), ("min_quorum", "mq")):
        if key in expected:
            assert families[name].size_min == expected[key]
    if "n_mbs" in expected:
        assert families["mbs"].count == expected["n_mbs"]


@pytest.mark.parametrize("expected", named("cardinality_prototype"))
def test_smallest_sets_of_synthetic_networks_are_as_proved_before(expected: Expected) -> None:
    fbas, stated = fbas_of(expected), expected["cardinality_prototype"]
    found = {
        "min_quorum": minimum_quorum(fbas),
        "min_blocking": minimum_blocking_set(fbas),
    }
    # Without a solver the last question is open for minutes where many have to lie.
    if stated["min_splitting"] <= 3:
        found["min_splitting"] = minimum_splitting_set(satisfiable(fbas))
    for key, minimum in found.items():
        assert minimum.proved
        assert minimum.upper == stated[key], key


@pytest.mark.parametrize("expected", named("cardinality_prototype"))
def test_smallest_splitting_sets_are_proved_by_the_solvers(expected: Expected) -> None:
    pytest.importorskip("pysat", reason="python-sat is not installed")
    found = minimum_splitting_set(satisfiable(fbas_of(expected)))
    assert found.proved
    assert found.upper == expected["cardinality_prototype"]["min_splitting"]


@pytest.mark.parametrize("expected", named("orgs"))
def test_organisations_are_as_published(expected: Expected) -> None:
    stated = expected["orgs"]
    file = stated.get("organizations_file", "organizations/nodejs_fbas_analyzer_organizations.json")
    found = merged_by(expected["file"], file, ORGANISATION)
    assert sizes(found.quorums) == tuple(stated["mq"])
    assert sizes(found.blocking) == tuple(stated["mbs"])
    assert sizes(found.splitting) == tuple(stated["mss"])
    assert len(found.quorums.nodes) == stated["top_tier"]
    if "top_tier_names" in stated:
        assert found.quorums.nodes == frozenset(stated["top_tier_names"])


def merged_by(file: str, organisations: str, attribute: str) -> Any:
    claimed = graph(file).with_organisations(read_organisations(DATA / organisations))
    return merged(claimed.fbas(), claimed.groups(attribute))


@pytest.mark.parametrize("expected", named("countries"))
def test_countries_are_as_published(expected: Expected) -> None:
    stated, claimed = expected["countries"], graph(expected["file"])
    countries = claimed.groups("country")
    assert {countries[node] for node in top_tier(claimed.fbas())} == set(stated["top_tier"])
    found = merged(claimed.fbas(), countries)
    assert sizes(found.quorums) == tuple(stated["mq"])
    assert sizes(found.blocking) == tuple(stated["mbs"])
    assert sizes(found.splitting) == tuple(stated["mss"])


@pytest.mark.parametrize("expected", named("nodejs_test"))
def test_a_published_analysis_with_failed_nodes_is_repeated(expected: Expected) -> None:
    stated = expected["nodejs_test"]
    claimed = graph(expected["file"])
    claimed = claimed.with_organisations(read_organisations(DATA / stated["organizations_file"]))
    fbas, owners = claimed.fbas(), claimed.groups(ORGANISATION)
    assert minimal_blocking_sets(fbas).count == stated["n_mbs"]
    found = merged(fbas, owners)
    assert (found.blocking.count, found.splitting.count) == (35, 35)
    assert found.blocking.count == stated["n_org_mbs"]
    assert found.splitting.count == stated["n_org_mss"]
    assert merged(fbas, claimed.groups("country")).blocking.size_min == stated["country_min_mbs"]
    assert merged(fbas, claimed.groups("country")).splitting.count == stated["n_country_mss"]
    left = restricted(fbas, fbas.trust.members & ~fbas.mask(stated["faulty"]))
    blocking = minimal_blocking_sets(left)
    assert blocking.count == stated["n_mbs_faulty_filtered"]
    assert blocking.size_min == stated["min_mbs_faulty_filtered"]
    organisations = merged(left, owners).blocking
    assert organisations.count == stated["n_org_mbs_faulty_filtered"]
    assert organisations.size_min == stated["min_org_mbs_faulty_filtered"]


@pytest.mark.parametrize(("day", "file"), STELLAR_DAYS.items())
def test_the_published_row_of_the_day_is_agreed_with(day: str, file: str) -> None:
    """The rows were computed from the nodes that were active; so are these."""
    claimed = graph(f"stellar/{file}")
    path = DATA / "published-results" / "stellarbeat_daily.csv"
    with path.open(encoding="utf-8", newline="") as rows:
        (row,) = (each for each in csv.DictReader(rows) if each["label"] == day)
    candidates = [claimed.fbas()]
    entries = json.loads((DATA / "stellar" / file).read_text("utf-8"))
    active = [NodeId(each["publicKey"]) for each in entries if each.get("active")]
    candidates.append(restricted(candidates[0], candidates[0].mask(active)))
    assert any(agrees(row, fbas) for fbas in candidates)


def agrees(row: Mapping[str, str], fbas: Fbas) -> bool:
    families = {
        "mq": minimal_quorums(fbas),
        "mbs": minimal_blocking_sets(fbas),
        "mss": minimal_splitting_sets(core(fbas)),
    }
    return (
        (row["has_quorum_intersection"] == "true") == (disjoint_quorums(fbas) is None)
        and int(row["top_tier_size"]) == len(families["mq"].nodes)
        and all(
            family.size_mean is not None
            and int(row[f"{key}_min"]) == family.size_min
            and int(row[f"{key}_max"]) == family.size_max
            and float(row[f"{key}_mean"]) == pytest.approx(float(family.size_mean))
            for key, family in families.items()
        )
    )


def test_the_published_rows_of_mobilecoin_are_agreed_with() -> None:
    """Its quorum sets were the same three weeks later, when the rows begin."""
    fbas = graph("mobilecoin/mobilecoin_2021-08-02.json").fbas()
    path = DATA / "published-results" / "mobilecoin_daily.csv"
    with path.open(encoding="utf-8", newline="") as rows:
        first = next(csv.DictReader(rows))
    assert agrees(first, fbas)


def test_contained_quorums_are_as_stated() -> None:
    fbas = graph("small/python-fbas_circular_2.json").fbas()
    quorums = listed(all_quorums(fbas))
    for names, holds in {("PK1", "PK3"): True, ("PK1", "PK2"): False}.items():
        assert any(each <= frozenset(map(NodeId, names)) for each in quorums) is holds


@pytest.mark.parametrize("expected", named("all_quorums", "n_all_quorums"))
def test_all_quorums_are_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    found = all_quorums(fbas)
    if "all_quorums" in expected:
        assert listed(found) == sets_at(fbas, expected["all_quorums"])
    if "n_all_quorums" in expected:
        assert found.count == expected["n_all_quorums"]


@pytest.mark.parametrize("expected", named("dsets"))
def test_dispensable_sets_are_as_stated(expected: Expected) -> None:
    fbas = fbas_of(expected)
    assert set(dispensable_sets(fbas)) == sets_at(fbas, expected["dsets"])


@pytest.mark.parametrize("expected", named("symmetric_cluster"))
def test_the_symmetric_cluster_is_as_stated(expected: Expected) -> None:
    fbas, stated = fbas_of(expected), expected["symmetric_cluster"]
    (found,) = symmetric_clusters(fbas)
    assert found.threshold == stated["threshold"]
    assert frozenset(found.validators) == nodes_at(fbas, stated["validators"])


CLUSTERS: dict[str, list[tuple[int, set[str]]]] = {
    "symmetric_cluster_in_split_fbas": [(2, {"n0", "n1"}), (2, {"n2", "n3"})],
    "symmetric_cluster_in_symmetric_cluster": [(2, {"n0", "n1"})],
    "symmetric_cluster_in_weird_cluster_made_standard": [(2, {"n0", "n1"})],
    "symmetric_top_tier_in_symmetric_fbas": [(2, {"n0", "n1"})],
    "symmetric_top_tier_in_broken_symmetric_fbas": [(1, {"n0", "n1"})],
}


@pytest.mark.parametrize(("name", "clusters"), CLUSTERS.items())
def test_symmetric_clusters_are_as_fbas_analyzer_tests_say(
    name: str, clusters: list[tuple[int, set[str]]]
) -> None:
    found = symmetric_clusters(graph(f"topologies/fa_{name}.json").fbas())
    assert [(each.threshold, set(each.validators)) for each in found] == clusters


def test_one_real_network_has_a_symmetric_top_tier_of_organisations() -> None:
    fbas = graph("stellar/stellar_2025-11-13.json").fbas()
    (found,) = symmetric_clusters(core(fbas))
    assert (found.threshold, len(found.inner_sets)) == (5, 7)


@pytest.mark.parametrize("name", ["validators53", "pyfbas_validators75", "top_tier23"])
def test_interchangeable_nodes_have_the_same_quorum_set(name: str) -> None:
    """The first defect of fbas_analyzer 0.7.4: it looks only at who names them.

    On real networks it then reports quorums that are none. Here one node of a class gets a quorum
    set of its own, and every set that is found is checked directly.
    """
    claimed = graph(
        f"stellar/stellar_2024-09-{'17' if name == 'validators53' else '19'}_{name}.json"
    )
    first = min(core(claimed.fbas()).members)
    own = claimed.quorum_sets[first]
    assert own is not None
    picky = QuorumSet(own.threshold + 1, own.validators, own.inner_sets)
    known = {
        node: picky if node == first else each
        for node, each in claimed.quorum_sets.items()
        if each is not None
    }
    fbas = Fbas(known)
    quorums = minimal_quorums(fbas)
    assert any(len(choice.nodes) > 1 for orbit in quorums.orbits for choice in orbit.choices)
    assert not any(
        first in choice.nodes and len(choice.nodes) > 1
        for orbit in quorums.orbits
        for choice in orbit.choices
    )
    for each in quorums:
        assert is_quorum(each, known)


def test_splitting_sets_outside_a_symmetric_cluster_are_found() -> None:
    """The fourth defect of fbas_analyzer 0.7.4: it misses them; each is checked directly."""
    fbas = graph("topologies/fa_minimal_splitting_sets_outside_symmetric_cluster.json").fbas()
    for each in minimal_splitting_sets(fbas):
        assert splits(fbas.trust, fbas.mask(each))
        for node in each:
            assert not splits(fbas.trust, fbas.mask(each - {node}))
