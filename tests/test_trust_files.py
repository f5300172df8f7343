"""Files of nodes in four forms, what is refused, and graphs built of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from consensus.quorum import QuorumSet
from crypto.identity import NodeId
from scenarios.source import load
from scenarios.trust.errors import TrustError
from scenarios.trust.files import read_organisations, read_trust_file
from scenarios.trust.graph import ORGANISATION, TrustGraph
from scenarios.trust.scenario import scenario_trust

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
EXPECTED = QuorumSet(2, (A,), (QuorumSet(1, (B, C)),))

STELLARBEAT = {
    "threshold": 2,
    "validators": ["a"],
    "innerQuorumSets": [{"threshold": 1, "validators": ["b", "c"], "innerQuorumSets": []}],
}
CORE = {"t": 2, "v": ["a", {"t": 1, "v": ["b", "c"]}]}
FORMS: dict[str, Any] = {
    "stellarbeat": [{"publicKey": "a", "quorumSet": STELLARBEAT}, {"publicKey": "b"}],
    "MobileCoin's crawler": {
        "nodes": [{"publicKey": "a", "quorumSet": STELLARBEAT}, {"publicKey": "b"}]
    },
    "stellar-core": {"nodes": [{"node": "a", "qset": CORE}, {"node": "b", "qset": None}]},
    "python-fbas": {
        "validators": [{"id": "a", "qset": "outer", "attrs": {}}, {"id": "b", "qset": None}],
        "qsets": {
            "outer": {"threshold": 2, "members": ["a", "inner"]},
            "inner": {"threshold": 1, "members": ["b", "c"]},
        },
    },
}


def write(folder: Path, value: Any) -> Path:
    path = folder / "nodes.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return path


def read(folder: Path, value: Any) -> TrustGraph:
    return read_trust_file(write(folder, value))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_means_the_same(form: str, tmp_path: Path) -> None:
    graph = read(tmp_path, FORMS[form])
    assert graph.quorum_sets == {A: EXPECTED, B: None}
    assert [each.node for each in graph.members] == [A, B]


def test_words_are_kept_as_attributes(tmp_path: Path) -> None:
    entry = {
        "publicKey": "a",
        "name": "Alpha",
        "homeDomain": "alpha.example",
        "isp": "Net",
        "active": True,
        "geoData": {"countryName": "Norway", "latitude": 60.1},
    }
    (member,) = read(tmp_path, [entry]).members
    assert member.name == "Alpha"
    assert member.attributes["country"] == "Norway"
    assert member.attributes["isp"] == "Net"
    assert member.attributes[ORGANISATION] == "alpha.example"
    assert "active" not in member.attributes


def nest(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"threshold": 1, "validators": ["a"], "innerQuorumSets": []}
    for _ in range(depth):
        found = {"threshold": 1, "validators": [], "innerQuorumSets": [found]}
    return found


def nested_text(depth: int) -> str:
    """Too deep for json.dumps."""
    begin = '{"threshold": 1, "validators": [], "innerQuorumSets": ['
    return '[{"publicKey": "a", "quorumSet": ' + begin * depth + "]}" * depth + "}]"


def of(quorum_set: Any) -> list[Any]:
    return [{"publicKey": "a", "quorumSet": quorum_set}]


BAD: dict[str, tuple[Any, str]] = {
    "no JSON": ("[{", r"nodes.json:1:3: expected JSON; "),
    "half an escape": (r'"\u12', r"nodes.json:1:[0-9]+: expected JSON; "),
    "a number": ("7", r"expected a list of nodes, 'nodes', or 'validators' and 'qsets'"),
    "a key twice": (
        '[{"publicKey": "a", "publicKey": "b"}]',
        r"expected each key once, found 'publicKey' twice",
    ),
    "NaN": ('[{"publicKey": "a", "index": NaN}]', r"expected plain numbers; found NaN"),
    "a digit too many": ("[" + "9" * 5000 + "]", r"expected plain numbers; "),
    "a node twice": ([{"publicKey": "a"}] * 2, r"node 1: expected each node once, found a twice"),
    "a node that is a text": (["a"], r"node 0: expected an object, found 'a'"),
    "a node without a key": ([{}], r"node 0: its key: expected a text .*, found nothing"),
    "a key of the wrong type": ([{"publicKey": 7}], r"node 0: its key: .*, found 7"),
    "a quorum set of the wrong type": (of([1]), r"node 0 \(a\): quorumSet: .* found a list"),
    "no threshold": (of({"validators": []}), r"threshold: expected a whole number .* nothing"),
    "a threshold in words": (of({"threshold": "2"}), r"quorumSet.threshold: .*, found '2'"),
    "a threshold that is true": (of({"threshold": True}), r"threshold: .*, found true"),
    "a threshold below 0": (of({"threshold": -1}), r"threshold: .*, found -1"),
    "a threshold with a part": (of({"threshold": 1.5}), r"threshold: .*, found 1.5"),
    "validators of the wrong type": (
        of({"threshold": 1, "validators": "a"}),
        r"quorumSet.validators: expected a list, found 'a'",
    ),
    "a validator of the wrong type": (
        of({"threshold": 1, "validators": [None]}),
        r"quorumSet: a validator: expected a text .*, found nothing",
    ),
    "an inner set of the wrong type": (
        of({"threshold": 1, "validators": [], "innerQuorumSets": [7]}),
        r"quorumSet.innerQuorumSets\[0\]: expected an object, found 7",
    ),
    "17 levels": (of(nest(17)), r"expected at most 16 levels of inner sets, found more"),
    "depth 300": (nested_text(300), r"expected at most 16 levels of inner sets, found more"),
    "depth 1000": (nested_text(1000), r"less deep than these|levels of inner sets"),
    "depth 100000": ("[" * 100_000, r"expected lists and objects less deep than these"),
    "a million validators": (
        '[{"publicKey": "a", "quorumSet": {"threshold": 1, "validators": ['
        + ",".join(['"a"'] * 1_000_000)
        + "]}}]",
        r"quorumSet: expected at most 10000 entries, found more",
    ),
    "too many nodes": ([{}] * 10_001, r"expected at most 10000 nodes, found 10001"),
    "a quorum set inside itself": (
        {
            "validators": [{"id": "a", "qset": "x"}],
            "qsets": {
                "x": {"threshold": 1, "members": ["y"]},
                "y": {"threshold": 1, "members": ["x"]},
            },
        },
        r"qsets.x: expected no quorum set inside itself, found x in y in x",
    ),
    "a quorum set that is not there": (
        {"validators": [{"id": "a", "qset": "x"}], "qsets": {}},
        r"qsets.x: expected a quorum set of this name, found none",
    ),
    "an explosion of quorum sets": (
        {
            "validators": [{"id": "a", "qset": "q0"}],
            "qsets": {
                f"q{number}": {"threshold": 1, "members": [f"q{number + 1}"] * 10}
                for number in range(12)
            },
        },
        r"expected at most 10000 entries, found more",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_gets_one_clear_sentence(what: str, tmp_path: Path) -> None:
    value, message = BAD[what]
    with pytest.raises(TrustError, match=message) as caught:
        read(tmp_path, value)
    assert str(caught.value).startswith(str(tmp_path / "nodes.json"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="cannot be read: No such file"):
        read_trust_file(tmp_path / "none.json")
    with pytest.raises(TrustError, match="expected a file, found a directory"):
        read_trust_file(tmp_path)


def test_organisations_name_the_owner_of_each_node(tmp_path: Path) -> None:
    owners = [{"name": "One", "validators": ["a", "b"]}, {"id": "two", "validators": ["c"]}]
    found = read_organisations(write(tmp_path, owners))
    assert found == {A: "One", B: "One", C: "two"}
    with pytest.raises(TrustError, match="each node in one organisation, found a in 'One' and 'Q'"):
        read_organisations(write(tmp_path, [*owners, {"name": "Q", "validators": ["a"]}]))
    with pytest.raises(TrustError, match="expected a list, found an object"):
        read_organisations(write(tmp_path, {}))


def test_nodes_are_found_by_identity_name_or_organisation(tmp_path: Path) -> None:
    graph = read(
        tmp_path,
        [{"publicKey": "a", "name": "Alpha"}, {"publicKey": "b"}, {"publicKey": "c"}],
    ).with_organisations({B: "Two", C: "Two"})
    assert graph.find(["a"]) == graph.find(["Alpha"]) == {A}
    assert graph.find(["Two", "a"]) == {A, B, C}
    with pytest.raises(TrustError, match="found 'Alpa'; did you mean 'Alpha'"):
        graph.find(["Alpa"])


def test_groups_need_an_attribute_that_some_node_has(tmp_path: Path) -> None:
    graph = read(tmp_path, [{"publicKey": "a", "isp": "Net"}, {"publicKey": "b"}])
    assert graph.groups("isp") == {A: "Net", B: "b"}
    with pytest.raises(TrustError, match="found 'planet'; it has isp"):
        graph.groups("planet")


def test_names_that_several_have_carry_the_identity(tmp_path: Path) -> None:
    graph = read(tmp_path, [{"publicKey": "a", "name": "X"}, {"publicKey": "b", "name": "X"}])
    assert graph.names() == {A: "X (a)", B: "X (b)"}


def test_a_scenario_has_the_trust_graph_of_its_rule() -> None:
    graph = scenario_trust(load("quickstart"))
    assert len(graph.members) == 5
    assert {each.threshold for each in graph.quorum_sets.values() if each} == {4}
