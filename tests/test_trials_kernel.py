"""The kernel against the event engine: the same outcome, or none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from consensus.quorum import QuorumSet, majority_of
from crypto.identity import NodeId
from scenarios.schema_network import NetworkSection
from scenarios.schema_sections import Protocol
from scenarios.trials import run as engine
from scenarios.trials.kernel import play, serves
from scenarios.trials.run import run_events, run_trial
from scenarios.trials.trial import Trial, Verdicts, Waits
from tests.trials import coalition, faults, names, organisations

COUNTING: Sequence[Protocol] = ("majority", "authority", "pbft")
LATENCIES: Sequence[dict[str, Any]] = (
    {"distribution": "lognormal", "mean": "40 ms", "deviation": "10 ms"},
    {"distribution": "lognormal", "mean": "40 ms", "deviation": "60 ms"},
    {"distribution": "uniform", "low": "10 ms", "high": "90 ms"},
    {"distribution": "normal", "mean": "30 ms", "deviation": "30 ms"},
    {"distribution": "gamma", "mean": "40 ms", "deviation": "40 ms"},
    {"distribution": "empirical", "delays": ["10 ms", "20 ms", "60 ms"]},
    {"distribution": "constant", "value": "20 ms"},
)


def network(said: dict[str, Any]) -> NetworkSection:
    return NetworkSection.model_validate({"latency": said})


def played(trial: Trial) -> bool:
    """Whether the kernel played a trial; then its outcome is that of the event engine."""
    assert serves(trial)
    found = play(trial)
    if found is not None:
        exact = run_events(trial)
        assert found == exact
        assert repr(found.decisions) == repr(exact.decisions)  # in its order, of its types
    return found is not None


@pytest.mark.parametrize("latency", LATENCIES, ids=lambda each: each["distribution"])
@pytest.mark.parametrize("protocol", COUNTING)
@pytest.mark.parametrize("mode", ["bare", "judged"])
def test_the_outcome_is_that_of_the_event_engine(
    mode: str, protocol: Protocol, latency: dict[str, Any]
) -> None:
    section = network(latency)
    count = 0
    for seed in range(30):
        size = (2, 3, 4, 5, 7, 10, 13, 16, 40, 66)[seed % 10]
        trial = Trial(coalition(size), protocol, section, seed=seed, authority=names(size)[-1])
        trial = replace(trial, mode="judged" if mode == "judged" else "bare")
        trial = replace(trial, verdicts=Verdicts((1_000_000, 900_000)[seed % 2]))
        count += played(trial)
    ties = latency["distribution"] in ("constant", "empirical")
    assert count >= (0 if ties else 15)


@pytest.mark.parametrize("good_ppm", [0, 300_000, 700_000, 1_000_000])
@pytest.mark.parametrize("protocol", COUNTING)
def test_what_the_hospitals_think_decides_in_both(protocol: Protocol, good_ppm: int) -> None:
    values = set()
    for seed in range(20):
        trial = Trial(coalition(9), protocol, seed=seed, mode="judged", verdicts=Verdicts(good_ppm))
        if played(trial):
            outcome = play(trial)
            assert outcome is not None
            values.add(outcome.decisions["h01"][0].value)
    assert len(values) == (2 if good_ppm == 700_000 else 1)  # three of nine reject


@pytest.mark.parametrize("protocol", COUNTING)
def test_any_flat_quorum_set_will_do(protocol: Protocol) -> None:
    some = tuple(names(7)[2:6])
    for quorum_set in (majority_of(names(7)), QuorumSet(1, some), QuorumSet(4, some)):
        for mode in ("bare", "judged"):
            trial = Trial(dict.fromkeys(names(7), quorum_set), protocol, seed=5)
            assert played(replace(trial, mode="judged" if mode == "judged" else "bare"))


def test_names_of_several_lengths_need_several_sizes() -> None:
    hospitals = [NodeId(f"h{number}") for number in range(1, 13)]
    for protocol in COUNTING:
        assert played(Trial(dict.fromkeys(hospitals, majority_of(hospitals)), protocol))


def test_arrivals_in_the_last_microsecond_are_told_apart_or_played() -> None:
    quick = network({"distribution": "uniform", "low": "1 us", "high": "60 us"})
    count = sum(
        played(Trial(coalition(9), protocol, quick, seed=seed))
        for protocol in COUNTING
        for seed in range(40)
    )
    assert count >= 60


@pytest.mark.parametrize("waits", [Waits(view_us=100_000), Waits(proposal_us=100_000)])
def test_where_a_timer_runs_out_the_events_are_played(waits: Waits) -> None:
    trial = Trial(coalition(7), "pbft", waits=waits, mode="judged", seed=3)
    assert play(trial) is None
    assert run_trial(trial) == run_events(trial)


def test_where_the_time_is_up_before_the_events_are_played() -> None:
    assert play(Trial(coalition(4), "majority", time_limit_us=20_000)) is None


def test_a_trial_that_is_watched_is_played_event_by_event() -> None:
    lines: list[str] = []
    trial = Trial(coalition(4), "pbft")
    outcome = run_trial(trial, lambda *line: lines.append(str(line)))
    assert len(lines) > outcome.event_count
    assert outcome == run_trial(trial)


def test_others_are_left_to_the_event_engine() -> None:
    plain = Trial(coalition(4), "majority")
    ring, loses = ({"graph": "ring"}, {"loss": "1 %", "retransmit": "never"})
    assert serves(plain)
    for other in (
        replace(plain, protocol="scp"),
        replace(plain, swift=False),
        replace(plain, slots=2),
        replace(plain, faults=faults({"kind": "silence", "hospital": "h01"})),
        replace(plain, network=NetworkSection.model_validate(ring)),
        replace(plain, network=NetworkSection.model_validate(loses)),
        Trial(coalition(1), "majority"),
        Trial(organisations(2, 3, 1, 2), "majority"),
        Trial({**coalition(4), NodeId("h05"): majority_of(names(5))}, "majority"),
        Trial(dict.fromkeys(names(4), QuorumSet(3, (*names(2), NodeId("x")))), "majority"),
    ):
        assert not serves(other)


def test_run_trial_takes_the_kernel_where_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = []
    monkeypatch.setattr(engine, "run_events", lambda trial, _: trials.append(trial))
    run_trial(Trial(coalition(4), "pbft"))
    assert trials == []
    run_trial(Trial(coalition(4), "scp"))
    assert len(trials) == 1
