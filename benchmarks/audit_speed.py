"""How fast an audit is: blocks per CPU-second at 4.5 signatures per block, and its peak memory.

    python -m benchmarks.audit_speed [--blocks 1000 4000] [--provider openssl|liboqs|auto]

A chain of two hospitals in which every fourth round has a candidate: such a round carries six
signatures (proposal, update, two verdicts, two votes), one without carries four; the mean is
printed beside the result. Each audit is a process of its own, so that memory and CPU time
are its own; making the ledger is not counted.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crypto.signature import Algorithm
from ledger.audit import audit_run
from ledger.audit.authority import signature_count
from ledger.block import Block
from tests.forge import Forge, grow, model_bytes, start

MODEL_COUNT = 8
"""Distinct models; a chain names each many times, as a run does when rounds are rejected."""


def make(directory: Path, block_count: int) -> float:
    """Write a ledger of this many blocks; the mean number of signatures per block."""
    forge = Forge(count=2, round_count=block_count - 2, algorithm=Algorithm.ML_DSA_65)
    blocks: list[Block] = [forge.genesis()]
    state = start(blocks[0])
    for number in range(1, block_count - 1):
        if number % 4 == 0:
            block = forge.rejected(state, model_bytes(number % MODEL_COUNT))
        else:
            block = forge.absent(state)
        blocks.append(block)
        state = grow(state, block)
    blocks.append(forge.end(state))
    forge.round_count = MODEL_COUNT
    forge.write(directory, blocks)
    return sum(map(signature_count, blocks)) / len(blocks)


def measure(directory: Path) -> None:
    """Audit once; print blocks, CPU seconds and peak memory as JSON."""
    start = time.process_time()
    report = audit_run(directory)
    seconds = time.process_time() - start
    assert report.judgement.value == "VALID", report.findings
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"blocks": report.counters.records, "cpu_s": seconds, "peak_mib": peak}))


def audited(directory: Path, provider: str) -> dict[str, float]:
    """One audit in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.audit_speed", "--measure", str(directory)]
    environment = {**os.environ, "TCLEARN_SIGNATURES": provider}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(output.stdout)
    return measured


def main() -> None:
    """Print one line per size and provider."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--provider", nargs="+", default=["openssl", "auto"])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure)
        return
    for count in options.blocks:
        with tempfile.TemporaryDirectory() as folder:
            signatures = make(Path(folder), count)
            for provider in options.provider:
                runs = [audited(Path(folder), provider) for _ in range(options.repeat)]
                rates = sorted(run["blocks"] / run["cpu_s"] for run in runs)
                peak = max(run["peak_mib"] for run in runs)
                print(
                    f"{count:6d} blocks, {signatures:.2f} signatures each, {provider:8}"
                    f" median {statistics.median(rates):5.0f} blocks per CPU-second"
                    f" (min {rates[0]:.0f}, max {rates[-1]:.0f}), peak {peak:.0f} MiB"
                )


if __name__ == "__main__":
    main()
