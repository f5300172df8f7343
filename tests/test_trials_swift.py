"""The swift network against the plain one: the same runs, or runs of the same distribution."""

import statistics
from dataclasses import replace
from typing import Any

import pytest

from scenarios.errors import SimulationError
from scenarios.schema_network import NetworkSection
from scenarios.schema_sections import Protocol
from scenarios.trials.clock import Clock
from scenarios.trials.minimise import trace_lines
from scenarios.trials.swift import SwiftNetwork, serves
from scenarios.trials.trial import PROTOCOLS, Trial
from tests.trials import MINUTE_US, coalition, faults, names, run

CONSTANT = {"latency": {"distribution": "constant", "value": "20 ms"}}
CUTS: tuple[dict[str, Any], ...] = (
    {"kind": "twin", "hospital": "h02"},
    {"kind": "crash", "hospital": "h05", "at": "50 ms", "recover": "4 s"},
    {
        "kind": "partition",
        "groups": [["h01", "h02", "h03"], ["h04", "h02/twin"]],
        "start": "10 ms",
        "heal": "1 s",
    },
    {"kind": "partition", "groups": [["h01"], ["h03"]], "heal": "3 s", "drop": True},
)


@pytest.mark.parametrize("mode", ["bare", "judged"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("said", [(), CUTS])
def test_with_constant_latencies_both_give_the_same_run(
    said: tuple[dict[str, Any], ...], protocol: Protocol, mode: str
) -> None:
    network = NetworkSection.model_validate(CONSTANT)
    trial = Trial(coalition(5), protocol, network, faults(*said), 3, 2, MINUTE_US // 2)
    trial = replace(trial, mode="judged" if mode == "judged" else "bare")
    swift, plain = trace_lines(trial), trace_lines(replace(trial, swift=False))
    assert swift[0] == plain[0]
    assert swift[1] == plain[1]
    assert len(swift[0]) >= 20


@pytest.mark.parametrize(
    "latency",
    [
        {"distribution": "uniform", "low": "10 ms", "high": "50 ms"},
        {"distribution": "normal", "mean": "40 ms", "deviation": "10 ms"},
        {"distribution": "lognormal", "mean": "40 ms", "deviation": "20 ms"},
        {"distribution": "gamma", "mean": "40 ms", "deviation": "20 ms"},
        {"distribution": "empirical", "delays": ["10 ms", "20 ms", "60 ms"]},
    ],
    ids=lambda each: each["distribution"],
)
def test_with_other_latencies_both_give_the_same_distribution(latency: dict[str, Any]) -> None:
    section = NetworkSection.model_validate({"latency": latency})
    means = []
    for swift in (True, False):
        lasts = []
        for seed in range(60):
            trial = Trial(coalition(7), "pbft", section, seed=seed, swift=swift)
            (latencies,) = run(trial).latencies
            assert latencies.last_us is not None
            lasts.append(latencies.last_us)
        means.append((statistics.mean(lasts), statistics.stdev(lasts) / 60**0.5))
    (one, error), (other, another) = means
    assert abs(one - other) < 4 * (error**2 + another**2) ** 0.5


def test_as_many_messages_get_lost_in_both() -> None:
    section = NetworkSection.model_validate({"loss": "30 %", "retransmit": "never"})
    lost = []
    for swift in (True, False):
        trial = Trial(coalition(13), "majority", section, seed=4, swift=swift)
        outcome = run(replace(trial, slots=5, time_limit_us=MINUTE_US))
        lost.append(outcome.lost_count / outcome.message_count)
    assert all(abs(fraction - 0.3) < 0.05 for fraction in lost)


@pytest.mark.parametrize(
    "said",
    [
        {"graph": "ring"},
        {"bandwidth": "1 Mbit/s"},
        {"loss": "1 %"},
        {"duplication": "1 %"},
        {"reordering": "1 %"},
        {"order": "fifo"},
        {"gst": "1 s"},
        {"regions": {"preset": "europe"}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_what_the_swift_network_does_not_know_it_leaves_to_the_plain_one(
    said: dict[str, Any],
) -> None:
    assert not serves(NetworkSection.model_validate(said), ())


def test_firewalls_and_delays_are_left_to_the_plain_network() -> None:
    wall = {"kind": "firewall", "senders": ["h01"], "receivers": ["h02"]}
    slow = {"kind": "delay", "hospital": "h01", "extra": "1 s"}
    assert serves(NetworkSection(), faults(*CUTS))
    assert not serves(NetworkSection(), faults(wall))
    assert not serves(NetworkSection(), faults(slow))


def test_nobody_is_connected_twice() -> None:
    network = SwiftNetwork(Clock(), NetworkSection(), (), 1)
    network.connect(names(1)[0], lambda *_: None)
    with pytest.raises(SimulationError, match="not connected: 'h01'"):
        network.connect(names(1)[0], lambda *_: None)
