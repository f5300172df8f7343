"""Making a violation small, and repeating it from its one line of text."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.quorum import majority_of
from scenarios.adversaries import plan_split
from scenarios.errors import ScenarioError, SimulationError
from scenarios.schema_network import NetworkSection
from scenarios.trials.checker import Property
from scenarios.trials.minimise import ddmin, minimise
from scenarios.trials.text import from_text, to_text
from scenarios.trials.trial import Trial, Verdicts, Waits
from tests.trials import MINUTE_US, coalition, faults, organisations


@pytest.mark.parametrize("needed", [{0}, {7}, {0, 7}, {1, 2, 6}, {0, 1, 2, 3, 4, 5, 6, 7}, set()])
def test_ddmin_finds_exactly_what_is_needed(needed: set[int]) -> None:
    tried: list[tuple[int, ...]] = []

    def fails(part: Sequence[int]) -> bool:
        tried.append(tuple(part))
        return needed <= set(part)

    assert list(ddmin(range(8), fails)) == sorted(needed)
    assert len(tried) < 70


def test_a_fork_is_reduced_to_one_twin_one_cut_and_three_hospitals() -> None:
    sets = coalition(9, majority_of)
    noise = faults(
        {"kind": "crash", "hospital": "h02", "at": "1 s"},
        {"kind": "bias", "hospital": "h03", "verdict": "reject"},
        {"kind": "silence", "hospital": "h04", "from_round": 5},
        {"kind": "twin", "hospital": "h05"},
    )
    plan = plan_split(sets, None, deletion=False)
    trial = Trial(sets, "majority", faults=(*noise, *plan.faults), slots=4, time_limit_us=MINUTE_US)
    small = minimise(trial, Property.AGREEMENT)
    assert [fault.kind for fault in small.trial.faults] == ["twin", "partition"]
    assert (small.trial.slots, len(small.trial.hospitals)) == (1, 3)
    assert small.run_count < 100
    assert sum(" decide " in line for line in small.trace) >= 2
    assert small.outcome.culprits == {"h09"}
    repeated = subprocess.run(
        [sys.executable, "-m", "scenarios.trials", to_text(small.trial), "--trace"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert repeated.returncode == 1
    lines = repeated.stdout.splitlines()
    assert tuple(lines[: len(small.trace)]) == small.trace
    assert lines[len(small.trace)].split()[:2] == ["agreement", "violated"]
    assert small.command.startswith("python -m scenarios.trials '{")


def test_what_violates_nothing_cannot_be_made_smaller() -> None:
    with pytest.raises(SimulationError, match="expected a trial that violates agreement"):
        minimise(Trial(coalition(4)), Property.AGREEMENT)


def test_a_trial_reads_back_from_its_text() -> None:
    said = faults(
        {"kind": "twin", "hospital": "o1-a"},
        {"kind": "crash", "hospital": "o1-b", "at": "1 s", "recover": "2 s"},
        {"kind": "crash", "hospital": "o1-c", "at": "1 s"},
        {"kind": "poison", "hospital": "o2-a", "attack": "scaling", "factor": 3},
        {"kind": "partition", "groups": [["o1-a"], ["o2-a"]], "heal": "never"},
        {"kind": "mutate", "hospital": "o2-b", "probability": 0.5, "until_round": 2},
    )
    network = NetworkSection.model_validate({"loss": "1 %", "gst": "3 s", "retransmit": "never"})
    sets = organisations(2, 3, 2, 3)
    trial = Trial(sets, "scp", network, said, 5, 3, MINUTE_US, Waits(view_us=7), "judged")
    trial = replace(trial, verdicts=Verdicts(1, 2), signature_bytes=64)
    assert from_text(to_text(trial)) == trial
    assert from_text(to_text(Trial(sets))) == Trial(sets)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"quorum_sets":[{"of":["a"],"threshold":2,"validators":["a"]}]}',
        '{"quorum_sets":[{"of":["a"],"threshold":1,"validators":["a"]}],"protocol":"x"}',
        '{"quorum_sets":[{"of":["a"],"threshold":1,"validators":["a"]}],"faults":[{"kind":"x"}]}',
    ],
)
def test_what_is_no_trial_is_refused_in_one_family(text: str) -> None:
    with pytest.raises(ScenarioError):
        from_text(text)
