"""How fast an audit (L0 to L2) is: blocks per second at 4.5 signatures per block, and peak memory.

    python -m benchmarks.audit_speed [--blocks 1000 20000] [--provider openssl liboqs]
                                     [--threads 1 2] [--repeat 5]

A chain of two hospitals in which every fourth round has a candidate: such a round carries six
signatures (proposal, update, two verdicts, two votes), one without carries four; the mean is
printed beside the result. Each audit is a process of its own, so that memory and CPU time
are its own; making the ledger is not counted. "verification" is the share of the CPU time that bare
checks of as many signatures take in the same process: a noisy machine changes both alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crypto.signature import Algorithm, private_key, providers, sign, verify
from ledger.audit import AuditOptions, Judgement, Level, audit_run
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


def measure(directory: Path, thread_count: int) -> None:
    """Audit once; print blocks, seconds, the share of verification and peak memory as JSON."""
    options = AuditOptions(Level.L2, thread_count)
    bare_verification()  # loads the library, which costs 0.2 s once, however long the chain is
    cpu, wall = time.process_time(), time.perf_counter()
    report = audit_run(directory, options)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert report.judgement is Judgement.VALID, report.findings
    peak = peak_kib() / 1024
    verification = report.counters.verified * bare_verification()
    print(
        json.dumps(
            {
                "blocks": report.counters.records,
                "cpu_s": cpu,
                "wall_s": wall,
                "verification": verification / cpu,
                "peak_mib": peak,
            }
        )
    )


def peak_kib() -> int:
    """The most memory that this process has had; getrusage also counts what its parent had."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def bare_verification() -> float:
    """CPU seconds of one ML-DSA-65 verification."""
    key = private_key(Algorithm.ML_DSA_65, bytes(32))
    message = bytes(250)
    signature = sign(key, message)
    start = time.process_time()
    for _ in range(500):
        verify(key.public_key, signature, message)
    return (time.process_time() - start) / 500


def audited(directory: Path, provider: str, thread_count: int) -> dict[str, float]:
    """One audit in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.audit_speed", "--measure", str(directory)]
    command += ["--threads", str(thread_count)]
    environment = {**os.environ, "TCLEARN_SIGNATURES": provider}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(output.stdout)
    return measured


def main() -> None:
    """Print one line per size, provider and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, nargs="+", default=[1000, 20000])
    parser.add_argument("--provider", nargs="+", default=["openssl", "liboqs"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure, options.threads[0])
        return
    missing = {each.name for each in providers() if not each.available}
    for count in options.blocks:
        with tempfile.TemporaryDirectory() as folder:
            mean = make(Path(folder), count)
            print(f"{count} blocks, {mean:.2f} signatures each")
            for provider in options.provider:
                if provider in missing:
                    print(f"  {provider}: not installed here")
                    continue
                for thread_count in options.threads:
                    runs = [
                        audited(Path(folder), provider, thread_count) for _ in range(options.repeat)
                    ]
                    print(f"  {provider:8} {thread_count} threads: {described(runs)}")


def described(runs: list[dict[str, float]]) -> str:
    """Medians, with the extremes of the rate."""
    rates = sorted(run["blocks"] / run["cpu_s"] for run in runs)
    walls = [run["blocks"] / run["wall_s"] for run in runs]
    share = statistics.median(run["verification"] for run in runs)
    peak = max(run["peak_mib"] for run in runs)
    return (
        f"{statistics.median(rates):5.0f} blocks per CPU-second"
        f" ({rates[0]:.0f} to {rates[-1]:.0f}), {statistics.median(walls):5.0f} per second,"
        f" verification {share:.0%}, peak {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
