"""How many cases `tclearn explore` plays a second at four hospitals and a twin, on one core.

    python -m benchmarks.exploration_speed [--repeat 5] [--cases 10000] [--protocol scp]

In CPU time, agreement, validity and consistency checked in every case. *In order* are the last
cases of a space, which are those with a twin; *drawn* is a sample of it. Both begin with nothing
remembered. *Alone* plays each case with nothing remembered of any other: what remembering is worth.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence

from scenarios.exploration.case import Case
from scenarios.exploration.lockstep import Lockstep
from scenarios.exploration.positions import Pace
from scenarios.exploration.search import BATCH, Limit, decision_rounds, judged, search
from scenarios.exploration.space import Bounds, Space
from scenarios.exploration.system import System, system_of
from scenarios.source import parse

PROTOCOLS = ("majority", "pbft", "scp")
ALONE_COUNT = 200


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--protocol", choices=PROTOCOLS, action="append")
    options = parser.parse_args()
    print("| protocol | cuts x rounds | cases | in order | drawn | alone |")
    print("|---|---|---|---|---|---|")
    for protocol in options.protocol or PROTOCOLS:
        text = f"scenario: x\nhospitals: 4\nprotocol: {{name: {protocol}}}\n"
        system = system_of(parse(text, "x"))
        long = decision_rounds(Lockstep(system, Pace()))
        for cuts, span in dict.fromkeys([(3, 1), (2, long)]):
            space = Space(system, Bounds(cuts, 1, span))
            first = max(0, space.size - options.cases)
            last = [space.case(number) for number in range(first, space.size)]

            def in_order(system: System = system, cases: Sequence[Case] = last) -> int:
                return play(system, cases)

            def drawn(system: System = system, space: Space = space) -> int:
                limit = Limit(cases=min(options.cases, space.size - 1))
                return search(Lockstep(system, Pace()), space, limit).coverage.explored

            def alone(system: System = system, cases: Sequence[Case] = last) -> int:
                few = cases[:: max(1, len(cases) // ALONE_COUNT)]
                return sum(play(system, [case]) for case in few)

            rates = [median(each, options.repeat) for each in (in_order, drawn, alone)]
            found = " | ".join(f"{rate:,.0f}" for rate in rates)
            print(f"| {protocol} | {cuts} x {span} | {space.size:,} | {found} |", flush=True)


def play(system: System, cases: Sequence[Case]) -> int:
    """Play cases as a search does; how many they were."""
    lockstep = Lockstep(system, Pace())
    for begin in range(0, len(cases), BATCH):
        batch = sorted(cases[begin : begin + BATCH], key=lambda case: (case.values, case.cuts))
        for case in batch:
            assert judged(lockstep.play(case), case, lockstep, live=False) is None
    return len(cases)


def median(work: Callable[[], int], repeat: int) -> float:
    """The median of cases a CPU-second."""
    rates: list[float] = []
    for _ in range(repeat):
        gc.collect()
        gc.disable()
        began = time.process_time()
        count = work()
        rates.append(count / (time.process_time() - began))
        gc.enable()
    return statistics.median(rates)


if __name__ == "__main__":
    main()
