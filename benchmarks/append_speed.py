"""How fast a ledger is written: a flush for each block, and one for each group of blocks.

    python -m benchmarks.append_speed [--size 15000] [--seconds 2]

A group is what a catching-up hospital could write at once: the records are framed one by one and
flushed together, straight through the operating system: the most that a store could do.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from ledger.record import frame
from ledger.store import LedgerWriter

GROUP_SIZE = 100


def each_flushed(directory: Path, payload: bytes, seconds: float) -> float:
    """Blocks per second with `LedgerWriter.append`."""
    with LedgerWriter(directory) as writer:
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            writer.append(payload)
        return writer.record_count / (time.perf_counter() - start)


def grouped(directory: Path, payload: bytes, seconds: float) -> float:
    """Blocks per second when groups are written with one call and flushed once."""
    directory.mkdir()
    descriptor = os.open(directory / "group", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        count = 0
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            os.write(descriptor, b"".join(frame(payload) for _ in range(GROUP_SIZE)))
            os.fdatasync(descriptor)
            count += GROUP_SIZE
        return count / (time.perf_counter() - start)
    finally:
        os.close(descriptor)


def main() -> None:
    """Print the medians of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=15_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    payload = os.urandom(options.size)
    for name, measure in (("a flush each", each_flushed), (f"{GROUP_SIZE} a flush", grouped)):
        rates = []
        for _ in range(options.repeat):
            with tempfile.TemporaryDirectory() as folder:
                rates.append(measure(Path(folder) / "ledger", payload, options.seconds))
        print(f"{name:14} {statistics.median(rates):8.0f} blocks of {options.size} bytes a second")


if __name__ == "__main__":
    main()
