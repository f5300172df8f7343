"""Runs side by side: what was asked for, what came out, what it cost, where two chains part.

Values and nothing else: `tclearn compare` prints them. A gap is what a run did not write down, as
one that was killed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ledger.audit.run import replica_directories
from ledger.errors import StoreError

from ..findings import Invariant
from ..replay.divergence import first_divergence
from ..replay.walk import Broken, Step, walk
from ..source import resolved
from .errors import ReportError
from .run import RunResults

RUNS_MAX = 10
"""Runs that are compared at once."""

Unit = Literal["text", "count", "ppm", "loss", "us", "bytes"]
Value = str | int | float | bool | None
Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing, of every run."""

    name: str
    """What it is."""
    unit: Unit
    """How its values are to be read."""
    values: tuple[Value, ...]
    """One for each run, in their order; None where a run does not say."""
    better: Better | None = None
    """Which direction is better, where one is."""

    @property
    def best(self) -> tuple[int, ...]:
        """Numbers of the runs with the best value; none where all are equal or nothing is better.

        Runs that do not say are left out.
        """
        return self._extreme(more=self.better == "more")

    @property
    def worst(self) -> tuple[int, ...]:
        """Numbers of the runs with the worst value, by the same rule."""
        return self._extreme(more=self.better == "less")

    def _extreme(self, *, more: bool) -> tuple[int, ...]:
        known = [each for each in self.values if isinstance(each, int | float)]
        if self.better is None or len(set(known)) < 2:
            return ()
        extreme = max(known) if more else min(known)
        return tuple(number for number, each in enumerate(self.values) if each == extreme)


@dataclass(frozen=True, slots=True)
class Parting:
    """How two chains of one genesis go on together, and where they part."""

    replica: str
    """Whose replicas were compared."""
    common_height: int
    """The last height at which they hold the same block; -1 where they share no genesis."""
    height: int | None
    """The first height at which they differ; None where they do not."""
    sentence: str
    """All of it in words."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side."""

    runs: tuple[str, ...]
    """Their directories."""
    sections: Mapping[str, tuple[Line, ...]]
    """The lines by what they are about."""
    parting: Parting | None
    """Of two runs."""


def compare(runs: Sequence[RunResults]) -> Comparison:
    """Set runs side by side.

    Raises:
        ReportError: When there are too few or too many, or a table is damaged.
    """
    if not 2 <= len(runs) <= RUNS_MAX:
        raise ReportError(f"expected 2 to {RUNS_MAX} runs to compare, found {len(runs)}")
    sections = {
        "scenario": tuple(_scenario(runs)),
        "outcome": tuple(_outcome(runs)),
        "verdicts": tuple(_verdicts(runs)),
        "scores": tuple(_scores(runs)),
        "rounds": tuple(_rounds(runs)),
        "messages": tuple(_messages(runs)),
        "computing": tuple(_stages(runs, "computing", "busy_us", "us")),
        "sending": tuple(_stages(runs, "sending", "size_bytes", "bytes")),
    }
    parting = _parting(runs[0].path, runs[1].path) if len(runs) == 2 else None
    return Comparison(tuple(str(each.path) for each in runs), sections, parting)


def _scenario(runs: Sequence[RunResults]) -> Iterator[Line]:
    """The keys in which the scenarios differ; the name counts, the description does not."""
    flat = [dict(_flat(resolved(run.scenario))) for run in runs]
    names = dict.fromkeys(name for each in flat for name in each if name != "description")
    for name in names:
        values = tuple(each.get(name) for each in flat)
        if any(value != values[0] for value in values):
            yield Line(name, "text", tuple(None if each is None else str(each) for each in values))


def _flat(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands in mappings, by its dotted path; what is empty does not stand there."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list) and any(isinstance(each, Mapping) for each in tree):
        for number, value in enumerate(tree):
            yield from _flat(value, f"{path}.{number}")
    elif isinstance(tree, list):
        if tree:
            yield path, ", ".join(map(str, tree))
    else:
        yield path, tree


def _outcome(runs: Sequence[RunResults]) -> Iterator[Line]:
    yield Line("status", "text", tuple(run.status for run in runs))
    yield Line("as expected", "text", _stated(runs, "as_expected"))
    yield Line("models accepted", "count", _stated(runs, "accepted"))
    yield Line("models rejected", "count", _stated(runs, "rejected"))
    yield Line("score on G, first", "ppm", _stated(runs, "global_score", "first"))
    yield Line("score on G, final", "ppm", _stated(runs, "global_score", "final"), "more")
    yield Line("loss on G, final", "loss", _stated(runs, "global_loss", "final"), "less")
    yield Line("simulated time", "us", _stated(runs, "simulated_us"), "less")
    yield Line("nodes caught", "count", tuple(_length(run.summary.get("accused")) for run in runs))


def _verdicts(runs: Sequence[RunResults]) -> Iterator[Line]:
    for each in Invariant:
        yield Line(each.value, "text", _stated(runs, "verdicts", each.value, "verdict"))


def _scores(runs: Sequence[RunResults]) -> Iterator[Line]:
    """Of the model accepted last, what the hospitals measured on their own L."""
    last = [_last_local(run) for run in runs]
    yield Line(
        "score on L, mean",
        "ppm",
        tuple(None if each is None else int(each.mean()) for each in last),
        "more",
    )
    yield Line(
        "score on L, worst hospital",
        "ppm",
        tuple(None if each is None else int(each.min()) for each in last),
        "more",
    )
    best = (_table(run, lambda run: run.rounds["global_score"].max()) for run in runs)
    yield Line("score on G, best candidate", "ppm", tuple(map(_whole, best)), "more")


def _last_local(run: RunResults) -> "pd.Series[int] | None":
    def measured(run: RunResults) -> Any:
        accepted = run.rounds[run.rounds["type"] == "accepted"]["height"]
        return run.scores("local").loc[accepted.iloc[-1]].dropna() if len(accepted) else None

    found = _table(run, measured)
    return None if found is None or not len(found) else found


def _rounds(runs: Sequence[RunResults]) -> Iterator[Line]:
    latencies = [
        _table(run, lambda run: run.rounds["decided_us"].diff().fillna(run.rounds["decided_us"]))
        for run in runs
    ]

    def of(name: str, value: Callable[[Any], Any]) -> Line:
        values = (None if each is None or each.empty else value(each) for each in latencies)
        return Line(name, "us", tuple(map(_whole, values)), "less")

    yield Line("heights", "count", tuple(None if each is None else len(each) for each in latencies))
    yield of("time of a round, median", lambda each: each.median())
    yield of("time of a round, 95 %", lambda each: each.quantile(0.95))
    yield of("time of a round, longest", lambda each: each.max())


def _messages(runs: Sequence[RunResults]) -> Iterator[Line]:
    sums = [_table(run, lambda run: run.messages.sum(numeric_only=True)) for run in runs]
    for name, column, unit, better in _MESSAGES:
        values = tuple(None if each is None else int(each[column]) for each in sums)
        yield Line(name, unit, values, better)


_MESSAGES: tuple[tuple[str, str, Unit, Better | None], ...] = (
    ("messages", "message_count", "count", "less"),
    ("bytes", "size_bytes", "bytes", "less"),
    ("messages held back", "held_count", "count", None),
    ("messages cut off", "dropped_count", "count", None),
)


def _stages(runs: Sequence[RunResults], kind: str, column: str, unit: Unit) -> Iterator[Line]:
    """What each stage took, of all hospitals together."""

    def summed(run: RunResults) -> Any:
        stages = run.stages[run.stages["kind"] == kind]
        return stages.groupby("stage", sort=False)[column].sum().to_dict()

    found = [_table(run, summed) for run in runs]
    for stage in dict.fromkeys(stage for each in found if each is not None for stage in each):
        values = (None if each is None else int(each.get(stage, 0)) for each in found)
        yield Line(str(stage), unit, tuple(values))


def _table(run: RunResults, read: Callable[[RunResults], Any]) -> Any:
    """What a run's tables say; None of a run that never came to write them.

    Raises:
        ReportError: When a table is missing or damaged that should be there.
    """
    if run.status not in ("finished", "interrupted") and not run.has_tables:
        return None
    return read(run)


def _stated(runs: Sequence[RunResults], *path: str) -> tuple[Value, ...]:
    """What the summaries say; None where one does not, or not plainly."""
    values = []
    for run in runs:
        found: Any = run.summary
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        values.append(found if isinstance(found, str | int | float) else None)
    return tuple(values)


def _whole(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else round(value)


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, Mapping) else None


def _parting(first: Path, second: Path) -> Parting | None:
    """Go along the first replica that both runs have; None where they share none."""
    try:
        ours = {each.name: each for each in replica_directories(first)}
        theirs = {each.name: each for each in replica_directories(second)}
    except StoreError:
        return None
    name = next((each for each in ours if each in theirs), None)
    if name is None:
        return None
    common = -1
    for one, other in zip_longest(walk(ours[name]), walk(theirs[name])):
        if isinstance(one, Broken) or isinstance(other, Broken):
            said = f"cannot be compared from height {common + 1} on: see tclearn audit"
            return Parting(name, common, None, f"the chains of {name} {said}")
        if one is None or other is None:
            where = first if one is None else second
            said = f"are the same up to height {common}, where that of {where} ends"
            return Parting(name, common, None, f"the chains of {name} {said}")
        if one.core_hash != other.core_hash:
            return _parted(name, common, one, other)
        common += 1
    return Parting(name, common, None, f"the chains of {name} are the same, height {common}")


def _parted(name: str, common: int, one: Step, other: Step) -> Parting:
    if common < 0:
        return Parting(
            name, common, 0, "the runs have different genesis blocks: two coalitions, two chains"
        )
    found = first_divergence(one.block.core, other.block.core)
    field = "" if found is None else f": {found.field} {found.first} and {found.second}"
    said = f"the chains of {name} part at height {common + 1}{field}"
    return Parting(name, common, common + 1, said)
