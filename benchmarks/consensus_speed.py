"""How fast agreement is simulated: events per second, and what one decision takes.

    python -m benchmarks.consensus_speed [--repeat 3] [--sizes 16 64 128 256] [--protocols ...]

Each measurement is a process of its own: one trial that decides one slot, two thirds of n flat,
lognormal delays of 40 ms, bare, no trace. "trial" is the processor time of the first trial of a
process, event by event; "events" that of a further one, median of several; "replica" the same as a
study runs it, by the kernel where that serves; memory is the most that the process ever held, and
what of it came on top of the imports. The table shows medians.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from consensus.quorum import two_thirds_of
from crypto.identity import NodeId
from scenarios.schema_sections import Protocol
from scenarios.trials.run import TrialOutcome, run_events, run_trial
from scenarios.trials.trial import PROTOCOLS, Trial

REPLICA_SECONDS = 2.0
"""How long replicas are run in one process, at most one beyond it."""


def trial_for(protocol: Protocol, count: int, seed: int) -> Trial:
    """One slot of a flat coalition."""
    hospitals = [NodeId(f"hospital-{number}") for number in range(1, count + 1)]
    return Trial(dict.fromkeys(hospitals, two_thirds_of(hospitals)), protocol, seed=seed)


def peak_mb() -> float:
    """The most memory this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(trial: Trial, run: Callable[[Trial], TrialOutcome]) -> tuple[float, float, TrialOutcome]:
    """Wall and processor seconds of a trial."""
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = run(trial)
    return time.perf_counter() - wall, time.process_time() - cpu, outcome


def median_of_further(
    protocol: Protocol, count: int, run: Callable[[Trial], TrialOutcome]
) -> float:
    """Processor seconds of one more trial in this process."""
    replicas: list[float] = []
    spent = 0.0
    while spent < REPLICA_SECONDS:
        _, seconds, _ = timed(trial_for(protocol, count, len(replicas) + 1), run)
        replicas.append(seconds)
        spent += seconds
    return statistics.median(replicas)


def measure(protocol: Protocol, count: int) -> dict[str, float]:
    """Measure in this process."""
    before_mb = peak_mb()
    wall, cpu, outcome = timed(trial_for(protocol, count, 0), run_events)
    last_us = outcome.latencies[0].last_us
    assert last_us is not None
    memory_mb = peak_mb()
    events = median_of_further(protocol, count, run_events)
    replica = median_of_further(protocol, count, run_trial)
    return {
        "wall_ms": 1000 * wall,
        "trial_ms": 1000 * cpu,
        "events_ms": 1000 * events,
        "replica_ms": 1000 * replica,
        "events": outcome.event_count,
        "events_per_s": outcome.event_count / events,
        "messages": outcome.message_count,
        "simulated_ms": last_us / 1000,
        "peak_mb": memory_mb,
        "added_mb": memory_mb - before_mb,
    }


def in_a_process(protocol: str, count: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.consensus_speed", "--one", protocol, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 64, 128, 256])
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--one", nargs=2, metavar=("PROTOCOL", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        protocol = next(each for each in PROTOCOLS if each == options.one[0])
        print(json.dumps(measure(protocol, int(options.one[1]))))
        return
    print(
        f"{'protocol':9} {'n':>4} {'wall ms':>9} {'trial ms':>9} {'events ms':>9} "
        f"{'replica ms':>10} {'events':>8} {'events/s':>9} {'messages':>8} {'simulated ms':>12} "
        f"{'peak MB':>8} {'added MB':>8}"
    )
    for protocol in options.protocols:
        for count in options.sizes:
            rows = [in_a_process(protocol, count) for _ in range(options.repeat)]
            row = {key: statistics.median(each[key] for each in rows) for key in rows[0]}
            print(
                f"{protocol:9} {count:4} {row['wall_ms']:9.1f} {row['trial_ms']:9.1f} "
                f"{row['events_ms']:9.2f} {row['replica_ms']:10.2f} {row['events']:8.0f} "
                f"{row['events_per_s']:9.0f} {row['messages']:8.0f} "
                f"{row['simulated_ms']:12.1f} {row['peak_mb']:8.1f} {row['added_mb']:8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
