"""The simulated network: delays, partitions, counts, order."""

import os
import subprocess
import sys
from collections.abc import Callable
from math import exp, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import SimulationError
from scenarios.schema import Scenario
from scenarios.schema_faults import Partition
from scenarios.schema_network import Latency
from scenarios.simulation.channel import Traffic
from scenarios.simulation.cuts import cuts_between, disturbances_of, release_us
from scenarios.simulation.delays import draw
from scenarios.simulation.network import Network
from scenarios.simulation.streams import stream
from scenarios.simulation.topology import build

ROOT = Path(__file__).parent.parent

CONSTANT = {"distribution": "constant", "value": "10 ms"}
A, B, C, D = "hospital-1", "hospital-2", "hospital-3", "hospital-4"
TWIN = "hospital-4/twin"

Log = list[tuple[int, str, str, str]]


def scenario_of(
    network: dict[str, Any] | None = None, faults: list[dict[str, Any]] | None = None
) -> Scenario:
    twin = {"kind": "twin", "hospital": D}
    return Scenario.model_validate(
        {
            "scenario": "x",
            "hospitals": 4,
            "network": {"latency": CONSTANT} | (network or {}),
            "faults": [twin, *(faults or [])],
        }
    )


def partition(*groups: list[str], start: str = "0 s", heal: str = "1 s") -> dict[str, Any]:
    return {"kind": "partition", "groups": list(groups), "start": start, "heal": heal}


def network_of(scenario: Scenario, seed: int = 1) -> tuple[simpy.Environment, Network[str], Log]:
    """Return a network whose arrivals are logged as (time, sender, receiver, message)."""
    env = simpy.Environment()
    network: Network[str] = Network(
        env,
        build(scenario.network, scenario.hospitals, seed),
        scenario.network,
        seed=seed,
        disturbances=disturbances_of(scenario.faults),
    )
    log: Log = []

    def logs(receiver: str) -> Callable[[str, str], None]:
        return lambda sender, message: log.append((int(env.now), sender, receiver, message))

    for instance in scenario.instances:
        network.connect(instance, logs(instance))
    return env, network, log


def at(env: simpy.Environment, time_us: int, action: Callable[[], None]) -> None:
    env.timeout(time_us).callbacks.append(lambda _: action())


def test_a_message_arrives_after_the_latency_of_its_link() -> None:
    env, network, log = network_of(scenario_of())
    network.send(A, B, "hello", 100)
    env.run()
    assert log == [(10_000, A, B, "hello")]


def test_a_message_takes_every_link_of_its_route() -> None:
    env, network, log = network_of(scenario_of({"graph": "path"}))
    network.send(A, D, "far", 100)
    env.run()
    assert log == [(30_000, A, D, "far")]


def test_bandwidth_delays_each_byte_on_each_link() -> None:
    env, network, log = network_of(scenario_of({"graph": "path", "bandwidth": "8 Mbit/s"}))
    network.send(A, B, "one link", 1_000)
    network.send(A, C, "two links", 1_000)
    env.run()
    assert log == [(11_000, A, B, "one link"), (22_000, A, C, "two links")]


def test_a_message_takes_at_least_one_microsecond() -> None:
    latency = {"distribution": "constant", "value": "0 s"}
    env, network, log = network_of(scenario_of({"latency": latency}))
    network.send(A, B, "now", 0)
    env.run()
    assert log == [(1, A, B, "now")]


def test_time_is_an_integer_of_microseconds() -> None:
    latency = {"distribution": "gamma", "mean": "7 ms", "deviation": "3 ms"}
    env, network, log = network_of(scenario_of({"latency": latency, "bandwidth": "7 Mbit/s"}))
    for _ in range(50):
        network.send(A, B, "tick", 333)
    env.run()
    assert isinstance(env.now, int)
    assert len({time for time, *_ in log}) > 40


def test_messages_of_one_time_arrive_in_the_order_they_were_sent() -> None:
    env, network, log = network_of(scenario_of())
    sent = [(B, "1"), (C, "2"), (D, "3"), (B, "4"), (C, "5")]
    for receiver, message in sent:
        network.send(A, receiver, message, 1)
    env.run()
    assert [(receiver, message) for _, _, receiver, message in log] == sent


def test_a_twin_stands_where_its_hospital_stands() -> None:
    env, network, log = network_of(scenario_of({"graph": "path"}))
    network.send(A, TWIN, "to the twin", 1)
    network.send(TWIN, C, "from the twin", 1)
    network.send(TWIN, D, "to itself, nearly", 1)
    env.run()
    assert log == [
        (1, TWIN, D, "to itself, nearly"),
        (10_000, TWIN, C, "from the twin"),
        (30_000, A, TWIN, "to the twin"),
    ]


def test_sending_to_oneself_is_an_error() -> None:
    _, network, _ = network_of(scenario_of())
    with pytest.raises(SimulationError, match="'hospital-1' sends to itself"):
        network.send(A, A, "echo", 1)


def test_an_instance_that_is_not_connected_is_an_error() -> None:
    _, network, _ = network_of(scenario_of())
    with pytest.raises(SimulationError, match="expected a connected instance: 'nobody' is not"):
        network.send(A, "nobody", "hello?", 1)


def test_an_instance_connects_once() -> None:
    _, network, _ = network_of(scenario_of())
    with pytest.raises(SimulationError, match="expected an instance that is not connected"):
        network.connect(A, lambda _sender, _message: None)


def test_a_partition_holds_messages_until_it_heals() -> None:
    env, network, log = network_of(scenario_of(faults=[partition([A, B], [C, D])]))
    network.send(A, C, "across", 1)
    network.send(A, B, "inside", 1)
    env.run()
    assert log == [(10_000, A, B, "inside"), (1_010_000, A, C, "across")]


def test_a_partition_separates_a_hospital_from_its_twin() -> None:
    env, network, log = network_of(scenario_of(faults=[partition([A, D], [B, C, TWIN])]))
    network.send(A, D, "one side", 1)
    network.send(A, TWIN, "the other", 1)
    env.run()
    assert [(time, receiver) for time, _, receiver, _ in log] == [(10_000, D), (1_010_000, TWIN)]


def test_an_instance_in_no_group_reaches_all() -> None:
    env, network, log = network_of(scenario_of(faults=[partition([A], [C])]))
    network.send(B, A, "left", 1)
    network.send(B, C, "right", 1)
    env.run()
    assert [time for time, *_ in log] == [10_000, 10_000]


def test_a_partition_that_never_heals_drops_messages() -> None:
    env, network, log = network_of(scenario_of(faults=[partition([A], [B], heal="never")]))
    network.send(A, B, "lost", 7)
    env.run()
    assert log == []
    assert network.traffic() == {(A, B): Traffic(1, 7, 0, 1)}


def test_what_is_under_way_when_a_partition_begins_arrives() -> None:
    env, network, log = network_of(scenario_of(faults=[partition([A], [B], start="5 ms")]))
    network.send(A, B, "before", 1)
    at(env, 5_000, lambda: network.send(A, B, "within", 1))
    at(env, 1_000_000, lambda: network.send(A, B, "after", 1))
    env.run()
    assert [(time, message) for time, _, _, message in log] == [
        (10_000, "before"),
        (1_010_000, "within"),
        (1_010_000, "after"),
    ]


def test_a_message_waits_for_every_partition_in_its_way() -> None:
    faults = [
        partition([A], [B], start="0 s", heal="2 s"),
        partition([A, C], [B], start="1 s", heal="5 s"),
        partition([A], [B], start="5 s", heal="6 s"),
    ]
    env, network, log = network_of(scenario_of(faults=faults))
    network.send(A, B, "patient", 1)
    env.run()
    assert log == [(6_010_000, A, B, "patient")]


def test_traffic_is_counted_for_each_direction_of_each_pair() -> None:
    env, network, _ = network_of(scenario_of(faults=[partition([A], [B])]))
    network.send(A, B, "x", 10)
    network.send(A, B, "y", 5)
    network.send(B, A, "z", 1)
    network.send(A, C, "w", 2)
    env.run()
    assert network.traffic() == {
        (A, B): Traffic(2, 15, 2, 0),
        (A, C): Traffic(1, 2, 0, 0),
        (B, A): Traffic(1, 1, 1, 0),
    }
    assert network.total() == Traffic(4, 18, 3, 0)


@st.composite
def partitions(draw: st.DrawFn) -> list[Partition]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, 8))
        heal = draw(st.none() | st.integers(start + 1, 12))
        sides = {name: draw(st.sampled_from([0, 1, 2, None])) for name in (A, B, C)}
        groups = [[name for name, side in sides.items() if side == number] for number in range(3)]
        groups = [group for group in groups if group]
        if len(groups) > 1:
            settings = {"start": f"{start} us", "heal": "never" if heal is None else f"{heal} us"}
            found.append(
                Partition.model_validate({"kind": "partition", "groups": groups} | settings)
            )
    return found


def released_tick_by_tick(found: list[Partition], now_us: int) -> int | None:
    """The brute-force twin: wait a microsecond at a time until nothing separates A from B."""
    for time in range(now_us, 40):
        if not any(
            partition.start_us <= time
            and (partition.heal_us is None or time < partition.heal_us)
            and len({i for i, group in enumerate(partition.groups) if A in group or B in group})
            == 2
            for partition in found
        ):
            return time
    return None


@given(partitions(), st.integers(0, 15))
def test_a_message_sets_out_when_nothing_separates_its_ends(
    found: list[Partition], now_us: int
) -> None:
    cuts = cuts_between(found, A, B)
    assert release_us(cuts, now_us) == released_tick_by_tick(found, now_us)


def latency_of(distribution: str, **settings: str) -> Latency:
    network = {"latency": {"distribution": distribution} | settings}
    return scenario_of(network).network.latency


def truncated(mean: float, deviation: float) -> tuple[float, float]:
    """Return mean and deviation of a normal variable given that it is not negative."""
    alpha = -mean / deviation
    density = exp(-(alpha**2) / 2) / sqrt(2 * pi)
    rest = 0.8413447460685429  # of the distribution, where mean = deviation
    ratio = density / rest
    return mean + deviation * ratio, deviation * sqrt(1 + alpha * ratio - ratio**2)


@pytest.mark.parametrize(
    ("latency", "mean", "deviation"),
    [
        (latency_of("constant", value="40 ms"), 40_000, 0),
        (latency_of("uniform", low="10 ms", high="70 ms"), 40_000, 60_000 / sqrt(12)),
        (latency_of("uniform", low="10 ms", high="10 ms"), 10_000, 0),
        (latency_of("normal", mean="250 ms", deviation="50 ms"), 250_000, 50_000),
        (latency_of("normal", mean="10 ms", deviation="10 ms"), *truncated(10_000, 10_000)),
        (latency_of("normal", mean="10 ms", deviation="0 s"), 10_000, 0),
        (latency_of("lognormal", mean="40 ms", deviation="10 ms"), 40_000, 10_000),
        (latency_of("lognormal", mean="40 ms", deviation="0 s"), 40_000, 0),
        (latency_of("gamma", mean="40 ms", deviation="20 ms"), 40_000, 20_000),
        (latency_of("gamma", mean="40 ms", deviation="0 s"), 40_000, 0),
    ],
)
def test_a_latency_has_the_mean_and_the_deviation_that_were_given(
    latency: Latency, mean: float, deviation: float
) -> None:
    count = 200_000
    delays = draw(latency, stream(3, "test"), count)
    assert delays.shape == (count,)
    assert delays.min() >= 0
    # five standard errors; the deviation's own error is a little larger for the long tails
    assert abs(delays.mean() - mean) <= 5 * deviation / sqrt(count) + 1e-6 * mean
    assert abs(delays.std() - deviation) <= 0.02 * deviation + 1e-6 * mean


def test_a_normal_latency_is_never_negative_even_around_zero() -> None:
    delays = draw(latency_of("normal", mean="0 s", deviation="1 ms"), stream(1, "test"), 10_000)
    assert delays.min() >= 0
    assert abs(delays.mean() - 1_000 * sqrt(2 / pi)) < 30


def test_each_direction_of_each_pair_has_its_own_chance() -> None:
    latency = {"distribution": "uniform", "low": "0 s", "high": "1 h"}
    env, network, log = network_of(scenario_of({"latency": latency}))
    for sender, receiver in [(A, B), (B, A), (A, C), (C, B)]:
        network.send(sender, receiver, "x", 1)
    env.run()
    assert len({time for time, *_ in log}) == 4


def test_traffic_of_others_does_not_shift_a_pair() -> None:
    latency = {"distribution": "lognormal", "mean": "40 ms", "deviation": "10 ms"}

    def arrivals(busy: bool) -> list[int]:
        env, network, log = network_of(scenario_of({"latency": latency}))
        for _ in range(100):
            network.send(A, B, "x", 1)
            if busy:
                network.send(C, B, "y", 1)
        env.run()
        return [time for time, sender, *_ in log if sender == A]

    assert arrivals(busy=False) == arrivals(busy=True)


def test_delays_keep_their_distribution_over_a_route_of_many_draws() -> None:
    latency = {"distribution": "gamma", "mean": "40 ms", "deviation": "20 ms"}
    env, network, log = network_of(scenario_of({"graph": "path", "latency": latency}))
    for _ in range(20_000):
        network.send(A, C, "x", 1)
    env.run()
    delays = np.array([time for time, *_ in log])
    assert abs(delays.mean() - 80_000) < 5 * 20_000 * sqrt(2) / sqrt(20_000)
    assert abs(delays.std() - 20_000 * sqrt(2)) < 0.03 * 20_000 * sqrt(2)


ARRIVALS = """
import simpy
from scenarios import source
from scenarios.simulation.cuts import disturbances_of
from scenarios.simulation.network import Network
from scenarios.simulation.topology import build
scenario = source.load("majority-twin", ["network.graph=ring"])
env = simpy.Environment()
network = Network(
    env,
    build(scenario.network, scenario.hospitals, scenario.seed),
    scenario.network,
    seed=scenario.seed,
    disturbances=disturbances_of(scenario.faults),
)
for each in scenario.instances:
    network.connect(each, lambda sender, message, each=each: print(env.now, sender, each, message))
for number in range(20):
    for sender in scenario.instances:
        for receiver in scenario.instances:
            if sender != receiver:
                network.send(sender, receiver, number, 100)
env.run()
print(network.traffic())
"""


def test_arrivals_do_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", ARRIVALS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 20 * 6 * 5 + 1
