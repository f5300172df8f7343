"""Scenario files: what is read, how faults are reported, what is written back."""

import copy
import errno
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import Digest
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_network import Constant
from scenarios.source import (
    library,
    load,
    parse,
    read_text,
    resolved,
    resolved_yaml,
    scenario_digest,
)

ROOT = Path(__file__).parent.parent

FAULTY: list[tuple[str, tuple[str, ...], str]] = [
    # keys and values
    (
        "scenario: x\nprotocol:\n  rul: majority\n",
        (),
        "x.yaml:3: protocol.rul: unknown key; did you mean 'rule'?",
    ),
    ("scenario: x\nseed: '5'\n", (), "x.yaml:2: seed: expected a whole number, found '5'"),
    (
        "scenario: x\nhospitals: -3\n",
        (),
        "x.yaml:2: hospitals: expected a count from 1 to 1000, found -3",
    ),
    (
        "scenario: x\n\n# a comment\ntime_limit: 10 sec\n",
        (),
        (
            "x.yaml:4: time_limit: expected a unit of duration, found 'sec'; "
            "known are us, ms, s, min, h"
        ),
    ),
    (
        (
            "scenario: x\nfaults:\n  - {kind: crash, hospital: hospitl-1, at: 1 s}\n"
            "  - kind: twin\n    hospital: hospital-77\n"
        ),
        (),
        (
            "x.yaml:3: faults.0.hospital: unknown hospital 'hospitl-1'; "
            "did you mean 'hospital-1'?\n"
            "x.yaml:5: faults.1.hospital: unknown hospital 'hospital-77'; "
            "did you mean 'hospital-5'?"
        ),
    ),
    (
        (
            "scenario: x\nprotocol:\n  rule: quorum-sets\n  quorum_sets:\n    default:\n"
            "      threshold: 3\n      validators: [hospital-1, hospital-2]\n"
        ),
        (),
        (
            "x.yaml:6: protocol.quorum_sets.default.threshold: "
            "expected a threshold from 1 to 2, its entries, found 3"
        ),
    ),
    (
        "seed: 1\n",
        (),
        (
            "x.yaml:1: scenario: missing; the id of the scenario: "
            "lower-case letters, digits and hyphens"
        ),
    ),
    (
        "scenario: Quick_Start\n",
        (),
        (
            "x.yaml:1: scenario: expected lower-case letters, digits and '-', a letter first, "
            "found 'Quick_Start'"
        ),
    ),
    (
        "scenario: x\nrounds: 1_000\n",
        (),
        "x.yaml:2: rounds: expected a whole number, found '1_000'",
    ),
    ("scenario: x\nrounds: 1e3\n", (), "x.yaml:2: rounds: expected a whole number, found 1000.0"),
    (
        "scenario: x\ntraining: {learning_rate: .nan}\n",
        (),
        "x.yaml:2: training.learning_rate: expected a number, found '.nan'",
    ),
    (
        "scenario: x\nseed: " + "9" * 100 + "\n",
        (),
        f"x.yaml:2: seed: expected a whole number, found '{'9' * 79}…'",
    ),
    ('scenario: x\n"a\\nb": 1\n', (), r"x.yaml:2: a\nb: unknown key; known are "),
    # YAML
    (
        "scenario: x\nseed: 1\nseed: 2\n",
        (),
        "x.yaml:3: seed: this key stands in line 2 already; remove one",
    ),
    (
        "scenario: x\nmodel: {kind: mlp, kind: logistic}\n",
        (),
        "x.yaml:2: model.kind: this key stands in line 2 already; remove one",
    ),
    ("scenario: x\nmodel:\n\tkind: mlp\n", (), "x.yaml:3: found a tab; indent with spaces"),
    (
        "scenario: x\n  seed: 1\n",
        (),
        (
            "x.yaml:2: found ':' where no key can stand; check the indentation, "
            "and put text that contains ': ' in quotes"
        ),
    ),
    (
        "model:\n    kind: mlp\n  hidden: [1]\n",
        (),
        "x.yaml:3: the indentation does not match the lines above",
    ),
    ("scenario: [x\n", (), "x.yaml:2: not YAML: expected ',' or ']', but got '<stream end>'"),
    ("scenario: 'x\n", (), "x.yaml:2: not YAML: found unexpected end of stream"),
    ("scenario: x\nseed:\n", (), "x.yaml:2: seed: no value; give one or remove the key"),
    ("scenario: x\nseed: ~\n", (), "x.yaml:2: seed: no value; give one or remove the key"),
    (
        "scenario: &x x\n",
        (),
        "x.yaml:1: anchors and aliases are not read; write the value out",
    ),
    (
        "scenario: x\nmodel: {<<: *m}\n",
        (),
        "x.yaml:2: anchors and aliases are not read; write the value out",
    ),
    ("scenario: !!str x\n", (), "x.yaml:1: tags are not read; remove '!!str'"),
    ("scenario: !x x\n", (), "x.yaml:1: tags are not read; remove '!x'"),
    ("scenario: x\n---\nscenario: y\n", (), "x.yaml:2: expected one document, found another"),
    ("? [a]\n: b\n", (), "x.yaml:1: expected text as a key"),
    ("scenario: x\nseed: \0\n", (), "x.yaml:2: expected printable text, found U+0000"),
    ("a: " + "[" * 5000, (), "x.yaml:1: expected at most 32 levels, found more"),
    ("", (), "x.yaml: expected a scenario, found nothing; begin with 'scenario: …'"),
    ("# nothing\n", (), "x.yaml: expected a scenario, found nothing; begin with 'scenario: …'"),
    ("---\n", (), "x.yaml: expected a scenario, found nothing; begin with 'scenario: …'"),
    (
        "- scenario: x\n",
        (),
        "x.yaml: expected keys and values such as 'scenario: …', found a list",
    ),
    (
        "quickstart\n",
        (),
        "x.yaml: expected keys and values such as 'scenario: …', found 'quickstart'",
    ),
    # overrides
    (
        "scenario: x\n",
        ("protocol.rul=majority",),
        "--set protocol.rul=majority: protocol.rul: unknown key; did you mean 'rule'?",
    ),
    (
        "scenario: x\n",
        ("protocl.rule=majority",),
        "--set protocl.rule=majority: protocl: unknown key; did you mean 'protocol'?",
    ),
    (
        "scenario: x\nprotocol:\n  rule: majority\n",
        ("protocol.rule=two-third",),
        (
            "--set protocol.rule=two-third: protocol.rule: "
            "expected one of majority, two-thirds, quorum-sets, found 'two-third'; "
            "did you mean 'two-thirds'?"
        ),
    ),
    (
        "scenario: x\nprotocol:\n  rul: majority\n",
        ("protocol.name=majority", "protocol={rulee: majority}"),
        "--set protocol={rulee: majority}: protocol.rulee: unknown key; did you mean 'rule'?",
    ),
    (
        "scenario: x\nfaults: [{kind: twin, hospital: hospital-1}]\n",
        ("faults.1.hospital=hospital-2",),
        "--set faults.1.hospital=hospital-2: faults: expected an index from 0 to 0, found '1'",
    ),
    (
        "scenario: x\n",
        ("faults.0.factor=5",),
        "--set faults.0.factor=5: faults: the list is empty; nothing to set in it",
    ),
    (
        "scenario: x\nseed: 1\n",
        ("seed.x=1",),
        "--set seed.x=1: seed: expected a mapping or a list, found 1",
    ),
    (
        "scenario: x\n",
        ("seed",),
        "--set seed: expected a path and a value, such as protocol.rule=majority",
    ),
    ("scenario: x\n", ("seed=",), "--set seed=: seed: no value; give one"),
    (
        "scenario: x\n",
        ("seed=[1",),
        "--set seed=[1: not YAML: expected ',' or ']', but got '<stream end>'",
    ),
    (
        "scenario: x\nseed: -1\n",
        ("rounds=0",),
        (
            "--set rounds=0: rounds: expected at least 1, found 0\n"
            "x.yaml:2: seed: expected at least 0, found -1"
        ),
    ),
]


@pytest.mark.parametrize(
    ("text", "overrides", "message"), FAULTY, ids=[message for _, _, message in FAULTY]
)
def test_a_faulty_scenario_is_refused_with_place_path_and_advice(
    text: str, overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "x.yaml", overrides=overrides)
    found = str(caught.value)
    assert found.startswith(message) if message.endswith("known are ") else found == message


def test_at_most_ten_faults_are_reported_at_once() -> None:
    text = "scenario: x\n" + "".join(f"zzz{number}: 1\n" for number in range(13))
    with pytest.raises(ScenarioError) as caught:
        parse(text, "x.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("x.yaml:2: zzz0: unknown key; ")
    assert lines[-1] == "x.yaml: 3 more"


# Files


def refusal_of(source: str | Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(source)
    return str(caught.value)


def test_a_missing_file_suggests_the_library() -> None:
    assert (
        refusal_of("quikstart.yaml")
        == "quikstart.yaml: no such file; did you mean 'quickstart' of the library?"
    )
    assert (
        refusal_of("twothirds-twin")
        == "twothirds-twin: no such scenario; did you mean 'two-thirds-twin' of the library?"
    )
    names = ", ".join(entry.name for entry in library())
    assert refusal_of("zzz.yaml") == f"zzz.yaml: no such file; the library has {names}"


@pytest.mark.parametrize("name", ["", "a" * 5000, "a\0b"])
def test_an_impossible_name_is_a_missing_file(name: str) -> None:
    assert ": no such " in refusal_of(name)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path) == f"{tmp_path}: expected a file, found a directory"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(b"scenario: x\n\xff\xfe\x00")
    assert refusal_of(path) == f"{path}:2: expected UTF-8 text, found other bytes"


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.source_document.DOCUMENT_SIZE_MAX", 20)
    path = tmp_path / "large.yaml"
    path.write_text("scenario: x\n" + "#" * 9)
    assert refusal_of(path) == f"{path}: expected at most 20 bytes, found more"


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "secret.yaml"
    path.write_text("scenario: x\n")
    monkeypatch.setattr(Path, "open", refuse)  # root, who runs containers, reads every file
    assert refusal_of(path) == f"{path}: cannot be read: Permission denied"


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfscenario: x\r\nseed: 3\r\n")
    assert load(path).seed == 3


def test_a_name_of_the_library_is_not_shadowed_by_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quickstart").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("quickstart").name == "quickstart"


def test_paths_are_relative_to_the_file_and_in_overrides_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "folder", tmp_path / "here"
    for each in (folder, here):
        each.mkdir()
        (each / "patients.csv").write_text("a,b\n1,2\n")
    path = folder / "x.yaml"
    path.write_text("scenario: x\ndata: {source: patients.csv, label: b}\n")
    monkeypatch.chdir(here)
    assert load(path).data.source == str(folder / "patients.csv")
    assert load(path, ["data.source=patients.csv"]).data.source == str(here / "patients.csv")


def test_a_missing_data_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("scenario: x\ncosts: fast.yaml\n")
    assert (
        refusal_of(path)
        == f"{path}:2: costs: expected a file, found none at '{tmp_path / 'fast.yaml'}'"
    )


# Overrides


def test_an_override_replaces_a_value() -> None:
    assert parse("scenario: x\nseed: 1\n", "x", overrides=["seed=7"]).seed == 7


def test_an_override_reaches_into_a_list() -> None:
    scenario = load("quickstart", ["faults.0.factor=5"])
    assert scenario.faults[0].model_dump()["factor"] == 5.0


def test_an_override_of_a_part_keeps_the_rest_of_a_default() -> None:
    scenario = parse("scenario: x\n", "x", overrides=["network.latency.mean=5 ms"])
    assert scenario.network.latency.model_dump(mode="json") == {
        "distribution": "lognormal",
        "mean": "5 ms",
        "deviation": "10 ms",
    }
    again = parse("scenario: x\n", "x")
    assert again.network.latency.model_dump(mode="json")["mean"] == "40 ms"


def test_a_later_override_wins() -> None:
    assert parse("scenario: x\n", "x", overrides=["seed=1", "seed=2"]).seed == 2


def test_an_override_may_be_a_list_or_a_mapping() -> None:
    scenario = parse(
        "scenario: x\n",
        "x",
        overrides=["hospitals=[a, b]", "network.latency={distribution: constant, value: 1 ms}"],
    )
    assert scenario.hospitals == ("a", "b")
    assert isinstance(scenario.network.latency, Constant)


# The library


@pytest.mark.parametrize("entry", library(), ids=lambda entry: str(entry.name))
def test_a_scenario_of_the_library_has_the_name_of_its_file_and_says_what_happens(
    entry: Any,
) -> None:
    scenario = load(entry.name)
    assert scenario.name == entry.name == entry.path.stem
    assert scenario.description == entry.description != ""


def test_a_scenario_can_be_read_as_its_author_wrote_it() -> None:
    entry = library()[0]
    assert read_text(entry.name) == entry.path.read_text("utf-8")


def test_what_is_unlimited_or_never_is_resolved_to_that_word() -> None:
    scenario = load("majority-twin", ["faults.1.heal=never"])
    assert resolved(scenario)["network"]["bandwidth"] == "unlimited"
    assert resolved(scenario)["faults"][1]["heal"] == "never"
    assert "degree" not in resolved(scenario)["network"]


def test_the_library_has_the_scenarios_that_the_documentation_names() -> None:
    names = {entry.name for entry in library()}
    assert {"quickstart", "honest", "majority-twin", "two-thirds-twin"} <= names


# Written back

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
LINES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=20)
TRICKY = st.sampled_from(
    ["null", "true", "~", "1e3", "0x1F", "1_000", "12:30", "- a", "a: b", "#a", "'", '"', "!a"]
)
DURATIONS = st.integers(1, 10**10).map(lambda duration: f"{duration} us")
PERCENTS = st.integers(1, 999_999).map(lambda ppm: ppm / 1_000_000)
FACTORS = st.floats(1e-6, 1e6)


def latencies() -> st.SearchStrategy[dict[str, Any]]:
    spread = st.fixed_dictionaries(
        {
            "distribution": st.sampled_from(["normal", "lognormal", "gamma"]),
            "mean": DURATIONS,
            "deviation": DURATIONS,
        }
    )
    constant = st.fixed_dictionaries({"distribution": st.just("constant"), "value": DURATIONS})
    measured = st.fixed_dictionaries(
        {"distribution": st.just("empirical"), "delays": st.lists(DURATIONS, min_size=1)}
    )
    return spread | constant | measured


def links() -> st.SearchStrategy[Any]:
    own = {"latency": latencies(), "loss": PERCENTS, "bandwidth": st.just("3 Mbit/s")}
    link = st.fixed_dictionaries({}, optional=own).filter(bool)
    return latencies() | link


def networks(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """What a network may do to messages, beside graph, latency and bandwidth."""
    late = {"gst": DURATIONS, "before_gst": st.fixed_dictionaries({"loss": PERCENTS})}
    more = {
        "loss": PERCENTS,
        "retransmit": st.just("never") | DURATIONS,
        "duplication": PERCENTS,
        "reordering": PERCENTS,
        "regions": st.fixed_dictionaries(
            {"preset": st.just("europe"), "places": st.just({names[0]: "oslo"})},
            optional={"jitter": PERCENTS},
        ),
    }
    return st.fixed_dictionaries({}, optional=more) | st.fixed_dictionaries(late)


def quorum_sets(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(st.sampled_from(names), min_size=2, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {
                "threshold": st.integers(1, 2),
                "validators": st.just(chosen[1:]),
                "inner_sets": st.just([{"threshold": 1, "validators": chosen[:1]}]),
            }
        )
    )


def fault_of(names: list[str], rounds: int) -> st.SearchStrategy[dict[str, Any]]:
    hospital = st.sampled_from(names)
    attacks: list[dict[str, st.SearchStrategy[Any]]] = [
        {"attack": st.just("nan")},
        {"attack": st.just("sign-flip"), "factor": FACTORS},
        {"attack": st.just("gaussian"), "sigma": FACTORS},
        {"attack": st.just("label-flip"), "fraction": PERCENTS},
    ]
    poison: dict[str, st.SearchStrategy[Any]] = {
        "kind": st.just("poison"),
        "hospital": hospital,
        "from_round": st.integers(1, rounds),
    }
    return st.one_of(
        *(st.fixed_dictionaries(poison | attack) for attack in attacks),
        st.fixed_dictionaries({"kind": st.just("crash"), "hospital": hospital, "at": DURATIONS}),
        st.fixed_dictionaries({"kind": st.just("twin"), "hospital": hospital}),
        st.fixed_dictionaries(
            {
                "kind": st.just("partition"),
                "groups": st.just([names[:1], names[1:]]),
                "heal": st.just("never") | DURATIONS,
                "drop": st.booleans(),
            }
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("firewall"),
                "senders": st.just(names[:1]),
                "receivers": st.just(names[1:]),
                "drop": st.booleans(),
            },
            optional={"until_round": st.just(rounds)},
        ),
        st.fixed_dictionaries({"kind": st.just("delay"), "hospital": hospital, "extra": DURATIONS}),
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Scenarios as they are read from YAML, with every kind of section."""
    names = draw(
        st.lists(NAMES.filter(lambda name: name != "default"), min_size=2, max_size=5, unique=True)
    )
    rounds = draw(st.integers(1, 50))
    rule = draw(st.sampled_from(["majority", "two-thirds", "quorum-sets"]))
    chain = [[a, b, draw(links())] for a, b in itertools.pairwise(names)]
    hidden = st.lists(st.integers(1, 64), min_size=1, max_size=3)
    return {
        "scenario": draw(NAMES),
        "description": draw(LINES | TRICKY),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "rounds": rounds,
        "hospitals": names,
        "protocol": {
            "rule": rule,
            "vote_timeout": draw(DURATIONS),
            "quorum_sets": {"default": draw(quorum_sets(names))} if rule == "quorum-sets" else {},
        },
        "data": draw(
            st.fixed_dictionaries({"global_fraction": PERCENTS})
            | st.fixed_dictionaries(
                {
                    "partition": st.just("dirichlet"),
                    "alpha": FACTORS.map(lambda factor: max(factor, 0.001)),
                }
            )
        ),
        "model": draw(
            st.just({"kind": "logistic"})
            | st.fixed_dictionaries({"kind": st.just("mlp"), "hidden": hidden})
        ),
        "training": {
            "learning_rate": draw(st.floats(1e-9, 100)),
            "momentum": draw(st.floats(0, 0.9)),
        },
        "network": {
            "graph": draw(st.sampled_from(["complete", "ring", chain])),
            "latency": draw(latencies()),
            "bandwidth": draw(st.sampled_from(["unlimited", "3 bit/s", "100 Mbit/s"])),
            **draw(networks(names)),
        },
        "faults": draw(
            st.lists(
                fault_of(names, rounds),
                max_size=3,
                unique_by=lambda fault: (fault["kind"], fault.get("hospital")),
            )
        ),
    }


@settings(deadline=None)
@given(documents())
def test_a_resolved_scenario_loads_back_to_an_equal_one(document: dict[str, Any]) -> None:
    scenario = Scenario.model_validate(document)
    text = resolved_yaml(scenario)
    again = parse(text, "resolved.yaml")
    assert again == scenario
    assert resolved_yaml(again) == text
    assert scenario_digest(again) == scenario_digest(scenario)


def test_a_resolved_scenario_names_every_default_with_its_unit() -> None:
    text = resolved_yaml(parse("scenario: x\n", "x"))
    for line in (
        "seed: 42",
        "  vote_timeout: 5 s",
        "  epsilon_global: 3 %",
        "  bandwidth: unlimited",
        "time_limit: 1 h",
        "  containment: held",
    ):
        assert line in text.splitlines()


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_scenario_or_refused_line_by_line(text: str) -> None:
    try:
        parse(text, "x.yaml")
    except ScenarioError as error:
        message = str(error)
    else:
        message = ""
    assert all(line.isprintable() and line.startswith("x.yaml") for line in message.splitlines())


KEYS = st.sampled_from(
    ["scenario", "seed", "hospitals", "faults", "kind", "network", "graph", "latency", "mlp", "a"]
)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_is_a_scenario_or_refused(tree: dict[str, Any]) -> None:
    text = json.dumps({"scenario": "x"} | tree)
    try:
        parse(text, "x.yaml")
    except ScenarioError as error:
        message = str(error)
    else:
        message = "x.yaml is a scenario"
    assert message.startswith("x.yaml")


# Digests


def with_change(path: str, value: str) -> Digest:
    return scenario_digest(load("quickstart", [f"{path}={value}"]))


def test_every_field_is_part_of_the_digest() -> None:
    changes = [
        ("scenario", "quicker"),
        ("description", "other"),
        ("seed", "43"),
        ("rounds", "11"),
        ("hospitals", "6"),
        ("protocol.vote_timeout", "6 s"),
        ("training.learning_rate", "0.06"),
        ("training.momentum", "0.1"),
        ("network.latency.mean", "41 ms"),
        ("network.bandwidth", "unlimited"),
        ("network.loss", "1 %"),
        ("network.retransmit", "1 s"),
        ("network.duplication", "1 %"),
        ("network.order", "fifo"),
        ("network.reordering", "1 %"),
        ("network.regions", "{preset: world}"),
        ("network.regions", "{preset: world, jitter: 0 %}"),
        ("network", "{gst: 1 s, before_gst: {loss: 1 %}}"),
        ("faults.0.factor", "4"),
        ("faults.0.until_round", "9"),
        ("expect.agreement", "violated"),
    ]
    digests = [scenario_digest(load("quickstart")), *(with_change(*change) for change in changes)]
    assert len(set(digests)) == len(digests)


def test_a_digest_does_not_depend_on_how_a_value_is_written() -> None:
    assert with_change("training.learning_rate", "1e-1") == with_change(
        "training.learning_rate", "0.1"
    )
    assert with_change("time_limit", "60 min") == with_change("time_limit", "1 h")
    names = "[hospital-1, hospital-2, hospital-3, hospital-4, hospital-5]"
    assert with_change("hospitals", names) == with_change("hospitals", "5")
    assert with_change("training.momentum", "-0.0") == with_change("training.momentum", "0")


def test_what_a_later_key_means_when_it_is_absent_is_no_part_of_the_digest() -> None:
    """A scenario that uses nothing new keeps the identity that it had before there was more."""
    plain = scenario_digest(load("quickstart"))
    for path, value in [
        ("network.loss", "0 %"),
        ("network.retransmit", "200 ms"),
        ("network.duplication", "0 %"),
        ("network.order", "free"),
        ("network.reordering", "0 %"),
    ]:
        assert with_change(path, value) == plain
    partition = "{kind: partition, groups: [[hospital-1], [hospital-2]], heal: 1 s"
    kept = with_change("faults", f"[{partition}}}]")
    assert with_change("faults", f"[{partition}, drop: false}}]") == kept
    assert with_change("faults", f"[{partition}, drop: true}}]") != kept


def test_a_data_file_counts_by_its_bytes_and_not_by_its_path(tmp_path: Path) -> None:
    def digest_of(name: str, content: str) -> Digest:
        (tmp_path / name).write_text(content)
        text = f"scenario: x\ndata: {{source: {name}, label: b}}\n"
        return scenario_digest(parse(text, "x.yaml", tmp_path))

    assert digest_of("one.csv", "a,b\n1,2\n") == digest_of("two.csv", "a,b\n1,2\n")
    assert digest_of("one.csv", "a,b\n1,2\n") != digest_of("two.csv", "a,b\n1,3\n")


def test_the_digest_of_a_scenario_whose_file_is_gone_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("a,b\n")
    scenario = parse("scenario: x\ndata: {source: a.csv, label: b}\n", "x.yaml", tmp_path)
    data.unlink()
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        scenario_digest(scenario)


def test_a_scenario_is_not_changed_by_what_is_made_of_it() -> None:
    scenario = load("quickstart")
    before = copy.deepcopy(scenario)
    resolved_yaml(scenario)
    scenario_digest(scenario)
    assert scenario == before


DIGESTS = """
from scenarios.source import library, load, resolved_yaml, scenario_digest
for entry in library():
    scenario = load(entry.name)
    print(entry.name, scenario_digest(scenario).hex(), resolved_yaml(scenario))
"""


def test_digests_and_resolved_texts_do_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_importing_the_package_loads_no_heavy_library() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import scenarios, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    assert not {"pydantic", "ruamel.yaml", "networkx", "simpy", "numpy", "torch"} & set(loaded)
