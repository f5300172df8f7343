"""How long norm proofs take, and how large they are.

    python -m benchmarks.norm_proof [--length 10000 108996 1000000 3000000] [--repeat 15]
    python -m benchmarks.norm_proof --length 1000000 --batch 8 --workers 2

Each length has a process of its own, with one thread unless --threads says otherwise, so that peak
memory is that of the length. The first proof is not counted: it loads libraries. CPU is the time of
the process over the time on the clock, for all that was measured; on a machine that others share
the two differ, and the columns of CPU seconds are the ones to compare.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
LENGTHS = [10_000, 108_996, 1_000_000, 3_000_000]
STEPS = ("commit", "prove", "decode", "verify")


def measure(length: int, bound: int, repeat: int) -> dict[str, Any]:
    """Make and verify proofs in this process."""
    import numpy as np

    from crypto.norm_proof import Context, commit, parameters, prove, verify
    from crypto.norm_proof.matrices import public_matrices
    from crypto.norm_proof.wire import decode_proof

    params = parameters(length, bound)
    digest = bytes(32)
    chance = np.random.default_rng(length)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STEPS}
    sizes = []

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start, cpu = time.perf_counter(), time.process_time()
        result = work()
        times[name].append((time.perf_counter() - start, time.process_time() - cpu))
        return result

    start = time.process_time()
    public_matrices(params)
    setup = time.process_time() - start
    for index in range(repeat + 1):
        values = chance.normal(size=length)
        values *= 0.999 * bound / np.linalg.norm(values)
        integers = np.trunc(values).astype(np.int64)
        context = Context("hospital-1", index, digest, digest, digest, 5, "truncate")
        opening = timed("commit", partial(commit, params, integers, chance.bytes(32)))
        proof = timed("prove", partial(prove, opening, context, chance.bytes(32)))
        timed("decode", partial(decode_proof, params, proof))
        timed("verify", partial(verify, params, opening.commitment, proof, context))
        sizes.append(len(opening.commitment) + len(proof))
    found: dict[str, Any] = {"length": length, "blocks": params.blocks, "setup": setup}
    for name, pairs in times.items():
        clock, cpu = zip(*pairs[1:], strict=True)
        found[name] = {
            "median": statistics.median(clock),
            "max": max(clock),
            "cpu_median": statistics.median(cpu),
            "cpu_mean": statistics.mean(cpu),
        }
    found["size_bytes"] = round(statistics.median(sizes))
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return found


def measure_batch(length: int, bound: int, count: int, workers: int) -> dict[str, Any]:
    """Verify many proofs at once in this process."""
    import numpy as np

    from crypto.norm_proof import Claim, Context, commit, parameters, prove, verify_all

    params = parameters(length, bound)
    digest = bytes(32)
    context = Context("hospital-1", 1, digest, digest, digest, count, "truncate")
    values = np.random.default_rng(1).integers(-3, 4, length)
    opening = commit(params, values, bytes(32))
    claim = Claim(params, opening.commitment, prove(opening, context, bytes(32)), context)
    found = {}
    for number in sorted({1, workers}):
        verify_all([claim], workers=1)
        start, cpu = time.perf_counter(), time.process_time()
        verdicts = verify_all([claim] * count, workers=number)
        assert verdicts == (None,) * count
        found[str(number)] = {
            "each": (time.perf_counter() - start) / count,
            "cpu_each": (time.process_time() - cpu) / count,
        }
    return {"length": length, "count": count, "workers": found}


def in_a_process(words: list[str], threads: int) -> dict[str, Any]:
    """Run this module once more, for one measurement."""
    variables = {name: str(threads) for name in THREAD_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.norm_proof", "--child", *words],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--bound", type=int, default=2**14)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        (length,) = options.length
        if options.batch:
            found = measure_batch(length, options.bound, options.batch, options.workers)
        else:
            found = measure(length, options.bound, options.repeat)
        print(json.dumps(found))
        return
    if not (options.json or options.batch):
        head = ("d", "R", "commit", "prove (max; cpu)", "verify (max; cpu)", "bytes", "peak MB")
        print(" | ".join(head))
    for length in options.length:
        words = [f"--length={length}", f"--bound={options.bound}", f"--repeat={options.repeat}"]
        words += [f"--batch={options.batch}", f"--workers={options.workers}"]
        found = in_a_process(words, options.threads)
        print(json.dumps(found) if options.json or options.batch else row(found), flush=True)


def row(found: dict[str, Any]) -> str:
    """One line of the table: seconds, medians first."""

    def seconds(name: str) -> str:
        step = found[name]
        return f"{step['median']:.3f} ({step['max']:.3f}; {step['cpu_median']:.3f})"

    return (
        f"{found['length']:,} | {found['blocks']} | {found['commit']['median']:.3f} |"
        f" {seconds('prove')} | {seconds('verify')} | {found['size_bytes']:,} |"
        f" {found['peak_mb']:.0f}"
    )


if __name__ == "__main__":
    main()
