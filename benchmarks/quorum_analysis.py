"""How many questions about public networks are settled in 10 seconds, and how fast.

    python -m benchmarks.quorum_analysis [--data FOLDER] [--networks FOLDER …] [--limit 10]

The 62 synthetic networks with three analyses each are those of the published comparison of
python-fbas with fbas_analyzer (``benchmark_results_20251222_172738.csv``). They and the largest
snapshot (``pubnet_obsrvr.json``, 637 nodes) are in the repository nano-o/python-fbas, in
``tests/test_data/random`` and ``tests/test_data/pubnet``: name these with ``--networks``.
``--data`` is a folder with ``stellar/`` and ``synthetic/``. What is not there is counted as absent,
not as solved. The splitting set is one of all nodes that can agree. Solvers are loaded before the
first measurement; the times of snapshots are the best of ``--repeat``.
"""

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from consensus.resilience import (
    Deadline,
    Engine,
    Fbas,
    Minimum,
    UndecidedError,
    disjoint_quorums,
    minimal_quorums,
    minimum_blocking_set,
    minimum_splitting_set,
    missing_solvers,
    satisfiable,
)
from consensus.resilience.cp import fewest
from consensus.resilience.sat import Sat
from scenarios.trust.files import read_trust_file

DATA = Path(__file__).parents[2] / "shared" / "data" / "fbas"
"""Beside the repository, where the public networks are kept."""

FACTORS = {5: 4, 6: 5, 8: 2, 12: 11, 13: 12, 14: 13, 16: 15}
"""The 62 networks: how many there are (factor 1, 2 …) of each number of organisations."""

BEYOND = "24_orgs"
"""A network that nobody settles in the time: bounds are what is wanted."""

NAME = re.compile(r"(?:almost_symmetric_network|as)_(\w+)")
"""What the file of a synthetic network is called here or there."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Row:
    """One network."""

    name: str
    """Its number of organisations and its factor."""
    times_s: tuple[float, float, float]
    """What intersection, blocking and splitting took."""
    answers: tuple[str, str, str]
    """What was found."""
    solved_count: int
    """How many of the three were settled."""


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--networks", type=Path, nargs="*", default=[])
    parser.add_argument("--limit", type=float, default=10.0)
    parser.add_argument("--repeat", type=int, default=1)
    words = parser.parse_args()
    for advice in missing_solvers():
        print(f"without {advice}\n")
    load_solvers()
    synthetic(known_files([words.data / "synthetic", *words.networks]), words.limit)
    snapshots(words.data, words.networks, words.limit, words.repeat)


def load_solvers() -> None:
    """Answer one question that needs both, so that loading them is not measured."""
    if not missing_solvers():
        with Sat([[1]]) as solver:
            solver.model((), lambda: False)
        fewest([[1]], [1], lambda: False)


def known_files(folders: list[Path]) -> dict[str, Path]:
    """The synthetic networks by what follows the common part of their names."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            match = NAME.fullmatch(path.stem)
            if match is not None:
                found.setdefault(match[1], path)
    return found


def synthetic(files: dict[str, Path], limit_s: float) -> None:
    """The table of the 62 networks."""
    names = [
        f"{count}_orgs_delete_prob_factor_{factor}"
        for count, last in FACTORS.items()
        for factor in range(1, last + 1)
    ]
    print("| network | intersection | blocking | splitting |")
    print("|---|---|---|---|")
    rows: list[Row] = []
    for name in names:
        if name in files:
            rows.append(measured(name, files[name], limit_s))
            print(written(rows[-1]), flush=True)
    solved, asked = sum(row.solved_count for row in rows), 3 * len(rows)
    print(f"\n{solved} of {asked} settled within {limit_s:g} s each", end="")
    print(f"; {len(names) - len(rows)} of {len(names)} networks are not here.\n")
    if BEYOND in files:
        print(f"Beyond the comparison:\n\n{written(measured(BEYOND, files[BEYOND], limit_s))}\n")


def written(row: Row) -> str:
    """A row of the table."""
    cells = (
        f"{answer} ({time_s:.2f} s)"
        for answer, time_s in zip(row.answers, row.times_s, strict=True)
    )
    return f"| {row.name} | {' | '.join(cells)} |"


def measured(name: str, path: Path, limit_s: float) -> Row:
    """Ask all three questions."""
    fbas = satisfiable(read_trust_file(path).fbas())
    times: list[float] = []
    answers: list[str] = []
    solved = 0
    time_s, meets = timed(partial(intersects, fbas), limit_s)
    times.append(time_s)
    answers.append({True: "yes", False: "no", None: "open"}[meets])
    solved += meets is not None
    questions: tuple[Callable[[Fbas, Deadline], Minimum], ...] = (
        minimum_blocking_set,
        minimum_splitting_set,
    )
    for question in questions:
        time_s, found = timed(partial(question, fbas), limit_s)
        times.append(time_s)
        answers.append(shown(found))
        solved += found.proved
    short = name.replace("_orgs", " organisations").replace("_delete_prob_factor_", ", factor ")
    return Row(short, (times[0], times[1], times[2]), (answers[0], answers[1], answers[2]), solved)


def intersects(fbas: Fbas, deadline: Deadline, engine: Engine = Engine.AUTO) -> bool | None:
    """Whether every two quorums meet; None at the limit."""
    try:
        return disjoint_quorums(fbas, deadline, engine) is None
    except UndecidedError:
        return None


def shown(found: Minimum) -> str:
    """A number, or bounds."""
    if found.proved:
        return "none" if found.upper is None else str(found.upper)
    return f"{found.lower} to {'?' if found.upper is None else found.upper}"


def timed(ask: Callable[[Deadline], _T], limit_s: float, repeat: int = 1) -> tuple[float, _T]:
    """The answer, and the shortest time it took."""
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        answer = ask(partial(_is_past, begin + limit_s))
        best = min(best, time.perf_counter() - begin)
    return best, answer


def _is_past(end: float) -> bool:
    return time.perf_counter() > end


def snapshots(data: Path, folders: list[Path], limit_s: float, repeat: int) -> None:
    """The table of real networks."""
    paths = sorted([*data.glob("stellar/*.json"), *data.glob("mobilecoin/*.json")])
    paths += [path for folder in folders for path in sorted(folder.glob("pubnet_*.json"))]
    print("| snapshot | nodes | load | intersection | by SAT | minimal quorums | min. splitting |")
    print("|---|---|---|---|---|---|---|")
    for path in paths:
        print(snapshot_row(path, limit_s, repeat), flush=True)


def snapshot_row(path: Path, limit_s: float, repeat: int) -> str:
    """One real network."""
    load_s, fbas = timed(lambda _: read_trust_file(path).fbas(), limit_s, repeat)
    meet_s, meets = timed(partial(intersects, fbas), limit_s, repeat)
    engine = Engine.AUTO if missing_solvers() else Engine.SOLVER
    sat_s, _ = timed(partial(intersects, fbas, engine=engine), limit_s, repeat)
    all_s, quorums = timed(partial(minimal_quorums, fbas), limit_s, repeat)
    able = satisfiable(fbas)
    split_s, splitting = timed(partial(minimum_splitting_set, able), limit_s, repeat)
    cells = (
        path.stem,
        str(len(fbas.nodes)),
        f"{1000 * load_s:.1f} ms",
        f"{'yes' if meets else 'no'}, {1000 * meet_s:.1f} ms",
        f"{1000 * sat_s:.1f} ms",
        f"{quorums.count:,} in {len(quorums.orbits)} orbits, {1000 * all_s:.1f} ms",
        f"{shown(splitting)}, {split_s:.3f} s",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
