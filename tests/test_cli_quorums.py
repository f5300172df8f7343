"""`tclearn quorums` as a person and as a program see it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import one_object, tclearn


def nodes(folder: Path, *, split: bool = False) -> Path:
    """Four hospitals of two towns; two quorums without a common node if ``split``."""
    names = ["Ahus", "Bergen", "Cork", "Derry"]
    entries = []
    for number, name in enumerate(names):
        trusted = names[:2] if number < 2 else names[2:]
        quorum_set = {"threshold": 2, "validators": trusted if split else names}
        if not split:
            quorum_set["threshold"] = 3
        country = "Norway" if number < 2 else "Ireland"
        entries.append(
            {"publicKey": name, "quorumSet": quorum_set, "geoData": {"countryName": country}}
        )
    path = folder / "nodes.json"
    path.write_text(json.dumps(entries), "utf-8")
    return path


def test_a_person_reads_who_can_halt_and_who_can_split(tmp_path: Path) -> None:
    done = tclearn("quorums", nodes(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Every two quorums share a node." in done.stdout
    assert "2 of these 4 (50 %) can halt the rest by failing together, no fewer" in done.stdout
    assert "2 of these 4 (50 %) can split the rest by lying together, no fewer" in done.stdout
    assert "Minimal quorums: 4, of 3 each" in done.stdout


def test_a_program_reads_one_object(tmp_path: Path) -> None:
    done = tclearn("quorums", nodes(tmp_path), "--json", "--merge-by", "country", cwd=tmp_path)
    found = one_object(done.stdout)
    assert done.returncode == 0
    assert found["intersection"] is True
    assert found["smallest"]["blocking"] == {
        "nodes": ["Ahus", "Bergen"],
        "lower": 2,
        "upper": 2,
        "proved": True,
    }
    assert found["minimal"]["quorums"]["count"] == 4
    assert found["merged"]["blocking"]["orbits"] == [
        [{"take": 1, "of": ["Ireland"]}],
        [{"take": 1, "of": ["Norway"]}],
    ]


def test_two_disjoint_quorums_are_shown_and_fail(tmp_path: Path) -> None:
    done = tclearn("quorums", nodes(tmp_path, split=True), cwd=tmp_path)
    assert done.returncode == 1
    assert "Two quorums share nobody" in done.stdout
    assert "  Ahus, Bergen\n  Cork, Derry\n" in done.stdout


def test_failed_nodes_are_left_out(tmp_path: Path) -> None:
    path = nodes(tmp_path)
    done = tclearn("quorums", path, "--without", "Cork", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert one_object(done.stdout)["smallest"]["blocking"]["upper"] == 1
    done = tclearn("quorums", path, "--without", "Cork,Derry", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no quorum" in done.stdout


def test_a_scenario_is_analysed_by_its_name(tmp_path: Path) -> None:
    done = tclearn("quorums", "quickstart", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert one_object(done.stdout)["smallest"]["splitting"]["upper"] == 3


def test_the_picture_holds_all_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    done = tclearn("quorums", nodes(tmp_path), "--html", "picture.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "picture.html").read_text("utf-8")
    assert "Bergen" in text
    assert "country: Norway" in text
    assert '<script src="http' not in text


def test_at_the_limit_the_answers_are_partial(tmp_path: Path) -> None:
    done = tclearn("quorums", nodes(tmp_path), "--limit", "1 us", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "Whether every two quorums share a node was not settled in time." in done.stdout
    assert "The time limit came first" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.json"], "none.json: cannot be read: No such file"),
        (["quickstrat"], "quickstrat: no such scenario; did you mean 'quickstart'"),
        (["quickstart", "--limit", "soon"], "--limit: "),
        (
            ["quickstart", "--merge-by", "planet"],
            "expected an attribute to merge by, found 'planet'",
        ),
        (["quickstart", "--without", "nobody"], "expected a node of it, found 'nobody'"),
        (["suggest"], "expected either FILE or --organisations"),
        (["suggest", "--organisations", "3,x"], "--organisations: expected how many hospitals"),
    ],
)
def test_misuse_gets_one_sentence(words: list[str], message: str, tmp_path: Path) -> None:
    done = tclearn("quorums", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("tclearn: ")
    assert len(done.stderr.splitlines()) == 1


def test_quorum_sets_are_proposed_with_their_proof(tmp_path: Path) -> None:
    words = ["quorums", "suggest", "--organisations", "3,3,3", "--survive", "2", "--lying", "3"]
    done = tclearn(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "By the analysis, the smallest quorum has" in done.stdout
    assert "rule: quorum-sets" in done.stdout
    done = tclearn(*words, "--json", cwd=tmp_path)
    found = one_object(done.stdout)
    assert found["possible"] is True
    assert found["proposal"]["blocking"] > 2
    assert found["proposal"]["splitting"] > 3


def test_a_proposal_is_a_scenario(tmp_path: Path) -> None:
    words = ["suggest", "quickstart", "--survive", "1", "--lying", "1"]
    done = tclearn("quorums", *words, cwd=tmp_path)
    section = done.stdout[done.stdout.index("protocol:") :]
    (tmp_path / "mine.yaml").write_text(f"scenario: mine\nhospitals: 5\n{section}", "utf-8")
    again = tclearn("quorums", "mine.yaml", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert one_object(again.stdout)["smallest"]["blocking"]["upper"] >= 2


def test_an_impossible_wish_is_refuted(tmp_path: Path) -> None:
    words = ["quorums", "suggest", "--organisations", "1,1,1,1", "--survive", "1", "--lying", "2"]
    done = tclearn(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "At least 5 hospitals are needed." in done.stdout


def test_help_has_examples(tmp_path: Path) -> None:
    for words in (["quorums", "--help"], ["quorums", "of", "--help"], ["quorums", "suggest", "-h"]):
        done = tclearn(*words, cwd=tmp_path)
        assert done.returncode == 0
        assert "Example" in done.stdout


def test_the_command_loads_neither_torch_nor_simpy() -> None:
    code = (
        "import sys; import scenarios.cli.quorums;"
        "assert not {'torch', 'simpy', 'plotly', 'ortools'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
