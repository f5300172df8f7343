"""Study files: what is read, how faults are reported, what is written back."""

from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.studies import plan as planning
from scenarios.studies.identity import identity_of
from scenarios.studies.plan import plan
from scenarios.studies.source import library, load, parse, resolved, resolved_yaml
from tests.studies import RATES, SMALL, planned

HEAD = "study: x\nscenario: {hospitals: 4, protocol: {name: majority}}\n"
ASKED = HEAD + "question: {kind: rate, of: agreement}\n"
SILENT = HEAD + "question: {kind: threshold, of: termination}\nfaulty: {fault: {kind: silence}}\n"

FAULTY: list[tuple[str, tuple[str, ...], str]] = [
    # keys and types
    ("", (), "x.yaml: expected a study, found nothing; begin with 'study: …'"),
    ("study: x\nswep: {}\n", (), "x.yaml:2: swep: unknown key; did you mean 'sweep'?"),
    ("study: X\n", (), "x.yaml:1: study: expected lower-case letters, digits and '-'"),
    (HEAD, (), "x.yaml:1: question.of: missing; name a measure: agreement, validity, termination"),
    (
        ASKED + "replications: many\n",
        (),
        "x.yaml:4: replications: expected a whole number, found 'many'",
    ),
    (ASKED + "replications: 0\n", (), "x.yaml:4: replications: expected at least 1, found 0"),
    (
        ASKED + "replications: {precision: 2 %, at_last: 3}\n",
        (),
        "x.yaml:4: replications.at_last: unknown key; did you mean 'at_least'?",
    ),
    (
        ASKED + "replications: {precision: 2 %, at_least: 30, at_most: 20}\n",
        (),
        "x.yaml:4: replications.at_most: expected at least at_least, 30",
    ),
    (
        HEAD + "question: {kind: mean, of: messages}\nreplications: {precision: 2 %}\n",
        (),
        "x.yaml:4: replications: a precision is asked of rates, and the question is for a mean",
    ),
    (ASKED, ("batch=0",), "--set batch=0: batch: expected at least 1, found 0"),
    (ASKED, ("replications",), "--set replications: expected a path and a value, such as"),
    # axes
    (
        ASKED + "sweep:\n  hospitals: []\n",
        (),
        "x.yaml:5: sweep.hospitals: the axis is empty; give at least one value, or remove it",
    ),
    (
        ASKED + "sweep: {kind: {}}\n",
        (),
        "x.yaml:4: sweep.kind: the axis is empty; give at least one label, or remove it",
    ),
    (
        ASKED + "sweep:\n  hospitals: 4\n",
        (),
        "x.yaml:5: sweep.hospitals: expected a list of values, or labels with what each of them",
    ),
    (
        ASKED + "sweep:\n  protocl.name: [scp]\n",
        (),
        "x.yaml:5: sweep.protocl.name.0: unknown key 'protocl'; did you mean 'protocol'?",
    ),
    (
        ASKED + "sweep:\n  protocol.nme: [scp]\n",
        (),
        (
            "x.yaml:5: sweep.protocol.nme.0: protocol.nme: unknown key; did you mean 'name'? "
            "(with protocol.nme=scp)"
        ),
    ),
    (
        ASKED + "sweep:\n  protocol.name: [scp, pbtf]\n",
        (),
        (
            "x.yaml:5: sweep.protocol.name.1: protocol.name: expected one of scp, majority, pbft, "
            "authority, found 'pbtf'; did you mean 'pbft'? (with protocol.name=pbtf)"
        ),
    ),
    (
        ASKED + "sweep:\n  links:\n    slow: {network.bandwith: 1 Mbit/s}\n",
        (),
        (
            "x.yaml:6: sweep.links.slow.network.bandwith: network.bandwith: unknown key; did you "
            "mean 'bandwidth'? (with links=slow)"
        ),
    ),
    (
        ASKED + "sweep:\n  network.latency:\n    - {distribution: constant, value: 1 ms}\n",
        (),
        (
            "x.yaml:6: sweep.network.latency.0: expected a number, text, true or false, found a "
            "mapping; give it a label: 'NAME: {LABEL: {network.latency: …}}'"
        ),
    ),
    (
        ASKED + "sweep: {hospitals: [4, 5, 4]}\n",
        (),
        "x.yaml:4: sweep.hospitals.2: 4 stands here twice",
    ),
    (
        ASKED + "sweep: {faulty: [1, 2]}\n",
        (),
        "x.yaml:4: sweep.faulty: 'faulty' is the axis of faulty hospitals; write it as",
    ),
    (
        ASKED + "sweep: {seed: [1, 2]}\n",
        (),
        "x.yaml:4: sweep.seed.0: the replicas of a study have seeds of their own",
    ),
    (
        "study: x\nscenario: {seed: 3}\n",
        (),
        "x.yaml:2: scenario.seed: the replicas of a study have seeds of their own",
    ),
    (
        ASKED + "sweep: {hospitals: [4, 2000]}\n",
        (),
        (
            "x.yaml:4: sweep.hospitals.1: hospitals: expected a count from 1 to 1000, found 2000 "
            "(with hospitals=2000)"
        ),
    ),
    (
        ASKED + "sweep: {question.kind: [rate, threshold]}\nfaulty: {fault: {kind: silence}}\n",
        (),
        "x.yaml: question.kind: expected one question for all cells, found rate and threshold",
    ),
    # scenarios
    (
        "study: x\nscenario:\n  protocol: {rul: majority}\nquestion: {of: agreement}",
        (),
        "x.yaml:3: protocol.rul: unknown key; did you mean 'rule'?",
    ),
    (
        ASKED,
        ("scenario.rounds=0",),
        "--set scenario.rounds=0: rounds: expected at least 1, found 0",
    ),
    ("study: x\nbase: quikstart\n", (), "x.yaml:2: base: quikstart: no such "),
    # questions
    (
        HEAD + "question: {of: agrement}\n",
        (),
        "x.yaml:3: question.of: unknown measure: 'agrement'; did you mean 'agreement'?",
    ),
    (
        HEAD + "question: {of: final_score}\n",
        (),
        "x.yaml:3: question.of: no measure of fidelity 'protocol': 'final_score'; known are",
    ),
    (
        HEAD + "question: {of: latency_us}\n",
        (),
        (
            "x.yaml:3: question.of: expected a status for a rate, found 'latency_us', which is a "
            "number; known are agreement, validity, termination, judgement"
        ),
    ),
    (
        HEAD + "question: {kind: quantile, of: agreement}\n",
        (),
        "x.yaml:3: question.of: expected a number for a quantile, found 'agreement', which is a",
    ),
    (
        HEAD + "question: {kind: threshold, of: agreement}\n",
        (),
        "x.yaml:1: faulty: missing; a threshold is a number of faulty hospitals: say what each of",
    ),
    (
        ASKED + "fidelity: full\nverdicts: {good: 90 %}\n",
        (),
        "x.yaml:5: verdicts: belongs to the fidelity 'protocol'; hospitals validate models here",
    ),
    (
        ASKED + "calibration: none.yaml\n",
        (),
        "x.yaml:4: calibration: ",
    ),
    # faulty hospitals
    (
        SILENT,
        ("faulty.fault.kind=silent",),
        "--set faulty.fault.kind=silent: faulty.fault.kind: expected one of ",
    ),
    (
        SILENT,
        ("faulty.fault.hospital=hospital-1",),
        (
            "--set faulty.fault.hospital=hospital-1: faulty.fault.hospital: is filled in by the "
            "study; remove it"
        ),
    ),
    (
        SILENT,
        ("faulty.fault={kind: split}", "faulty.placement=random"),
        "--set faulty.placement=random: faulty.placement: a split finds its own hospitals",
    ),
    (
        SILENT,
        ("faulty.count=[1, 5]",),
        ("--set faulty.count=[1, 5]: faulty.count: expected at most all 4 hospitals, found 5"),
    ),
    (
        SILENT,
        ("faulty.count={from: 3, to: 1}",),
        "--set faulty.count={from: 3, to: 1}: faulty.count: expected 'to' to be at least 'from'",
    ),
    (
        SILENT,
        ("replications=5",),
        (
            "--set replications=5: replications: expected at least 9, without which no probe of a "
            "threshold is decided with a confidence of 95.0%, found 5"
        ),
    ),
    # expectations
    (
        ASKED + "expect:\n  - thresholds: theory\n",
        (),
        "x.yaml:5: expect.0.thresholds: belongs to a question for a threshold; the question is",
    ),
    (ASKED + "expect:\n  - {where: {}}\n", (), "x.yaml:5: expect.0: expects nothing; give"),
    (
        ASKED + "expect:\n  - {at_least: lots}\n",
        (),
        "x.yaml:5: expect.0.at_least: expected a duration such as '50 ms', found 'lots'",
    ),
    (
        ASKED + "sweep: {hospitals: [4, 5]}\nexpect:\n  - {where: {hospital: 4}, at_least: 90 %}\n",
        (),
        "x.yaml:6: expect.0.where.hospital: no axis; did you mean 'hospitals'?",
    ),
    (
        ASKED
        + "sweep: {hospitals: [4, 5]}\nexpect:\n  - {where: {hospitals: 6}, at_least: 90 %}\n",
        (),
        "x.yaml:6: expect.0.where.hospitals: no value of the axis: 6; it has 4, 5",
    ),
    (
        ASKED + "expect:\n  - {of: latency, at_least: 1 s}\n",
        (),
        "x.yaml:5: expect.0.of: unknown measure: 'latency'; did you mean 'latency_us'?",
    ),
]


@pytest.mark.parametrize(("text", "overrides", "sentence"), FAULTY)
def test_a_fault_is_a_sentence_with_its_place(
    text: str, overrides: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ScenarioError) as raised:
        plan(parse(text, "x.yaml", overrides=overrides))
    assert str(raised.value).splitlines()[0].startswith(sentence), str(raised.value)


def test_too_many_cells_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CELLS_MAX", 5)
    text = ASKED + "sweep: {hospitals: [4, 5, 6], network.loss: [0 %, 1 %]}\n"
    with pytest.raises(ScenarioError, match="at most 5 combinations of axes, found 6; remove"):
        plan(parse(text, "x.yaml"))
    with pytest.raises(ScenarioError, match="at most 5 cells, found 9; remove"):
        planned(SILENT, "question.search=every", "sweep={hospitals: [4, 5]}")


def test_a_sweep_is_the_product_of_its_axes_in_order() -> None:
    study = planned(SMALL, "question.search=every")
    labels = [tuple(each.axes.values()) for each in study.families]
    assert labels == [(4, "two-faced"), (4, "silent"), (5, "two-faced"), (5, "silent")]
    assert study.axes == (
        ("hospitals", (4, 5)),
        ("adversary", ("two-faced", "silent")),
        ("faulty", (0, 1, 2, 3, 4)),
    )
    assert [cell.id for cell in study.families[0].cells()] == [f"0001-f00{f}" for f in range(4)]
    assert study.families[0].question.of == "agreement"
    assert study.families[3].task.fault == {"kind": "silence"}
    assert len(study.families[3].task.scenario.hospitals) == 5


def test_overrides_reach_the_study_its_axes_and_its_scenario() -> None:
    study = planned(
        RATES,
        "replications=7",
        "scenario.rounds=2",
        "scenario.training.epochs=2",
        "sweep.network.loss=[10 %]",
        "sweep.protocol.name=[pbft, scp]",
    )
    assert study.study.replications == 7
    assert [name for name, _ in study.axes] == ["network.loss", "protocol.name"]
    scenario = study.families[1].task.scenario
    assert (scenario.rounds, scenario.training.epochs) == (2, 2)
    assert (scenario.protocol.name, scenario.network.loss_ppm) == ("scp", 100_000)
    nested = planned(SMALL, "sweep.adversary.silent.question.of=agreement")
    assert nested.families[1].question.of == "agreement"


def test_a_base_is_changed_key_by_key(tmp_path: Path) -> None:
    text = "study: x\nbase: scp-hierarchical\nquestion: {of: termination}\nscenario:\n"
    text += (
        "  network: {latency: {distribution: constant, value: 1 ms}}\n  protocol: {name: pbft}\n"
    )
    (task,) = (each.task for each in planned(text).families)
    assert task.scenario.protocol.name == "pbft"
    assert task.scenario.protocol.rule == "quorum-sets"
    assert task.scenario.network.latency.distribution == "constant"
    assert len(task.scenario.faults) == 4
    (tmp_path / "mine.yaml").write_text("scenario: mine\nhospitals: 3\n")
    own = "study: x\nbase: mine.yaml\nquestion: {of: termination}\n"
    assert len(plan(parse(own, "x.yaml", tmp_path)).families[0].task.scenario.hospitals) == 3


def test_paths_of_files_are_relative_to_the_study(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("1 ms\n")
    good = ASKED.replace(
        "hospitals: 4", "network: {latency: {distribution: empirical, file: d.txt}}"
    )
    first = identity_of(plan(parse(good, "x.yaml", tmp_path)))
    (tmp_path / "d.txt").write_text("2 ms\n")
    second = identity_of(plan(parse(good, "x.yaml", tmp_path)))
    assert second != first
    swept = ASKED + "sweep:\n  delays:\n    measured:\n"
    swept += "      network.latency: {distribution: empirical, file: d.txt}\n"
    swept += "  network.graph: [g.graphml]\n"
    with pytest.raises(
        ScenarioError, match=f"network.graph: expected a file, found none at '{tmp_path}"
    ):
        plan(parse(swept, "x.yaml", tmp_path))


def test_the_identity_is_of_what_changes_cells_and_of_nothing_else() -> None:
    first = identity_of(planned(SMALL))
    assert identity_of(planned(SMALL, "description=words", "expect=[]")) == first
    assert identity_of(planned("# a comment\n" + SMALL)) == first
    for override in ("seed=1", "scenario.rounds=2", "replications=31", "batch=4"):
        assert identity_of(planned(SMALL, override)) != first


@pytest.mark.parametrize("name", [entry.name for entry in library()])
def test_a_study_written_out_loads_back_to_an_equal_one(name: str) -> None:
    file = load(name)
    again = parse(resolved_yaml(file), "again.yaml", file.folder)
    assert resolved(again) == resolved(file)
    assert identity_of(plan(again)) == identity_of(plan(file))
