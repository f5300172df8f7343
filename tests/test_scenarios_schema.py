"""The schema: defaults, strict types, and what must hold between fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_errors import sentences
from scenarios.schema_faults import Crash, Partition, SignFlip, Twin, hospital_of, twin_of
from scenarios.schema_network import Constant, Lognormal
from scenarios.source import json_schema, parse
from scenarios.source_yaml import dotted


def scenario(**fields: Any) -> Scenario:
    return Scenario.model_validate({"scenario": "x", **fields})


def test_only_the_name_is_required() -> None:
    plain = scenario()
    assert plain.name == "x"
    assert (plain.seed, plain.rounds) == (42, 10)
    assert plain.hospitals == tuple(f"hospital-{number}" for number in range(1, 6))
    assert plain.protocol.rule == "two-thirds"
    assert plain.protocol.proposal_timeout_us == 5_000_000
    assert plain.data.global_fraction_ppm == 200_000
    assert plain.validation.epsilon_global_ppm == 30_000
    assert plain.validation.checks == ("global", "local")
    assert plain.network.bandwidth_bits_per_s is None
    assert plain.time_limit_us == 3_600_000_000
    assert plain.expect.containment == "held"


def test_the_default_latency_is_lognormal() -> None:
    latency = scenario().network.latency
    assert isinstance(latency, Lognormal)
    assert (latency.mean_us, latency.deviation_us) == (40_000, 10_000)


def test_hospitals_may_be_named() -> None:
    assert scenario(hospitals=["liege", "namur-2"]).hospitals == ("liege", "namur-2")


def test_the_instances_are_the_hospitals_and_then_the_twins() -> None:
    found = scenario(hospitals=["b", "a"], faults=[{"kind": "twin", "hospital": "a"}]).instances
    assert found == ("b", "a", "a/twin")
    assert twin_of("a") == "a/twin"
    assert hospital_of("a/twin") == hospital_of("a") == "a"


def test_faults_are_told_apart_by_kind_and_attack() -> None:
    poison, twin, partition, crash = scenario(
        faults=[
            {"kind": "poison", "hospital": "hospital-5", "attack": "sign-flip", "factor": 3},
            {"kind": "twin", "hospital": "hospital-5"},
            {
                "kind": "partition",
                "groups": [["hospital-1"], ["hospital-5/twin"]],
                "heal": "never",
            },
            {"kind": "crash", "hospital": "hospital-3", "at": "10 s"},
        ]
    ).faults
    assert isinstance(poison, SignFlip)
    assert (poison.factor, poison.from_round, poison.until_round) == (3.0, 1, None)
    assert isinstance(twin, Twin)
    assert isinstance(partition, Partition)
    assert (partition.start_us, partition.heal_us) == (0, None)
    assert isinstance(crash, Crash)
    assert crash.at_us == 10_000_000


def test_edges_may_have_latencies() -> None:
    graph = scenario(
        hospitals=["a", "b", "c"],
        network={"graph": [["a", "b"], ["b", "c", {"distribution": "constant", "value": "5 ms"}]]},
    ).network.graph
    assert not isinstance(graph, str)
    plain, slow = graph
    assert (plain.first, plain.second, plain.link.latency) == ("a", "b", None)
    assert isinstance(slow.link.latency, Constant)
    assert slow.link.latency.value_us == 5_000


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        scenario().seed = 3


def quorums(**sets: Any) -> dict[str, Any]:
    return {"hospitals": 3, "protocol": {"rule": "quorum-sets", "quorum_sets": sets}}


def nested(depth: int) -> dict[str, Any]:
    quorum_set: dict[str, Any] = {"threshold": 1, "validators": ["hospital-1"]}
    for _ in range(depth - 1):
        quorum_set = {"threshold": 1, "inner_sets": [quorum_set]}
    return quorum_set


def poison(**fields: Any) -> dict[str, Any]:
    return {"faults": [{"kind": "poison", "hospital": "hospital-1", "attack": "nan", **fields}]}


def split(*groups: list[str], **fields: Any) -> dict[str, Any]:
    return {"kind": "partition", "groups": list(groups), "heal": "1 s", **fields}


def wall(senders: list[str], receivers: list[str], **fields: Any) -> dict[str, Any]:
    fault = {"kind": "firewall", "senders": senders, "receivers": receivers, **fields}
    return {"faults": [fault]}


def regular(count: int, degree: int | None) -> dict[str, Any]:
    network = {"graph": "random-regular"} | ({} if degree is None else {"degree": degree})
    return {"hospitals": count, "network": network}


def edges(*found: list[Any]) -> dict[str, Any]:
    return {"hospitals": ["a", "b", "c"], "network": {"graph": list(found)}}


def latency(distribution: str, **settings: str) -> dict[str, Any]:
    return {"network": {"latency": {"distribution": distribution, **settings}}}


NAMES_OF_THREE = "known are hospital-1, hospital-2, hospital-3"

BROKEN: list[tuple[dict[str, Any], str]] = [
    # what is read field by field
    ({"seed": "5"}, "seed: expected a whole number, found '5'"),
    ({"seed": True}, "seed: expected a whole number, found true"),
    ({"seed": 1.0}, "seed: expected a whole number, found 1.0"),
    ({"seed": -1}, "seed: expected at least 0, found -1"),
    ({"seed": 2**63}, "seed: expected at most 9223372036854775807, found 9223372036854775808"),
    ({"rounds": 0}, "rounds: expected at least 1, found 0"),
    ({"hospitals": 0}, "hospitals: expected a count from 1 to 1000, found 0"),
    ({"hospitals": -3}, "hospitals: expected a count from 1 to 1000, found -3"),
    ({"hospitals": True}, "hospitals: expected a count or a list of names, found true"),
    ({"hospitals": "five"}, "hospitals: expected a count or a list of names, found 'five'"),
    ({"hospitals": []}, "hospitals: expected at least 1 entry, found 0"),
    ({"hospitals": ["a", 2]}, "hospitals.1: expected text, found 2"),
    ({"description": 5}, "description: expected text, found 5"),
    ({"description": "a\nb"}, "description: expected one line of printable text"),
    ({"description": "a" * 201}, "description: expected at most 200 characters, found 201"),
    ({"faults": {}}, "faults: expected a list, found a mapping"),
    ({"protocol": "majority"}, "protocol: expected a mapping of keys to values, found 'majority'"),
    (
        {"protocol": {"rule": "two-third"}},
        (
            "protocol.rule: expected one of majority, two-thirds, quorum-sets, found 'two-third'; "
            "did you mean 'two-thirds'?"
        ),
    ),
    (
        {"protocol": {"name": "raft"}},
        "protocol.name: expected one of scp, majority, pbft, authority, found 'raft'",
    ),
    ({"protocol": {"rul": "majority"}}, "protocol.rul: unknown key; did you mean 'rule'?"),
    (
        {"model": {"kind": "logistic", "hidden": [3]}},
        "model.hidden: unknown key; known are kind",
    ),
    ({"model": {"kind": "mlp", "hidden": [0]}}, "model.hidden.0: expected at least 1, found 0"),
    ({"model": {"hidden": [8]}}, "model.kind: missing; expected one of logistic, mlp"),
    (
        {"training": {"learning_rate": "0.1"}},
        "training.learning_rate: expected a number, found '0.1'",
    ),
    (
        {"training": {"learning_rate": float("inf")}},
        "training.learning_rate: expected a finite number, found inf",
    ),
    ({"training": {"learning_rate": 0}}, "training.learning_rate: expected more than 0, found 0"),
    ({"training": {"momentum": 1}}, "training.momentum: expected less than 1, found 1"),
    ({"training": {"epochs": None}}, "training.epochs: expected a whole number, found nothing"),
    (
        {"time_limit": 5},
        "time_limit: expected a duration with a unit, found 5; add one of us, ms, s, min, h",
    ),
    ({"time_limit": True}, "time_limit: expected a duration such as '50 ms', found true"),
    ({"time_limit": "0 s"}, "time_limit: expected more than zero"),
    (
        {"network": {"bandwidth": "10 Mbps"}},
        "network.bandwidth: expected a unit of bandwidth, found 'Mbps'; did you mean 'Mbit/s'?",
    ),
    ({"network": {"bandwidth": "0 bit/s"}}, "network.bandwidth: expected more than zero"),
    (
        {"validation": {"epsilon_local": 1.5}},
        "validation.epsilon_local: expected a fraction from 0 to 1, such as 0.05 or 5 %, found 1.5",
    ),
    (
        {"data": {"global_fraction": 1}},
        "data.global_fraction: expected a fraction above 0 and below 1",
    ),
    (
        {"signature": "RSA"},
        "signature: expected one of ML-DSA-44, ML-DSA-65, ML-DSA-87, Ed25519, found 'RSA'",
    ),
    (
        poison(attack="sign-flop"),
        (
            "faults.0.attack: expected one of gaussian, label-flip, nan, scaling, sign-flip, "
            "found 'sign-flop'; did you mean 'sign-flip'?"
        ),
    ),
    (
        poison(factor=3),
        (
            "faults.0.factor: unknown key; known are kind, hospital, from_round, until_round, "
            "forges, attack"
        ),
    ),
    (poison(attack="scaling", factr=3), "faults.0.factr: unknown key; did you mean 'factor'?"),
    (
        {"faults": [{"kind": "poisn"}]},
        (
            "faults.0.kind: expected one of bias, collude, crash, delay, equivocate, firewall, "
            "mutate, partition, poison, silence, slices, split, twin, "
            "found 'poisn'; did you mean 'poison'?"
        ),
    ),
    (
        {"faults": [{"kind": "crash", "hospital": "hospital-1"}]},
        "faults.0.at: missing; when it stops",
    ),
    ({"faults": [7]}, "faults.0: expected a mapping of keys to values, found 7"),
    # names
    ({"hospitals": ["a", "b", "a"]}, "hospitals.2: 'a' is the name of two hospitals"),
    ({"hospitals": ["default"]}, "hospitals.0: 'default' is not a hospital's name; choose another"),
    (
        {"validation": {"checks": ["local", "local"]}},
        "validation.checks.1: 'local' stands here twice",
    ),
    ({"costs": "Fast"}, "costs: expected a name or a path that ends in .yaml, found 'Fast'"),
    # data
    (
        {"data": {"source": "brest-cancer"}},
        (
            "data.source: unknown data set 'brest-cancer'; did you mean 'breast-cancer'? "
            "(the path of a file ends in .csv)"
        ),
    ),
    (
        {"data": {"source": "a.csv"}},
        "data.label: missing; name the column of the CSV file that is learned",
    ),
    ({"data": {"label": "y"}}, "data.label: belongs to a CSV file only; remove it"),
    ({"data": {"alpha": 0.5}}, "data.alpha: belongs to partition 'dirichlet', found 'iid'"),
    (
        {"data": {"partition": "dirichlet"}},
        "data.alpha: missing; partition 'dirichlet' needs one, such as 0.5",
    ),
    # quorum sets
    (
        {"protocol": {"quorum_sets": {"default": nested(1)}}},
        "protocol.quorum_sets: belongs to rule 'quorum-sets', found 'two-thirds'",
    ),
    (
        quorums(),
        "protocol.quorum_sets: no quorum set for 'hospital-1' and 2 more; add them or a 'default'",
    ),
    (
        quorums(**{"hospital-1": nested(1), "hospital-2": nested(1)}),
        "protocol.quorum_sets: no quorum set for 'hospital-3'; add them or a 'default'",
    ),
    (
        quorums(default=nested(1), hospitl=nested(1)),
        "protocol.quorum_sets.hospitl: unknown hospital 'hospitl'; did you mean 'hospital-3'?",
    ),
    (
        quorums(default={"threshold": 3, "validators": ["hospital-1", "hospital-2"]}),
        (
            "protocol.quorum_sets.default.threshold: "
            "expected a threshold from 1 to 2, its entries, found 3"
        ),
    ),
    (
        quorums(default={"threshold": 0, "validators": ["hospital-1"]}),
        "protocol.quorum_sets.default.threshold: expected at least 1, found 0",
    ),
    (
        quorums(default={"threshold": 1}),
        "protocol.quorum_sets.default: expected at least one entry in validators or inner_sets",
    ),
    (
        quorums(default={"threshold": 1, "validators": ["a"]}),
        f"protocol.quorum_sets.default.validators.0: unknown hospital 'a'; {NAMES_OF_THREE}",
    ),
    (
        quorums(
            default={
                "threshold": 1,
                "validators": ["hospital-1"],
                "inner_sets": [{"threshold": 1, "validators": ["hospital-2", "hospital-1"]}],
            }
        ),
        (
            "protocol.quorum_sets.default.inner_sets.0.validators.1: "
            "'hospital-1' stands in this quorum set twice"
        ),
    ),
    (
        quorums(default=nested(6)),
        (
            f"protocol.quorum_sets.default{'.inner_sets.0' * 5}: "
            "expected quorum sets nested at most 5 deep"
        ),
    ),
    # network
    (
        {"network": {"graph": "compleet"}},
        (
            "network.graph: expected one of complete, ring, star, path, random-regular, "
            "found 'compleet'; did you mean 'complete'?"
        ),
    ),
    (
        {"network": {"degree": 3}},
        "network.degree: belongs to graph 'random-regular' only; remove it",
    ),
    (regular(5, None), "network.degree: missing; graph 'random-regular' needs one, such as 4"),
    (regular(4, 4), "network.degree: expected less than the 4 hospitals, found 4"),
    (regular(5, 3), "network.degree: expected an even number with 5 hospitals, found 3"),
    (regular(5, 2), "network.degree: expected at least 3, found 2"),
    (edges(["a", "b"]), "network.graph: no edges lead from 'a' to 'c'; add one"),
    (edges(["a", "b"], ["c", "c"]), "network.graph.1: links 'c' with itself; remove it"),
    (
        edges(["a", "b"], ["b", "c"], ["b", "a"]),
        "network.graph.2: links 'b' and 'a' again; remove it",
    ),
    (
        edges(["a", "b"], ["b", "c"], ["a", "d"]),
        "network.graph.2.1: unknown hospital 'd'; known are a, b, c",
    ),
    (edges(["a", "b"], ["b"]), "network.graph.1.1: missing"),
    (
        edges(["a", "b"], {"first": "b"}),  # type: ignore[arg-type]  # what is tested
        (
            "network.graph.1: expected an edge [hospital, hospital], with a latency or a mapping "
            "of latency, loss and bandwidth as third entry if they are its own"
        ),
    ),
    (
        edges(["a", "b", {"distribution": "constant", "valu": "3 ms"}], ["b", "c"]),
        "network.graph.0.2.value: missing; the delay",
    ),
    (
        edges(["a", "b", {"distribution": "gamma", "mean": "0 s", "deviation": "1 s"}], ["b", "c"]),
        "network.graph.0.2.mean: expected more than zero for a gamma",
    ),
    (
        latency("uniform", low="3 ms", high="2 ms"),
        "network.latency.high: expected at least as much as 'low'",
    ),
    (
        latency("lognormal", mean="0 s", deviation="1 s"),
        "network.latency.mean: expected more than zero for a lognormal",
    ),
    (
        latency("gama", mean="1 s", deviation="1 s"),
        (
            "network.latency.distribution: expected one of constant, empirical, gamma, lognormal, "
            "normal, uniform, found 'gama'; did you mean 'gamma'?"
        ),
    ),
    (
        edges(["a", "b", {"loss": "1 %", "lost": "1 %"}], ["b", "c"]),
        "network.graph.0.2.lost: unknown key; did you mean 'loss'?",
    ),
    (
        edges(["a", "b", {"latency": {"distribution": "constant"}}], ["b", "c"]),
        "network.graph.0.2.latency.value: missing; the delay",
    ),
    (
        edges(
            ["a", "b", {"latency": {"distribution": "uniform", "low": "3 ms", "high": "2 ms"}}],
            ["b", "c"],
        ),
        "network.graph.0.2.latency.high: expected at least as much as 'low'",
    ),
    (
        edges(["a", "b", {"bandwidth": "unlimited"}], ["b", "c"]),
        "network.graph.0.2.bandwidth: expected a bandwidth such as '20 Mbit/s', found 'unlimited'",
    ),
    (
        latency("empirical"),
        "network.latency: expected 'delays' or 'file', found neither",
    ),
    (
        {"network": {"latency": {"distribution": "empirical", "delays": [], "file": "a.csv"}}},
        "network.latency.delays: expected at least 1 entry, found 0",
    ),
    (
        latency("empirical", file="ping.dat"),
        "network.latency.file: expected a path that ends in .csv or .txt, found 'ping.dat'",
    ),
    ({"network": {"los": "1 %"}}, "network.los: unknown key; did you mean 'loss'?"),
    ({"network": {"retransmit": "0 s"}}, "network.retransmit: expected more than zero, or never"),
    (
        {"network": {"order": "fifo", "reordering": "1 %"}},
        "network.reordering: belongs to order 'free', found 'fifo'",
    ),
    (
        {"network": {"order": "lifo"}},
        "network.order: expected one of free, fifo, found 'lifo'; did you mean 'fifo'?",
    ),
    (
        {"network": {"gst": "1 s"}},
        "network.before_gst: missing; say the latency or the loss before 'gst'",
    ),
    (
        {"network": {"before_gst": {"loss": "1 %"}}},
        "network.before_gst: belongs to a 'gst'; give one or remove it",
    ),
    (
        {"network": {"regions": {"preset": "wrld"}}},
        (
            "network.regions.preset: expected one of europe, world, found 'wrld'; "
            "did you mean 'world'?"
        ),
    ),
    (
        {"network": {"regions": {"preset": "world", "places": {"hospital-1": "tokio"}}}},
        "network.regions.places.hospital-1: unknown region 'tokio'; did you mean 'tokyo'?",
    ),
    (
        {"network": {"regions": {"preset": "world", "places": {"hospital-9": "tokyo"}}}},
        (
            "network.regions.places.hospital-9: unknown hospital 'hospital-9'; "
            "did you mean 'hospital-5'?"
        ),
    ),
    # faults
    (
        wall(["hospital-1"], ["hospitl-2"]),
        "faults.0.receivers.0: unknown hospital 'hospitl-2'; did you mean 'hospital-2'?",
    ),
    (
        wall(["hospital-1", "hospital-1"], ["hospital-2"]),
        "faults.0.senders.1: 'hospital-1' stands here twice",
    ),
    (
        wall(["hospital-1"], ["hospital-1"]),
        "faults.0.receivers: expected another instance than the only sender",
    ),
    (
        wall(["hospital-1"], ["hospital-2"], from_round=11),
        "faults.0.from_round: expected a round of the run, at most 10, found 11",
    ),
    (
        wall(["hospital-1"], ["hospital-2"], from_round=3, until_round=2),
        "faults.0.until_round: expected at least from_round, 3, found 2",
    ),
    (
        {"faults": [{"kind": "delay", "hospital": "hospital-1"}]},
        "faults.0.extra: missing; how much longer each message takes",
    ),
    (
        {"faults": [{"kind": "delay", "hospital": "hospital-7", "extra": "1 s"}]},
        "faults.0.hospital: unknown hospital 'hospital-7'; did you mean 'hospital-5'?",
    ),
    (
        {
            "faults": [
                {"kind": "delay", "hospital": "hospital-1", "extra": "1 s", "until_round": 11}
            ]
        },
        "faults.0.until_round: expected a round of the run, at most 10, found 11",
    ),
    (
        poison(hospital="hospitl-5"),
        "faults.0.hospital: unknown hospital 'hospitl-5'; did you mean 'hospital-5'?",
    ),
    (
        poison(from_round=11),
        "faults.0.from_round: expected a round of the run, at most 10, found 11",
    ),
    (
        poison(until_round=11),
        "faults.0.until_round: expected a round of the run, at most 10, found 11",
    ),
    (
        poison(from_round=5, until_round=4),
        "faults.0.until_round: expected at least from_round, 5, found 4",
    ),
    (
        {"faults": poison(until_round=4)["faults"] + poison(from_round=4)["faults"]},
        "faults.1.hospital: 'hospital-1' is poisoned by faults.0 in the same rounds",
    ),
    (
        {"faults": [{"kind": "twin", "hospital": "hospital-1"}] * 2},
        "faults.1.hospital: 'hospital-1' has a twin already",
    ),
    (
        {"faults": [{"kind": "crash", "hospital": "hospital-1", "at": "1 s"}] * 2},
        "faults.1.hospital: 'hospital-1' has a crash already",
    ),
    (
        {"faults": [{"kind": "silence", "hospital": "hospital-1", "from_round": 99}]},
        "faults.0.from_round: expected a round of the run, at most 10, found 99",
    ),
    (
        {"faults": [split(["hospital-1"])]},
        "faults.0.groups: expected at least 2 entries, found 1",
    ),
    (
        {"faults": [split(["hospital-1"], [])]},
        "faults.0.groups.1: expected at least 1 entry, found 0",
    ),
    (
        {"faults": [split(["hospital-1"], ["hospital-2", "hospital-1"])]},
        "faults.0.groups.1.1: 'hospital-1' stands in this partition twice",
    ),
    (
        {"hospitals": 3, "faults": [split(["hospital-1"], ["hospital-2/twin"])]},
        "faults.0.groups.1.0: unknown hospital 'hospital-2/twin'; did you mean 'hospital-2'?",
    ),
    (
        {"faults": [split(["hospital-1"], ["hospital-2"], start="1 s")]},
        "faults.0.heal: expected a time after 'start', or never",
    ),
    (
        {"faults": [split(["hospital-1"], ["hospital-2"], heal=3)]},
        "faults.0.heal: expected a duration with a unit, found 3; add one of us, ms, s, min, h",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_broken_scenario_is_named_by_path_and_reason(
    fields: dict[str, Any], message: str
) -> None:
    assert message in sentences_about(fields)


def sentences_about(fields: dict[str, Any]) -> list[str]:
    """Return the sentences about a scenario, without their places."""
    with pytest.raises(ValidationError) as caught:
        scenario(**fields)
    return [f"{dotted(path)}: {said}" for path, said in sentences(caught.value, json_schema())]


@pytest.mark.parametrize(
    "fields",
    [
        quorums(default=nested(4)),
        quorums(**{"hospital-1": nested(1), "default": nested(2)}),
        regular(4, 3),
        poison(from_round=10, until_round=10),
        {"faults": poison(until_round=4)["faults"] + poison(from_round=5)["faults"]},
        {"faults": [split(["hospital-1"], ["hospital-2"], heal="never")]},
        latency("uniform", low="2 ms", high="2 ms"),
        latency("normal", mean="0 s", deviation="0 s"),
        {"data": {"partition": "dirichlet", "alpha": 1}},
        {"validation": {"checks": []}},
        {"hospitals": 1},
        {"hospitals": 1000, "rounds": 100_000},
        {"costs": "my-profile"},
        {"network": {"bandwidth": "unlimited"}},
        {"network": {"loss": 1, "retransmit": "never", "duplication": 1, "reordering": 1}},
        {"network": {"gst": "0 s", "before_gst": {"loss": 1}}},
        {"network": {"regions": {"preset": "europe", "jitter": 0}}},
        wall(["hospital-1"], ["hospital-1", "hospital-2"], from_round=10, until_round=10),
    ],
)
def test_what_is_at_a_limit_is_accepted(fields: dict[str, Any]) -> None:
    assert scenario(**fields).name == "x"


def fields_in(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    sections = {"Scenario": schema, **schema["$defs"]}
    return [
        (f"{name}.{key}", field)
        for name, section in sections.items()
        for key, field in section.get("properties", {}).items()
    ]


def test_every_field_is_described_in_the_json_schema() -> None:
    sections = json_schema()["$defs"]
    undescribed = [
        name
        for name, field in fields_in(json_schema())
        # pydantic leaves out a description that the section itself has
        if "description" not in sections.get(field.get("$ref", "").rpartition("/")[2], field)
    ]
    assert undescribed == []


def test_the_json_schema_names_defaults_as_they_are_written_in_a_file() -> None:
    fields = dict(fields_in(json_schema()))
    assert fields["ProtocolSection.vote_timeout"]["default"] == "5 s"
    assert fields["ValidationSection.epsilon_global"]["default"] == "3 %"
    assert fields["NetworkSection.bandwidth"]["default"] == "unlimited"
    assert fields["Scenario.hospitals"]["default"] == 5


def test_the_json_schema_knows_no_null_and_no_other_keys() -> None:
    schema = json_schema()
    assert "null" not in str(schema)
    sections = [section for section in schema["$defs"].values() if "properties" in section]
    assert all(section["additionalProperties"] is False for section in [schema, *sections])


def test_a_scenario_error_is_raised_again_by_its_arguments() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("scenario: x\nseed: -1\n", "x.yaml")
    assert str(type(caught.value)(*caught.value.args)) == str(caught.value)
