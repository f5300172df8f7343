"""How many messages a second the simulated network carries, in CPU time of one core.

    python -m benchmarks.network_speed [--repeat 5] [--events 400000]

All hospitals broadcast to all others, again as soon as each has heard from all: what protocols that
count votes do. Opening the channels is measured apart; it happens once in a run.
"""

import argparse
import statistics
import time
from typing import Any

import simpy

from scenarios.schema import Scenario
from scenarios.simulation.network import Network
from scenarios.simulation.topology import build

COUNTS = (16, 64, 128)
CONSTANT = {"distribution": "constant", "value": "40 ms"}
LOGNORMAL = {"distribution": "lognormal", "mean": "40 ms", "deviation": "10 ms"}
NETWORKS: dict[str, dict[str, Any]] = {
    "constant": {"latency": CONSTANT},
    "lognormal": {"latency": LOGNORMAL},
    "lognormal, 100 Mbit/s, loss 1 %": {
        "latency": LOGNORMAL,
        "bandwidth": "100 Mbit/s",
        "loss": "1 %",
    },
}
SIZE_BYTES = 4_000


class Talker:
    """Broadcasts, and again when it has heard as often as there are others."""

    def __init__(self, name: str, peers: tuple[str, ...], network: Network[int]) -> None:
        self._name = name
        self._peers = peers
        self._network = network
        self.round = 0
        self._heard = 0
        network.connect(name, self.receive)

    def say(self) -> None:
        """Broadcast the next round."""
        self.round += 1
        self._network.broadcast(self._name, self._peers, self.round, SIZE_BYTES, self.round)

    def receive(self, _sender: str, _message: int) -> None:
        """Count."""
        self._heard += 1
        if self._heard == len(self._peers):
            self._heard = 0
            self.say()


def measure(count: int, section: dict[str, Any], events: int) -> tuple[float, float]:
    """Return messages a CPU-second once channels are open, and microseconds to open one."""
    scenario = Scenario.model_validate({"scenario": "x", "hospitals": count, "network": section})
    env = simpy.Environment()
    graph = build(scenario.network, scenario.hospitals, scenario.seed)
    network: Network[int] = Network(env, graph, scenario.network, seed=scenario.seed)
    names = scenario.hospitals
    talkers = [Talker(each, tuple(p for p in names if p != each), network) for each in names]
    start = time.process_time()
    for talker in talkers:
        talker.say()
    opening = time.process_time() - start
    delivered = max(events, 4 * count * count)
    start = time.process_time()
    for _ in range(delivered):
        env.step()
    return delivered / (time.process_time() - start), opening / (count * (count - 1)) * 1e6


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--events", type=int, default=400_000)
    options = parser.parse_args()
    for name, section in NETWORKS.items():
        for count in COUNTS:
            rates, openings = zip(
                *(measure(count, section, options.events) for _ in range(options.repeat)),
                strict=True,
            )
            print(
                f"{name:32} n = {count:3} {statistics.median(rates):9,.0f} messages a second "
                f"({min(rates):,.0f} to {max(rates):,.0f}), "
                f"{statistics.median(openings):4.0f} us to open a channel"
            )


if __name__ == "__main__":
    main()
