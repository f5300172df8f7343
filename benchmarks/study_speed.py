"""How fast studies are: a replica's time, what a second process gains, and what memory they take.

    python -m benchmarks.study_speed [--count 16] [--replicas 200] [--work 4000] [--parts ...]

Part "replica" is processor time of one replica of agreement alone among n hospitals, as a worker of
a study makes it, the line of JSON included: median and worst tenth over batches of ten, the first
replica left out, each row a process of its own. Part "full" is the same with training, cryptography
and ledger: 5 hospitals, 10 rounds, few replicas. Part "scaling" is the wall time of fixed work in
the local engine, once its processes have started, with one process and with two. Part "memory" is
what a process holds after 1,000 and after 10,000 replicas.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import as_completed
from typing import Any

from scenarios.schema import Scenario
from scenarios.studies.cell import Task, replicas
from scenarios.studies.engines.local import LocalEngine
from scenarios.trials.trial import PROTOCOLS

ADVERSARIES: Mapping[str, Mapping[str, Any] | None] = {
    "nobody": None,
    "silence": {"kind": "silence"},
    "equivocate": {"kind": "equivocate"},
    "split": {"kind": "split"},
}
"""What each faulty hospital does; as many of them as two thirds flat can bear."""

BATCH = 10
"""Replicas that are timed at once: what they share is made once, as in a study."""

CHUNK = 50
"""Replicas of a task of the scaling part."""

MEMORY_AT = (1_000, 10_000)
"""After how many replicas memory is looked at."""

FULL_REPLICAS = 5
"""Replicas with training; each takes about a second."""


def task_for(protocol: str, adversary: str, count: int) -> Task:
    """One slot of a flat coalition."""
    section: dict[str, Any] = {"name": protocol}
    if protocol == "authority":
        section["authority"] = "hospital-1"
    said = {"scenario": "speed", "hospitals": count, "rounds": 1, "protocol": section}
    fault = ADVERSARIES[adversary]
    faulty = 0 if fault is None else (count - 1) // 3
    return Task("protocol", Scenario.model_validate(said), 42, fault, faulty)


def full_task() -> Task:
    """Five hospitals that learn for ten rounds."""
    said = {"scenario": "speed", "hospitals": 5, "rounds": 10}
    return Task("full", Scenario.model_validate(said), 42)


def held_mb() -> float:
    """What this process holds now, in megabytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no file, a question)
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def replica_times(task: Task, count: int) -> dict[str, float]:
    """Processor milliseconds of a replica, over batches."""
    batch = min(BATCH, count)
    replicas(task, 0, 1)
    times: list[float] = []
    for first in range(1, count + 1, batch):
        before = time.process_time()
        replicas(task, first, batch)
        times.append(1000 * (time.process_time() - before) / batch)
    times.sort()
    return {"median_ms": statistics.median(times), "p90_ms": times[len(times) * 9 // 10]}


def memory(task: Task, _: int) -> dict[str, float]:
    """Megabytes held after so many replicas."""
    found: dict[str, float] = {}
    done = 0
    for mark in MEMORY_AT:
        while done < mark:
            replicas(task, done, CHUNK)
            done += CHUNK
        found[str(mark)] = held_mb()
    return found


def wall_of(task: Task, workers: int, work: int) -> float:
    """Wall seconds of fixed work in the local engine, its processes started before."""
    engine = LocalEngine(workers)
    try:
        for started in [engine.submit(task, 0, CHUNK) for _ in range(4 * workers)]:
            started.result()
        before = time.perf_counter()
        for done in as_completed(
            [engine.submit(task, first, CHUNK) for first in range(0, work, CHUNK)]
        ):
            done.result()
        return time.perf_counter() - before
    finally:
        engine.close()


MEASUREMENTS: Mapping[str, Callable[[Task, int], dict[str, float]]] = {
    "replica": replica_times,
    "full": replica_times,
    "memory": memory,
}
"""What is measured in a process of its own."""


def in_a_process(part: str, protocol: str, adversary: str, count: int, many: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    one = [part, protocol, adversary, str(count), str(many)]
    command = [sys.executable, "-m", "benchmarks.study_speed", "--one", *one]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show_replicas(count: int, many: int) -> None:
    """Processor time of a replica, by protocol and adversary."""
    print(f"{'protocol':10} {'adversary':11} {'median ms':>9} {'p90 ms':>8} {'per second':>10}")
    for protocol in PROTOCOLS:
        for adversary in ADVERSARIES:
            row = in_a_process("replica", protocol, adversary, count, many)
            print(
                f"{protocol:10} {adversary:11} {row['median_ms']:9.2f} {row['p90_ms']:8.2f} "
                f"{1000 / row['median_ms']:10.0f}",
                flush=True,
            )


def show_full() -> None:
    """Processor time of a replica with everything."""
    row = in_a_process("full", "scp", "nobody", 5, FULL_REPLICAS)
    print(f"full replica, 5 hospitals, 10 rounds, scp: {row['median_ms']:.0f} ms")


def show_scaling(count: int, work: int) -> None:
    """What a second process gains."""
    for protocol in ("pbft", "scp"):
        task = task_for(protocol, "silence", count)
        walls = {workers: wall_of(task, workers, work) for workers in (1, 2)}
        print(
            f"{work} replicas of {protocol}, {len(os.sched_getaffinity(0))} processors: "
            f"{walls[1]:.1f} s with one process, {walls[2]:.1f} s with two: "
            f"{walls[1] / walls[2]:.2f} times as fast",
            flush=True,
        )


def show_memory(count: int) -> None:
    """What a process holds as replicas go by."""
    for protocol in ("majority", "pbft", "scp"):
        row = in_a_process("memory", protocol, "silence", count, 0)
        held = ", ".join(f"{megabytes:.1f} MB after {mark}" for mark, megabytes in row.items())
        print(f"memory, {protocol:9} {held}", flush=True)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--work", type=int, default=4000)
    parts = ("replica", "full", "scaling", "memory")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        part, protocol, adversary, count, many = options.one
        task = full_task() if part == "full" else task_for(protocol, adversary, int(count))
        print(json.dumps(MEASUREMENTS[part](task, int(many))))
        return
    shows: Mapping[str, Callable[[], None]] = {
        "replica": lambda: show_replicas(options.count, options.replicas),
        "full": show_full,
        "scaling": lambda: show_scaling(options.count, options.work),
        "memory": lambda: show_memory(options.count),
    }
    for part in options.parts:
        shows[part]()


if __name__ == "__main__":
    main()
